"""Refuse a module whose tests cannot be found by its name; `test_names.py MODULE` prints where they are.

The tests of a module are in files named after it (`x.py`: `test_x.py`, `test_x_more.py`), in files that import
it, or in files whose docstring names it after `Covers:`, because they reach it over HTTP, the bus or a command.
`make lint` runs this over all rooms of the services, `libs/common`, `apps/kasal` and
`clients/python`.
"""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLAIN = frozenset(
    {"__init__", "__main__", "ports", "wiring", "config", "bodies", "internal_bodies", "use_cases"}
)
"""Modules that only declare or put together: every test of their service needs them."""
TESTED_AS_ONE = ("kasal_platform.embedded.", "kasal_client.command.", "kasal_client.sync.")
"""Packages whose modules are tried together: by `test_sqlite_*`, contract tests and `test_embedded.py`; what is made
from `kasal_client.aio`, whose tests run both; and the command, which is run as a program."""


def main(arguments: list[str]) -> None:
    """Print the tests of the modules in `arguments`; without any, print each fault and end with 1."""
    if arguments:
        for name in arguments:
            print(
                name,
                *sorted(str(path.relative_to(ROOT)) for path in tests_of(ROOT, name)),
                sep="\n  ",
            )
        return
    if faults := [*untested_modules(ROOT), *stale_names(ROOT)]:
        sys.exit("\n".join(faults))


def untested_modules(root: Path) -> Iterator[str]:
    """Yield a line for each module without a test file that leads to it."""
    for name in modules(root):
        if not name.startswith(TESTED_AS_ONE) and not tests_of(root, name):
            stem = name.rpartition(".")[2]
            yield (
                f"{name} has no tests of its name: add test_{stem}.py, or name it after `Covers:` "
                "in the docstring of the file that tests it"
            )


def stale_names(root: Path) -> Iterator[str]:
    """Yield a line for each name after `Covers:` that is no module."""
    known = set(modules(root))
    for path in test_files(root):
        for name in sorted(covered_names(path.read_text()) - known):
            yield f"{path.relative_to(root)} covers {name}, which is no module"


def modules(root: Path) -> list[str]:
    """Return the modules that are to have tests, as they are imported."""
    return [
        ".".join(path.relative_to(source).with_suffix("").parts)
        for source in sources(root)
        for path in sorted(source.rglob("*.py"))
        if path.stem not in PLAIN
    ]


def sources(root: Path) -> list[Path]:
    """Return the folders of code."""
    members = [
        *sorted((root / "services").iterdir()),
        root / "libs/common",
        root / "apps/kasal",
        root / "clients/python",
    ]
    return [member / "src" for member in members if (member / "src").is_dir()]


@cache
def test_files(root: Path) -> tuple[Path, ...]:
    """Return all files of tests."""
    folders = [*root.glob("*/*/tests"), root / "tests"]
    return tuple(sorted(path for folder in folders for path in folder.rglob("test_*.py")))


def tests_of(root: Path, module: str) -> list[Path]:
    """Return the files that test `module`: those named after it, else those that import or cover it."""
    package, _, stem = module.rpartition(".")
    own = root / "services" / package.partition(".")[0] / "tests"
    named = re.compile(rf"test_{re.escape(stem)}(_\w+)?\.py")
    files = test_files(root)
    near = [path for path in files if own in path.parents or not own.is_dir()]
    found = [path for path in near if named.fullmatch(path.name)]
    return found or [path for path in files if module in names_in(path)]


@cache
def names_in(path: Path) -> frozenset[str]:
    """Return the modules that a test file imports or covers."""
    text = path.read_text()
    return frozenset(covered_names(text) | imported_names(text))


def covered_names(text: str) -> set[str]:
    """Return the modules that a test file's docstring names after `Covers:`."""
    _, _, names = (ast.get_docstring(ast.parse(text)) or "").partition("Covers:")
    return set(re.findall(r"[a-z_]+(?:\.[a-z_]+)+", names))


def imported_names(text: str) -> set[str]:
    """Return the modules that a file may import by its `import` statements."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


if __name__ == "__main__":
    main(sys.argv[1:])
