"""The built-in tools as crews lists and accepts them.

The executor declares each in one module, `executor/tools/built_in/<name>.py`; `make docs` writes the
declarations to `built_in_tools.json`, since services know nothing of each other's code.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class ToolDeclaration:
    """A tool every agent may be given. `parameters` is a JSON Schema of type object.

    `idempotent` says that a call whose outcome is unknown may be made again; `reads`, that a call
    changes nothing.
    """

    name: str
    description: str
    category: str
    parameters: dict[str, Any]
    idempotent: bool = False
    reads: bool = False


DOCUMENT = Path(__file__).with_name("built_in_tools.json")
BUILT_IN_TOOLS = tuple(ToolDeclaration(**tool) for tool in json.loads(DOCUMENT.read_bytes()))
BUILT_IN_BY_NAME = {tool.name: tool for tool in BUILT_IN_TOOLS}
