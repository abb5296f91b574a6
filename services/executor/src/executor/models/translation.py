"""Between our dialogues and pydantic-ai's messages."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from executor.domain.tools import ToolSpec
from executor.models.dialogue import Dialogue, Reply, Tokens, ToolRequest

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse
    from pydantic_ai.models import ModelRequestParameters


def messages(dialogue: Dialogue) -> "list[ModelMessage]":
    """Return a dialogue as pydantic-ai's messages."""
    from pydantic_ai.messages import ModelRequest, ToolReturnPart, UserPromptPart

    def request(*parts: Any) -> ModelRequest:
        return ModelRequest(parts=list(parts), instructions=dialogue.instructions)

    made: list[ModelMessage] = [request(UserPromptPart(dialogue.opening))]
    for turn in dialogue.turns:
        if isinstance(turn, Reply):
            made.append(_response(turn))
        elif isinstance(turn, str):
            made.append(request(UserPromptPart(turn)))
        else:
            returns = [ToolReturnPart(entry.name, entry.text, entry.id) for entry in turn]
            made.append(request(*returns))
    return made


def parameters(tools: Sequence[ToolSpec]) -> "ModelRequestParameters":
    """Return what pydantic-ai tells a model of our tools."""
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.tools import ToolDefinition

    return ModelRequestParameters(
        function_tools=[
            ToolDefinition(
                name=tool.name,
                description=tool.description,
                parameters_json_schema=dict(tool.parameters),
            )
            for tool in tools
        ]
    )


def reply(response: "ModelResponse", *, priced: bool) -> Reply:
    """Return pydantic-ai's response as a reply; `priced` asks for what it cost."""
    usage = response.usage
    cost = _cost(response) if priced else None
    response = _sendable(response)
    return Reply(
        text=response.text or "",
        calls=tuple(
            ToolRequest(call.tool_call_id, call.tool_name, _arguments(call))
            for call in response.tool_calls
        ),
        tokens=Tokens(usage.input_tokens, usage.output_tokens, cost),
        raw=None if _is_plain(response) else _dumped(response),
        native=response,
    )


def _sendable(response: "ModelResponse") -> "ModelResponse":
    """Return a response whose texts can be stored and sent on: without halves of surrogate pairs."""
    from pydantic_ai.messages import TextPart

    def valid(part: Any) -> Any:
        if not isinstance(part, TextPart):
            return part
        return replace(part, content=part.content.encode("utf-8", "replace").decode())

    try:
        (response.text or "").encode()
    except UnicodeEncodeError:
        return replace(response, parts=[valid(part) for part in response.parts])
    return response


def _response(turn: Reply) -> "ModelResponse":
    from pydantic_ai.messages import (
        ModelMessagesTypeAdapter,
        ModelResponse,
        TextPart,
        ToolCallPart,
    )

    if isinstance(turn.native, ModelResponse):
        return turn.native
    if turn.raw is not None:
        loaded = ModelMessagesTypeAdapter.validate_python([turn.raw])[0]
        if isinstance(loaded, ModelResponse):
            return loaded
    parts: list[TextPart | ToolCallPart] = [TextPart(turn.text)] if turn.text else []
    parts += [
        ToolCallPart(call.name, None if call.arguments is None else dict(call.arguments), call.id)
        for call in turn.calls
    ]
    return ModelResponse(parts=parts)


def _is_plain(response: "ModelResponse") -> bool:
    """Tell whether texts and calls are all there is to a response."""
    from pydantic_ai.messages import TextPart, ToolCallPart

    return all(
        isinstance(part, TextPart | ToolCallPart)
        and part.id is None
        and part.provider_details is None
        for part in response.parts
    )


def _dumped(response: "ModelResponse") -> Any:
    from pydantic_ai.messages import ModelMessagesTypeAdapter

    return ModelMessagesTypeAdapter.dump_python([response], mode="json")[0]


def _arguments(call: Any) -> dict[str, Any] | None:
    try:
        decoded = call.args_as_dict(raise_if_invalid=True)
    except (ValueError, AssertionError, TypeError):
        return None
    return decoded if isinstance(decoded, dict) else None


def _cost(response: "ModelResponse") -> float | None:
    try:
        return float(response.cost().total_price)
    except (LookupError, ValueError, AssertionError):
        return None
