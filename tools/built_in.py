"""Write down which tools are built in, as the executor's modules declare them.

Crews offers what this document lists. Tools keep their places in it, for lists are read on by place;
new ones come last. With `--check` it only says whether the document is up to date.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from openapi import write_or_check

from common.contracts import tools
from executor.tools.built_in_tool import built_in_tools


def ordered(declared: dict[str, dict[str, Any]], document: Path) -> str:
    """Return the declarations as JSON, those that `document` lists already in its order."""
    listed = [entry["name"] for entry in json.loads(document.read_bytes())]
    kept = [name for name in listed if name in declared]
    added = sorted(declared.keys() - set(kept))
    return json.dumps([declared[name] for name in [*kept, *added]], indent=2) + "\n"


def main() -> None:
    """Write the document, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether it is up to date")
    check = parser.parse_args().check
    declared = {name: asdict(tool.declaration) for name, tool in built_in_tools().items()}
    text = ordered(declared, tools.DOCUMENT)
    write_or_check(tools.DOCUMENT, text, check=check, command="python tools/built_in.py")


if __name__ == "__main__":
    main()
