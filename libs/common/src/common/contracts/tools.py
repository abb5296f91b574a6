"""The built-in tools: what crews lists and accepts, and what the executor implements."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class BuiltInTool:
    """A tool every agent may be given. `parameters` is a JSON Schema of type object.

    `idempotent` says that a call whose outcome is unknown may be made again; `reads`, that nothing is
    changed by it. What is not said is not so.
    """

    name: str
    description: str
    category: str
    parameters: dict[str, Any]
    idempotent: bool = False
    reads: bool = False


def _parameters(required: str, **properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": [required],
        "additionalProperties": False,
    }


_OFFSET = {
    "type": "integer",
    "minimum": 0,
    "maximum": 20_000_000,
    "description": "Character to read from; a long text's answer says where to read on",
}

BUILT_IN_TOOLS = (
    BuiltInTool(
        "web_search",
        "Search the web",
        "research",
        _parameters(
            "query",
            query={"type": "string", "description": "What to look for", "maxLength": 500},
            max_results={"type": "integer", "minimum": 1, "maximum": 20},
        ),
        idempotent=True,
        reads=True,
    ),
    BuiltInTool(
        "web_fetch",
        "Fetch a web page as text",
        "research",
        _parameters(
            "url",
            url={"type": "string", "description": "An http or https URL", "maxLength": 2000},
            offset=_OFFSET,
        ),
        idempotent=True,
        reads=True,
    ),
    BuiltInTool(
        "file_reader",
        "Read files",
        "data",
        _parameters(
            "path",
            path={"type": "string", "description": "Path inside the workspace", "maxLength": 1000},
            offset=_OFFSET,
        ),
        idempotent=True,
        reads=True,
    ),
    BuiltInTool(
        "calculator",
        "Calculate an arithmetic expression",
        "data",
        _parameters(
            "expression",
            expression={"type": "string", "description": "Such as 3 * (4 + 5)", "maxLength": 500},
        ),
        idempotent=True,
        reads=True,
    ),
)
BUILT_IN_BY_NAME = {tool.name: tool for tool in BUILT_IN_TOOLS}
