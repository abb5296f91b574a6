"""The tool with which an agent asks a person: the run waits for the answer, other tasks go on."""

from collections.abc import Mapping
from typing import Any

from common.contracts.tools import ToolDeclaration
from executor.tools.built_in_tool import BuiltInTool, parameters
from executor.tools.call import Call
from executor.tools.tool import ToolFault


async def ask_person(_arguments: Mapping[str, Any], _call: Call) -> str:
    """Refuse: only a run can wait for a person, and it asks by itself. Raises `ToolFault`."""
    raise ToolFault("a person can only be asked within a run.")


TOOL = BuiltInTool(
    ToolDeclaration(
        "ask_person",
        "Ask a person something that only a person can know or decide, and wait for the answer",
        "people",
        parameters(
            "prompt",
            prompt={
                "type": "string",
                "description": "The question, with all that a person needs to answer it",
                "minLength": 1,
                "maxLength": 10_000,
            },
            choices={
                "type": "array",
                "description": "The possible answers, if there are only a few",
                "items": {"type": "string", "minLength": 1, "maxLength": 500},
                "minItems": 2,
                "maxItems": 50,
                "uniqueItems": True,
            },
            response_schema={
                "type": "object",
                "description": "A JSON Schema for the answer, if it has to be more than a text",
            },
        ),
        idempotent=True,
        reads=True,
    ),
    lambda _settings, _client: ask_person,
    asks=True,
)
