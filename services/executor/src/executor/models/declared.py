"""What a model is told of our tools and of the shape of its answer, as it was registered.

pydantic-ai would shape schemas for strict modes, where an object whose properties are not named
becomes one that must have none.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from executor.tools.spec import ToolSpec

if TYPE_CHECKING:
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.tools import ToolDefinition

_LOOKED_AT = 5_000
"""Parts of a schema; one of more is not looked at."""
_SHAPING = ("properties", "required", "anyOf", "oneOf", "allOf", "$ref")


def parameters(
    tools: Sequence[ToolSpec], answer: Mapping[str, Any] | None = None, *, closed: bool = False
) -> "ModelRequestParameters":
    """Return what pydantic-ai tells a model; `answer` is a schema that the provider shall enforce.

    `closed` says that it may name all properties there are; see `closed`.
    """
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.output import OutputObjectDefinition

    told = [_definition(tool) for tool in tools]
    if answer is None:
        return ModelRequestParameters(function_tools=told)
    strict = None if closed else False
    wanted = OutputObjectDefinition(json_schema=dict(answer), name="answer", strict=strict)
    return ModelRequestParameters(
        function_tools=told, output_mode="native", output_object=wanted, allow_text_output=True
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
    """Return a schema of arguments as all providers take it: of an object, as it was registered.

    One that names no properties takes any, and says so: some servers read less as "send nothing".
    """
    shaped = {"type": "object", **schema}
    if any(name in shaped for name in _SHAPING):
        return shaped
    return {"properties": {}, "additionalProperties": True, **shaped}


def closed(schema: Any) -> bool:
    """Tell whether every object in `schema` names all its properties, as Anthropic takes it."""
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
