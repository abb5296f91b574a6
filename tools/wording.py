"""Refuse words that lead nowhere: documents, links and paths that are not in this repository.

`make lint` runs it. A reader has only what is committed here.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Each is joined from its parts, so that no line here holds what is refused and this file is checked too.
_DOCUMENTS = ("contract", "house", "next", "found", "stories", "facts", "peers")
_PHRASES = (("house", "rules?"), ("the", "seed's"))
_ELSEWHERE = re.compile(
    r"|".join(
        [
            rf"\b(?:{'|'.join(_DOCUMENTS)})\.md\b",
            *(r"\b" + r"\s".join(words) + r"\b" for words in _PHRASES),
            r"(?<![\w.}])/work" + "/",
        ]
    ),
    re.IGNORECASE,
)
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")
_PATH = re.compile(r"`([\w.*<>-]+(?:/[\w.*<>-]+)+)/?`")
_PLACEHOLDER = re.compile(r"<\w+>|\bNAME\b")
_FOLDERS = ("services/", "libs/", "apps/", "tools/", "docs/", "deploy/", "tests/", "bench/")
_SOURCES = ("libs/*/src", "apps/*/src", "services/*/src", "services/*/src/*")
_UNTRACKED = ("bench/results/",)


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
        if not name.endswith((".lock", ".png", ".svg")) and (ROOT / path).is_file():
            yield path


def _faults(path: Path) -> Iterator[str]:
    for number, line in enumerate((ROOT / path).read_text("utf-8").splitlines(), start=1):
        if named := _ELSEWHERE.search(line):
            yield f"{path}:{number}: {named[0]!r} names something that is not in this repository"
        if path.suffix == ".md":
            yield from (f"{path}:{number}: no file {link}" for link in _broken(path, line))
            yield from (f"{path}:{number}: no path {named}" for named in _missing(path, line))


def _broken(path: Path, line: str) -> Iterator[str]:
    for link in _LINK.findall(line):
        if ":" not in link and not (ROOT / path.parent / link).exists():
            yield link


def _missing(path: Path, line: str) -> Iterator[str]:
    """Yield the paths in backticks that nobody can open; the changelog may name what is gone."""
    for named in _PATH.findall(line) if path.name != "CHANGELOG.md" else ():
        checked = named.startswith(_FOLDERS) or named.endswith(".py")
        if checked and not named.startswith(_UNTRACKED) and not _exists(path, named):
            yield named


def _exists(path: Path, named: str) -> bool:
    """Say whether a path leads somewhere from the root, from its document or from a package's source."""
    pattern = _PLACEHOLDER.sub("*", named)
    folders = [ROOT, ROOT / path.parent, *(f for source in _SOURCES for f in ROOT.glob(source))]
    return any(found for folder in folders for found in folder.glob(pattern))


if __name__ == "__main__":
    main()
