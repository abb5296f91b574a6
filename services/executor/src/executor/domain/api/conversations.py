"""Puts together what a model was sent, from the events of its dialogue."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from msgspec import UNSET

from common.contracts.events import InputRequired, LlmCall, ToolCall, ToolResult
from executor.domain.log.events import (
    CallKept,
    LogEntry,
    QuestionKept,
    ReplyKept,
    ResultKept,
    Sent,
    StoredCall,
    UnreadableEvent,
)
from executor.domain.log.reading import JobLog
from executor.domain.log.sent import blocks_of, text_of, wanted_blocks

_MOST = 8 * 2**20
"""Characters of messages that are shown; of the rest, the oldest after the opening are left out."""
_STEPS = frozenset({"llm_call", "tool_call", "tool_result", "input_required"})
_OLDER = "The version of the platform that made this call did not keep what it sent. The replies and results are there."


@dataclass(frozen=True, slots=True)
class DialogueMessage:
    """One message of a dialogue: of the `system`, the `user` (that is us), the `assistant` or a `tool`."""

    role: str
    content: str
    tool_calls: Sequence[StoredCall] = ()
    tool_call_id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class SentDialogue:
    """What a model was sent. `left_out` counts messages that are too many to be shown."""

    messages: Sequence[DialogueMessage]
    tools: Any
    settings: Mapping[str, Any]
    left_out: int = 0


@dataclass(slots=True)
class _Found:
    """What reading backwards has found. Requests are newest first; the first is the one that is asked about."""

    requests: list[tuple[Sent, ReplyKept | None]] = field(default_factory=list)
    results: dict[tuple[int, int], ResultKept] = field(default_factory=dict)
    numbered: dict[int, ResultKept] = field(default_factory=dict)
    places: dict[int, tuple[int, int]] = field(default_factory=dict)
    blocks: dict[int, str] = field(default_factory=dict)
    begun: bool = False

    def lacks(self) -> bool:
        """Say whether earlier events are needed."""
        return not self.begun or not wanted_blocks(self.requests[-1][0]) <= self.blocks.keys()


async def conversation_before(
    log: JobLog, asked: LogEntry, task_id: str, scope: str
) -> SentDialogue | str:
    """Return what the model was sent for the reply `asked`, or why that is not known."""
    found = _Found()
    async for record in log.backwards(asked.seq):
        if record.type not in _STEPS:
            continue
        own = task_id.encode() in record.frame
        if not own and (record.private is None or b'"blocks"' not in record.private):
            continue
        try:
            entry = record.entry()
        except UnreadableEvent as fault:
            return str(fault)
        reason = _look_at(found, entry, task_id, scope)
        if reason:
            return reason
        if not found.lacks():
            break
    if found.lacks():
        return _OLDER
    return _put_together(found)


def _look_at(found: _Found, entry: LogEntry, task_id: str, scope: str) -> str:
    """Add an event; return why the dialogue cannot be put together, if that shows."""
    body, kept = entry.body, entry.private
    if isinstance(kept, ReplyKept) and kept.sent is not UNSET:
        found.blocks.update(blocks_of(kept.sent))
    if found.begun or not isinstance(body, LlmCall | ToolCall | ToolResult | InputRequired):
        return ""
    if body.task_id != task_id:
        return ""
    match kept:
        case ReplyKept(scope=held) if held == scope and kept.cut_off is not True:
            return _add_request(found, kept)
        case ResultKept():
            found.numbered[kept.call] = kept
            if kept.scope == scope and kept.turn is not UNSET and kept.entry is not UNSET:
                found.results[kept.turn, kept.entry] = kept
        case CallKept(scope=held) if held == scope:
            found.places[kept.call] = (kept.turn, kept.entry)
        case QuestionKept(scope=held) if held == scope:
            if kept.turn is not UNSET and kept.entry is not UNSET:
                found.places[kept.call] = (kept.turn, kept.entry)
        case _:
            pass
    return ""


def _add_request(found: _Found, kept: ReplyKept) -> str:
    sent = Sent() if kept.sent is UNSET else kept.sent
    if sent.left_out is not UNSET:
        size = f"{sent.left_out:,} characters" if sent.left_out else "too large"
        return f"What was sent is not kept: it was too much ({size})."
    # The reply of the call that is asked about was not sent to it.
    found.requests.append((sent, kept if found.requests else None))
    found.begun = sent.opening is not UNSET
    return ""


def _put_together(found: _Found) -> SentDialogue:
    for number, place in found.places.items():
        if number in found.numbered:
            found.results.setdefault(place, found.numbered[number])
    first = found.requests[-1][0]
    opening = [
        DialogueMessage("system", _text(first.instructions, found.blocks)),
        DialogueMessage("user", _text(first.opening, found.blocks)),
    ]
    turns = list(_turns(found))
    room, kept = _MOST, len(turns)
    while kept and room > 0:
        kept -= 1
        room -= len(turns[kept].content)
    tools = [] if first.tools is UNSET else orjson.loads(text_of(first.tools, found.blocks))
    newest = found.requests[0][0]
    settings = next((one.settings for one in (newest, first) if isinstance(one.settings, dict)), {})
    return SentDialogue([*opening, *turns[kept:]], tools, settings, kept)


def _text(pieces: Any, blocks: Mapping[int, str]) -> str:
    return "" if pieces is UNSET else text_of(pieces, blocks)


def _turns(found: _Found) -> Iterator[DialogueMessage]:
    """Yield the messages after the opening, oldest first."""
    ordered = found.requests[::-1]
    for turn, (sent, _) in enumerate(ordered):
        if turn:
            before = ordered[turn - 1][1]
            yield from _reply(found, before, turn - 1)
        if sent.said is not UNSET:
            yield from (DialogueMessage("user", text) for text in sent.said)


def _reply(found: _Found, kept: ReplyKept | None, turn: int) -> Iterator[DialogueMessage]:
    if kept is None or kept.reply is UNSET:
        return
    reply = kept.reply
    calls = [] if reply.calls is UNSET else reply.calls
    yield DialogueMessage("assistant", reply.text, calls)
    for entry, call in enumerate(calls):
        result = found.results.get((turn, entry))
        if result is not None:
            yield DialogueMessage("tool", result.text, tool_call_id=call.id, name=call.name)
