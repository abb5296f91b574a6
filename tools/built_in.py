"""Write down which tools are built in and which model providers there are, as the executor declares them.

Crews offers what these documents list. Entries keep their positions, because cursors of lists are
positions; new ones come last. With `--check` it only says whether the documents are up to date.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from openapi import write_or_check

from common.contracts import models, tools
from executor.models.provider import model_providers
from executor.tools.built_in_tool import built_in_tools


def in_order(declared: dict[str, dict[str, Any]], document: Path) -> str:
    """Return the declarations as JSON, those that `document` lists already in its order."""
    listed = [entry["name"] for entry in json.loads(document.read_bytes())]
    kept = [name for name in listed if name in declared]
    added = sorted(declared.keys() - set(kept))
    entries = [declared[name] for name in [*kept, *added]]
    return json.dumps(entries, indent=2, ensure_ascii=False) + "\n"


def documents() -> dict[Path, dict[str, dict[str, Any]]]:
    """Return what each document lists, by name."""
    declared = {name: asdict(tool.declaration) for name, tool in built_in_tools().items()}
    providers = {name: asdict(one.declaration) for name, one in model_providers().items()}
    return {tools.DOCUMENT: declared, models.DOCUMENT: providers}


def main() -> None:
    """Write the documents, or check them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether they are up to date")
    check = parser.parse_args().check
    for document, declared in documents().items():
        text = in_order(declared, document)
        write_or_check(document, text, check=check, command="python tools/built_in.py")


if __name__ == "__main__":
    main()
