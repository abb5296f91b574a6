"""Declares our tools, and the schema of the answer, to a model exactly as they were registered.

pydantic-ai would transform schemas for strict modes, where an object without named properties
becomes one that must have none.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from executor.tools.spec import ToolSpec

if TYPE_CHECKING:
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.tools import ToolDefinition

_LOOKED_AT = 5_000
"""How many parts of a schema are checked; a larger one counts as not closed."""
_SHAPING = ("properties", "required", "anyOf", "oneOf", "allOf", "$ref")


def parameters(
    tools: Sequence[ToolSpec], answer: Mapping[str, Any] | None = None, *, closed: bool = False
) -> "ModelRequestParameters":
    """Return the request parameters for pydantic-ai; the provider is to enforce the schema `answer`.

    `closed` says that the schema names all its properties; see `is_closed`.
    """
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.output import OutputObjectDefinition

    definitions = [_definition(tool) for tool in tools]
    if answer is None:
        return ModelRequestParameters(function_tools=definitions)
    strict = None if closed else False
    wanted = OutputObjectDefinition(json_schema=dict(answer), name="answer", strict=strict)
    return ModelRequestParameters(
        function_tools=definitions,
        output_mode="native",
        output_object=wanted,
        allow_text_output=True,
    )


def _definition(tool: ToolSpec) -> "ToolDefinition":
    from pydantic_ai.tools import ToolDefinition

    return ToolDefinition(
        name=tool.name,
        description=tool.description,
        parameters_json_schema=_object(tool.parameters),
        strict=False,
    )


def _object(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema of arguments as all providers accept it: an object, otherwise as registered.

    A schema without properties allows any and has to say so: some servers would read it as "send
    nothing".
    """
    shaped = {"type": "object", **schema}
    if any(name in shaped for name in _SHAPING):
        return shaped
    return {"properties": {}, "additionalProperties": True, **shaped}


def is_closed(schema: Any) -> bool:
    """Tell whether every object in `schema` names all its properties, as Anthropic requires."""
    left = [schema]
    for _ in range(_LOOKED_AT):
        if not left:
            return True
        node = left.pop()
        if isinstance(node, Mapping):
            if node.get("type") == "object" and not node.get("properties"):
                return False
            if node.get("additionalProperties") or node.get("patternProperties"):
                return False
            left += node.values()
        elif isinstance(node, list):
            left += node
    return False
