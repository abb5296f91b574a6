"""Puts the pieces of live text together, whatever was lost on the way."""

from __future__ import annotations

from dataclasses import dataclass, field

from .events import LlmCallEvent, TextDelta

CUT = 500
"""Characters after which an `llm_call` event cuts a reply."""


@dataclass(frozen=True)
class TextChunk:
    """The next piece of a text that a model writes."""

    task_id: str
    agent: str
    attempt: int
    turn: int
    """Which text of this attempt it is; 0 if nobody watched it being written."""
    text: str
    is_first: bool
    """Whether a text begins with it. A text of the same task that was not complete is void then."""
    is_last: bool = False
    """Whether the text is complete with it; `text` may be empty."""


@dataclass
class _Written:
    """A text as far as it is known without a hole."""

    attempt: int
    turn: int
    parts: list[str] = field(default_factory=list)
    units: int = 0
    """Its length in UTF-16 code units, by which offsets count."""
    has_hole: bool = False


class TextAssembly:
    """The texts of a job that are being written, one for each task."""

    def __init__(self) -> None:
        self._written: dict[str, _Written] = {}

    def add(self, delta: TextDelta) -> TextChunk | None:
        """Return what `delta` adds to its text; None if that is known, or if a piece before it is missing."""
        known = self._written.get(delta.task_id)
        is_first = known is None or (known.attempt, known.turn) != (delta.attempt, delta.turn)
        if known is None or is_first:
            if known is not None and (delta.attempt, delta.turn) < (known.attempt, known.turn):
                return None
            known = self._written[delta.task_id] = _Written(delta.attempt, delta.turn)
        if known.has_hole or delta.offset > known.units:
            known.has_hole = True
            return None
        fresh = _after(delta.text, known.units - delta.offset)
        if not fresh:
            return None
        is_first = not known.parts
        known.parts.append(fresh)
        known.units += _units(fresh)
        return TextChunk(delta.task_id, delta.agent, known.attempt, known.turn, fresh, is_first)

    def needs_whole(self, event: LlmCallEvent) -> bool:
        """Say whether the text that `event` ends is to be looked up, as the event may have cut it."""
        if (
            event.finish_reason == "tool_call"
        ):  # the event names the calls, and not what was written before them
            return event.task_id in self._written
        return event.finish_reason != "cut_off" and len(event.result) >= CUT

    def finish(self, event: LlmCallEvent, whole: str | None) -> TextChunk | None:
        """Return the rest of the text that `event` ends. `whole` is the text, if it was looked up."""
        known = self._written.pop(event.task_id, None)
        shown = "" if known is None else "".join(known.parts)
        text = shown if whole is None else whole
        if event.finish_reason == "cut_off":
            return None
        if whole is None and event.finish_reason != "tool_call" and len(event.result) < CUT:
            text = event.result
        if not text:
            return None
        goes_on = text.startswith(shown)
        return TextChunk(
            event.task_id,
            event.agent,
            event.attempt,
            turn=0 if known is None else known.turn,
            text=text[len(shown) :] if goes_on else text,
            is_first=not shown or not goes_on,
            is_last=True,
        )


def _units(text: str) -> int:
    """Return the length of `text` in UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _after(text: str, units: int) -> str:
    """Return `text` without its first `units` code units."""
    if units <= 0:
        return text
    return text.encode("utf-16-le", "surrogatepass")[2 * units :].decode("utf-16-le", "replace")
