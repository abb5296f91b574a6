"""Estimates token counts that no provider has reported."""

from collections.abc import Sequence

from executor.models.dialogue import Dialogue, Reply, Turn
from executor.tools.spec import ToolSpec

_BYTES = 4
"""Bytes of UTF-8 per token: about right for English, and on the safe side for other scripts."""
_TURN = 4
"""Extra tokens for each message."""
_MOST = 10**9
"""More than any request can have: a larger count is a mistake."""


def tokens_of(text: str) -> int:
    """Return about how many tokens `text` has."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
    return -(-size // _BYTES)


def prompt_tokens(dialogue: Dialogue, tools: Sequence[ToolSpec]) -> int:
    """Return about how many tokens a model reads for its next reply in `dialogue`."""
    count = 2 * _TURN + tokens_of(dialogue.instructions) + tokens_of(dialogue.opening)
    count += sum(_TURN + _turn(turn) for turn in dialogue.turns)
    return count + sum(
        _TURN + tokens_of(f"{tool.name}{tool.description}{tool.parameters}") for tool in tools
    )


def reply_tokens(text: str, reply: Reply) -> int:
    """Return about how many tokens a reply has: `text`, all that the model wrote, and its calls."""
    return max(1, tokens_of(text) + _calls(reply))


def countable(number: object) -> int | None:
    """Return `number` as a count of tokens, or None if it is none or cannot be true."""
    if isinstance(number, bool) or not isinstance(number, int | float | str):
        return None
    try:
        count = int(float(number)) if not isinstance(number, int) else number
    except (ValueError, OverflowError):
        return None
    return count if 0 <= count <= _MOST else None


def _turn(turn: Turn) -> int:
    if isinstance(turn, str):
        return tokens_of(turn)
    if isinstance(turn, Reply):
        return tokens_of(turn.text) + _calls(turn)
    return sum(tokens_of(entry.text) for entry in turn)


def _calls(reply: Reply) -> int:
    return sum(
        _TURN + tokens_of(f"{call.name}{call.arguments or call.broken}") for call in reply.calls
    )
