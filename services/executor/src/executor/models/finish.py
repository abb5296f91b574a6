"""Maps what a provider calls the end of a reply to why the model stopped."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from executor.models.dialogue import Finish

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse

_KNOWN = {
    "stop": Finish.STOP,
    "length": Finish.LENGTH,
    "content_filter": Finish.FILTERED,
    "tool_call": Finish.CALLS,
    "error": Finish.FAILED,
}
_WORDS: Sequence[tuple[tuple[str, ...], Finish]] = (
    (("refus",), Finish.REFUSED),
    (("length", "max_", "limit", "truncat", "context_window"), Finish.LENGTH),
    (
        (
            "filter",
            "guardrail",
            "safety",
            "block",
            "moderat",
            "sensitive",
            "prohibit",
            "recitation",
        ),
        Finish.FILTERED,
    ),
    (("error", "abort", "insufficient", "malformed", "cancel", "fail"), Finish.FAILED),
    (("tool", "function", "call"), Finish.CALLS),
    (("stop", "end", "eos", "complete"), Finish.STOP),
)
"""Parts of the reasons that providers give, in the order in which they are tried."""


def finish_of(response: "ModelResponse") -> tuple[Finish, str]:
    """Return why `response` ended, and what its provider says about it unless it ended normally."""
    details = response.provider_details or {}
    raw = str(details.get("finish_reason") or details.get("block_reason") or "")
    finish = _KNOWN.get(response.finish_reason or "") or _finish_in(raw)
    if details.get("refusal") or "refus" in raw.casefold():
        finish = Finish.REFUSED
    if finish is Finish.STOP and response.tool_calls:
        finish = Finish.CALLS
    if finish in {Finish.STOP, Finish.CALLS}:
        return finish, ""
    return finish, str(details.get("refusal") or raw)


def _finish_in(raw: str) -> Finish:
    words = raw.casefold()
    for parts, finish in _WORDS:
        if any(part in words for part in parts):
            return finish
    return Finish.OTHER if raw else Finish.STOP
