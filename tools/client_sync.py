"""Make the client for threads from the one for asyncio.

`python tools/client_sync.py` writes `kasal_client/sync` from `kasal_client/aio`, token by token; with `--check` it only
says whether it is up to date.
"""

import argparse
import io
import re
import subprocess
import sys
import tokenize
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "clients/python/src/kasal_client"
SOURCE = PACKAGE / "aio"
TARGET = PACKAGE / "sync"
COMMAND = "python tools/client_sync.py"
_DROPPED = frozenset({"async", "await"})
_NAMES = {
    "__aiter__": "__iter__",
    "__anext__": "__next__",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "aclose": "close",
    "aclosing": "closing",
    "aread": "read",
    "aiter_bytes": "iter_bytes",
    "aiter_text": "iter_text",
    "AbstractAsyncContextManager": "AbstractContextManager",
    "asynccontextmanager": "contextmanager",
    "io_async": "io_sync",
    "StopAsyncIteration": "StopIteration",
}
_ABOUT = '"""The client for threads. Made from the package `aio` by tools/client_sync.py: edit that.\n"""\n'


def main() -> None:
    """Write the package, or check it."""
    from openapi import write_or_check  # it loads the services, which tests of this need not

    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true", help="only say whether it is up to date")
    check = parser.parse_args().check
    TARGET.mkdir(exist_ok=True)
    made = {path.name: sync_text(path.read_text()) for path in sorted(SOURCE.glob("*.py"))}
    made["__init__.py"] = _ABOUT
    for name, text in made.items():
        write_or_check(TARGET / name, tidy(text, name), check=check, command=COMMAND)
    for path in sorted(TARGET.glob("*.py")):
        if path.name not in made:
            if check:
                sys.exit(f"{path.relative_to(ROOT)} has no source; run: {COMMAND}")
            path.unlink()


def sync_text(source: str) -> str:
    """Return `source` without asyncio: its text, but for names and keywords."""
    lines = source.splitlines(keepends=True)
    for token in reversed(list(tokenize.generate_tokens(io.StringIO(source).readline))):
        if token.type != tokenize.NAME:
            continue
        (row, start), (_, end) = token.start, token.end
        line = lines[row - 1]
        if token.string in _DROPPED:
            after = line[end:]
            lines[row - 1] = line[:start] + after.removeprefix(" ")
        else:
            lines[row - 1] = line[:start] + sync_name(token.string) + line[end:]
    return "".join(lines)


def sync_name(name: str) -> str:
    """Return what a name is called without asyncio: `AsyncRun` is `Run`."""
    return _NAMES.get(name) or re.sub(r"^(_?)Async(?=[A-Z])", r"\1", name)


def tidy(text: str, name: str) -> str:
    """Return `text` with its imports in order, as the formatter lays it out."""
    ruff = str(Path(sys.executable).parent / "ruff")
    place = f"clients/python/src/kasal_client/sync/{name}"
    for command in (["check", "--select", "I", "--fix", "--quiet"], ["format"]):
        text = subprocess.run(
            [ruff, *command, "--stdin-filename", place, "-"],
            input=text,
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        ).stdout
    return text


if __name__ == "__main__":
    main()
