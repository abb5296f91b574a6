"""Refuse words that lead nowhere: documents, links and paths that are not in this repository.

`make lint` runs it. A reader has only what is committed here.
"""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
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
_LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$")
_ANCHOR = re.compile(r'<a (?:id|name)="([^"]+)"')
_PATH = re.compile(r"`([\w.*<>-]+(?:/[\w.*<>-]+)+)/?`")
_PLACEHOLDER = re.compile(r"<\w+>|\bNAME\b")
_FOLDERS = ("services/", "libs/", "apps/", "tools/", "docs/", "deploy/", "tests/", "bench/")
_SOURCES = ("libs/*/src", "apps/*/src", "clients/*/src", "services/*/src", "services/*/src/*")
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
    for link, anchor in _LINK.findall(line):
        if ":" in link:
            continue
        leads_to = ROOT / (path.parent / link if link else path)
        if not leads_to.exists():
            yield link
        elif anchor and leads_to.suffix == ".md" and anchor not in _anchors(leads_to):
            yield f"{link}#{anchor}"


@cache
def _anchors(page: Path) -> frozenset[str]:
    """Return the anchors of a page, as GitHub makes them from its headings."""
    found: list[str] = []
    is_code = False
    for line in page.read_text("utf-8").splitlines():
        is_code ^= line.startswith("```")
        found += _ANCHOR.findall(line)
        if not is_code and (heading := _HEADING.match(line)):
            found.append(_slug(heading[1], found))
    return frozenset(found)


def _slug(heading: str, taken: Sequence[str]) -> str:
    """Return the anchor of a heading; the second one of a text ends in `-1`."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
    again = sum(
        one == slug or re.fullmatch(rf"{re.escape(slug)}-\d+", one) is not None for one in taken
    )
    return f"{slug}-{again}" if again else slug


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
