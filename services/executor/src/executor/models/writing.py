"""Replies that are shown while their model writes them, by pydantic-ai's streams."""

import asyncio
from collections.abc import Mapping
from typing import Any

from executor.models.draft import Draft
from executor.models.model import Listener

_TEXT = 600_000
"""The most characters of a reply's texts, thoughts and calls in all."""
_LONGEST = 1_200.0
"""Seconds that a reply may take in all, however slowly it arrives."""


class Writing:
    """Adds to a draft, and shows it to a listener."""

    def __init__(self, draft: Draft, listener: Listener) -> None:
        self._draft = draft
        self._listener = listener

    def add(self, piece: str) -> None:
        """Add the next piece of text."""
        self._draft.add(piece)
        self._listener.on_text(self._draft)


async def streamed_response(
    native: Any, messages: Any, call: Mapping[str, Any], writing: Writing
) -> Any:
    """Return pydantic-ai's response to `messages`, and add its text to `writing` as it arrives.

    Raises what its requests raise, `UnexpectedModelBehavior` if it is too large or does not end, and
    `ModelConnectionError` if it breaks off.
    """
    from pydantic_ai.direct import model_request_stream
    from pydantic_ai.exceptions import UnexpectedModelBehavior

    size = 0
    try:
        async with (
            asyncio.timeout(_LONGEST),
            model_request_stream(native, messages, **call) as stream,
        ):
            async for event in stream:
                text, others = _news(event)
                size += len(text) + others
                if size > _TEXT:
                    raise UnexpectedModelBehavior(f"more than {_TEXT} characters")
                if text:
                    writing.add(text)
            return _whole(stream.get())
    except TimeoutError:
        raise UnexpectedModelBehavior("the reply does not end") from None


def _whole(response: Any) -> Any:
    """Return the response of a stream, unless its connection broke off: only the end says why it ends."""
    from pydantic_ai.exceptions import ModelConnectionError

    details = response.provider_details or {}
    if response.finish_reason is None and "finish_reason" not in details:
        raise ModelConnectionError(str(response.model_name), "the answer breaks off", phase="read")
    return response


def _news(event: Any) -> tuple[str, int]:
    """Return the text in an event, and how many other characters it has."""
    from pydantic_ai.messages import PartDeltaEvent, PartStartEvent, TextPart, TextPartDelta

    if isinstance(event, PartStartEvent):
        part = event.part
        if isinstance(part, TextPart):
            return part.content, 0
        return "", _size(getattr(part, "content", None)) + _size(getattr(part, "args", None))
    if isinstance(event, PartDeltaEvent):
        if isinstance(event.delta, TextPartDelta):
            return event.delta.content_delta, 0
        names = ("content_delta", "args_delta", "tool_name_delta")
        return "", sum(_size(getattr(event.delta, name, None)) for name in names)
    return "", 0


def _size(value: object) -> int:
    return len(value) if isinstance(value, str) else 0
