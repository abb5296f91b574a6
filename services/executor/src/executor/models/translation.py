"""Translates between our dialogues and pydantic-ai's messages."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from common.logs import get_logger
from executor.models import counting
from executor.models.calls import Cleaner, clean
from executor.models.completions import ESTIMATED, LEFT_OUT
from executor.models.dialogue import Dialogue, Finish, Reply, Tokens, ToolRequest
from executor.models.finish import finish_of
from executor.models.masking import safe_text
from executor.models.thinking import without_thoughts
from executor.tools.spec import ToolSpec

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse

log = get_logger(__name__)

_LONGEST_NAME = 200
_INVALID = "INVALID_JSON"
"""The argument that replaces a call's invalid JSON when the call is sent back to its model."""


def messages(dialogue: Dialogue) -> "list[ModelMessage]":
    """Return a dialogue as pydantic-ai's messages."""
    from pydantic_ai.messages import ModelRequest, ToolReturnPart, UserPromptPart

    instructions = _sendable(dialogue.instructions)

    def request(*parts: Any) -> ModelRequest:
        return ModelRequest(parts=list(parts), instructions=instructions)

    made: list[ModelMessage] = [request(UserPromptPart(_sendable(dialogue.opening)))]
    for turn in dialogue.turns:
        if isinstance(turn, Reply):
            made.append(_response(turn))
        elif isinstance(turn, str):
            made.append(request(UserPromptPart(_sendable(turn))))
        else:
            returns = [ToolReturnPart(one.name, _sendable(one.text), one.id) for one in turn]
            made.append(request(*returns))
    return made


def reply(
    response: "ModelResponse",
    dialogue: Dialogue,
    tools: Sequence[ToolSpec],
    *,
    tagged: bool = False,
    priced: bool = False,
) -> Reply:
    """Return pydantic-ai's response as a reply in `dialogue` that can be stored and sent back.

    `tagged` says that the text may contain thoughts between tags; `priced` asks for the cost.
    """
    finish, reason = finish_of(response)
    wrote = _all_text(response)
    cleaner = Cleaner({tool.name for tool in tools}, _ids(dialogue), cut=finish is Finish.LENGTH)
    response, calls = _clean_parts(response, cleaner, dialogue if tagged else None)
    if finish is Finish.REFUSED or (finish is Finish.FILTERED and reason):
        reason = safe_text(reason)
    made = Reply(
        text=response.text or "",
        calls=calls,
        raw=None if _is_plain(response) else _dump(response),
        native=response,
        finish=finish,
        reason=reason[:300],
        left_out=int(response.usage.details.get(LEFT_OUT, 0)),
        model=(response.model_name or "")[:_LONGEST_NAME],
        response_id=(response.provider_response_id or "")[:_LONGEST_NAME],
    )
    return replace(made, tokens=_tokens(response, wrote, made, dialogue, tools, priced=priced))


def _sendable(text: str) -> str:
    """Return `text` as a request can hold it: without unpaired surrogates."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _all_text(response: "ModelResponse") -> str:
    """Return all texts and thoughts of a response, for counting."""
    return "".join(str(getattr(part, "content", None) or "") for part in response.parts)


def _ids(dialogue: Dialogue) -> list[str]:
    replies = (turn for turn in dialogue.turns if isinstance(turn, Reply))
    return [call.id for turn in replies for call in turn.calls]


def _clean_parts(
    response: "ModelResponse", cleaner: Cleaner, tagged: Dialogue | None
) -> "tuple[ModelResponse, tuple[ToolRequest, ...]]":
    from pydantic_ai.messages import TextPart, ThinkingPart, ToolCallPart

    parts: list[Any] = []
    calls: list[ToolRequest] = []
    for part in response.parts:
        made: Any = part
        if isinstance(part, TextPart):
            text = _sendable(part.content)
            if tagged is not None:
                text = without_thoughts(text, f"{tagged.instructions}\n{tagged.opening}")
            made = part if text == part.content else replace(part, content=text)
        elif isinstance(part, ToolCallPart):
            call = cleaner.request(part.tool_call_id, part.tool_name, part.args)
            calls.append(call)
            made = _call_part(part, call)
        elif isinstance(part, ThinkingPart):
            text = _sendable(part.content)
            made = part if text == part.content else replace(part, content=text)
        parts.append(made)
    parts = [part for part in parts if not isinstance(part, TextPart) or part.content]
    same = len(parts) == len(response.parts) and all(
        new is old for new, old in zip(parts, response.parts, strict=True)
    )
    return (response if same else replace(response, parts=parts)), tuple(calls)


def _call_part(part: Any, call: ToolRequest) -> Any:
    if call.arguments is None:
        arguments: Any = {_INVALID: call.broken}
    elif isinstance(part.args, str) and part.args and _sent_as_it_came(part.args):
        arguments = part.args
    else:
        arguments = dict(call.arguments)
    if (call.id, call.name) == (part.tool_call_id, part.tool_name) and arguments is part.args:
        return part
    return replace(part, tool_name=call.name, args=arguments, tool_call_id=call.id)


def _sent_as_it_came(arguments: str) -> bool:
    """Tell whether a call's own JSON text is one that any provider can read."""
    return (
        arguments.strip().startswith("{")
        and arguments.isascii()
        and "\\ud" not in arguments.lower()
    )


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
    for call in turn.calls:
        arguments = {_INVALID: call.broken} if call.arguments is None else dict(call.arguments)
        parts.append(ToolCallPart(call.name, arguments, call.id))
    return ModelResponse(parts=parts)


def _is_plain(response: "ModelResponse") -> bool:
    """Tell whether a response consists of plain texts and calls only."""
    from pydantic_ai.messages import TextPart, ToolCallPart

    return all(
        isinstance(part, TextPart | ToolCallPart)
        and part.id is None
        and part.provider_details is None
        for part in response.parts
    )


def _dump(response: "ModelResponse") -> Any:
    from pydantic_ai.messages import ModelMessagesTypeAdapter

    return clean(ModelMessagesTypeAdapter.dump_python([response], mode="json")[0])


def _tokens(
    response: "ModelResponse",
    wrote: str,
    made: Reply,
    dialogue: Dialogue,
    tools: Sequence[ToolSpec],
    *,
    priced: bool,
) -> Tokens:
    """Return what a reply used; counts that its provider does not report, or not usably, are estimated."""
    usage = response.usage
    read, said = counting.countable(usage.input_tokens), counting.countable(usage.output_tokens)
    estimated = bool(usage.details.get(ESTIMATED)) or not read or not said
    if not read:
        read = counting.prompt_tokens(dialogue, tools)
    if not said:
        said = counting.reply_tokens(wrote, made)
    return Tokens(read, said, _cost(response) if priced else None, estimated)


def _cost(response: "ModelResponse") -> float | None:
    try:
        return float(response.cost().total_price)
    except (LookupError, ValueError, AssertionError):
        return None
    except Exception:  # accounting must not fail a run
        log.exception("a reply could not be priced")
        return None
