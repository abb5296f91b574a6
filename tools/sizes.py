"""Refuse functions of 40 lines or more, and Python files of more than 400: both are to be read in one go.

`make lint` runs this over sources, tests, benches and tools.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("apps", "libs", "services", "tests", "bench", "tools")
MOST_LINES = 400
LONGEST_FUNCTION = 39


def main() -> None:
    """Print each fault, and end the process with 1 if there are any."""
    if faults := list(faults_below(ROOT)):
        sys.exit("\n".join(faults))


def faults_below(root: Path) -> Iterator[str]:
    """Yield a line for each file and function that is too long."""
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            name, text = path.relative_to(root), path.read_text()
            if (count := len(text.splitlines())) > MOST_LINES:
                yield f"{name} has {count} lines: split it, so that none has more than {MOST_LINES}"
            for function, lines in long_functions(text):
                yield (
                    f"{name}:{function.lineno} {function.name} has {lines} lines: "
                    f"split it, so that none has more than {LONGEST_FUNCTION}"
                )


def long_functions(text: str) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, int]]:
    """Yield the functions in `text` that are too long, from `def` to their last line, with their lines."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > LONGEST_FUNCTION:
                yield node, lines


if __name__ == "__main__":
    main()
