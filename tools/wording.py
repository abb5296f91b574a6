"""Refuse words that lead nowhere: documents that are not in this repository, and links to files that are not.

`make lint` runs it. A reader has only what is committed here.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_ELSEWHERE = re.compile(
    r"\b(?:contract|house|next|found|stories|facts|peers)\.md\b|\bhouse rules?\b|\bthe seed's\b|(?<![\w.}])/work/",
    re.IGNORECASE,
)
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")
_OWN = {Path("tools/wording.py"), Path("tests/tools/test_wording.py")}


def main() -> None:
    """Print every fault with its place, and end the process with 1 if there are any."""
    faults = [fault for path in _texts() for fault in _faults(path)]
    if faults:
        sys.exit("\n".join(faults))


def _texts() -> Iterator[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        path = Path(name)
        if (
            path not in _OWN
            and not name.endswith((".lock", ".png", ".svg"))
            and (ROOT / path).is_file()
        ):
            yield path


def _faults(path: Path) -> Iterator[str]:
    for number, line in enumerate((ROOT / path).read_text("utf-8").splitlines(), start=1):
        if named := _ELSEWHERE.search(line):
            yield f"{path}:{number}: {named[0]!r} names something that is not in this repository"
        if path.suffix == ".md":
            yield from (f"{path}:{number}: no file {link}" for link in _broken(path, line))


def _broken(path: Path, line: str) -> Iterator[str]:
    for link in _LINK.findall(line):
        if ":" not in link and not (ROOT / path.parent / link).exists():
            yield link


if __name__ == "__main__":
    main()
