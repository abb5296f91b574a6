"""Refuse two classes of one name in the source: a name has one meaning, which the glossary tells.

`make lint` runs it. Exempt are the names that every service has by the same right (`CONVENTIONS`), and
private classes, which their module alone can name. The Python client is by itself: it calls what the API has by the
API's names, and is nowhere imported beside the services.
"""

import ast
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONVENTIONS = frozenset({"Settings", "UseCases"})


def main() -> None:
    """Print each name that is taken twice, and end the process with 1 if there are any."""
    faults = [
        f"class {name} means several things: {', '.join(sorted(places))}"
        for name, places in sorted(places_by_name(ROOT).items())
        if len(places) > 1
    ]
    if faults:
        sys.exit("\n".join(faults))


def places_by_name(root: Path) -> dict[str, list[str]]:
    """Return where each public class of the source below `root` is declared."""
    places: dict[str, list[str]] = defaultdict(list)
    for path in sorted(root.glob("*/*/src/**/*.py")):
        if path.is_relative_to(root / "clients"):
            continue
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and _counts(node.name):
                places[node.name].append(f"{path.relative_to(root)}:{node.lineno}")
    return places


def _counts(name: str) -> bool:
    return not name.startswith("_") and name not in CONVENTIONS


if __name__ == "__main__":
    main()
