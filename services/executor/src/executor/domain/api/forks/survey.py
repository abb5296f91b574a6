"""What a job's log holds, without the texts: enough to decide which of its events a fork copies."""

from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from msgspec import UNSET

from common.contracts.events import (
    InputReceived,
    InputRequired,
    LlmCall,
    Outcome,
    TaskStart,
    ToolCall,
    ToolResult,
    UnknownEvent,
)
from executor.domain.log.events import (
    CallKept,
    LogEntry,
    QuestionKept,
    ReplyKept,
    ResultKept,
    UnreadableEvent,
)
from executor.domain.log.questions import answer_of, kind_of, question_id_of

DELEGATE = "delegate_work"
"""The tool by which a manager has work done; its call has no effect but the work's own."""
_ASK_PERSON = "ask_person"


class Seen(NamedTuple):
    """One event. `number` is that of the call that it is about, `question_id` that of the question."""

    seq: int
    type: str
    task_id: str | None
    number: int | None = None
    question_id: str | None = None


@dataclass(slots=True)
class CallSeen:
    """One tool call: where the model asked for it, and how far it came. `event` is the `seq` that last made it."""

    tool: str = ""
    scope: str | None = None
    turn: int = 0
    event: int = 0
    made: bool = False
    done: bool = False


@dataclass(slots=True)
class QuestionSeen:
    """One question, and how it was answered; `recorded` if that was in a job that this one replayed."""

    kind: str
    task_id: str
    number: int | None
    answered: int | None = None
    outcome: Outcome | None = None
    recorded: bool = False


PartT = TypeVar("PartT")
Key = tuple[str, int]
"""A task and the number of one of its calls."""


@dataclass(slots=True)
class Survey:
    """The events of a job in order, and what they say about its replies, calls, questions and lists.

    `replies` are the `seq`s of the replies in a scope of a task, by turn. `items` are the tasks that work on
    entries, with the tasks whose entries they are. `asking` are the questions that came of a call instead of a
    result, by the `seq` of the call.
    """

    events: list[Seen] = field(default_factory=list)
    replies: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    calls: dict[Key, CallSeen] = field(default_factory=dict)
    questions: dict[str, QuestionSeen] = field(default_factory=dict)
    items: dict[str, str] = field(default_factory=dict)
    lists: dict[str, int] = field(default_factory=dict)
    asking: dict[int, str] = field(default_factory=dict)
    size: int = 0
    _open: list[str] = field(default_factory=list)

    def add(self, entry: LogEntry, size: int) -> None:
        """Add the next event, which has `size` bytes. Raises `UnreadableEvent`."""
        body, task_id = entry.body, getattr(entry.body, "task_id", None)
        if isinstance(body, UnknownEvent):
            raise UnreadableEvent(f"The event {entry.seq} was written by a newer version.")
        named = None if task_id is UNSET else task_id
        number, question_id = None, None
        match body:
            case LlmCall():
                self._add_reply(entry, body)
            case ToolCall():
                number = self._add_call(entry, body)
            case ToolResult():
                number = self._add_result(entry, body)
            case InputRequired():
                question_id = self._add_question(entry, body)
            case InputReceived():
                question_id = self._add_answer(entry, body)
                named = self.questions[question_id].task_id
            case TaskStart(item_of=str() as parent):
                self.items[body.task_id] = parent
            case TaskStart(items=int() as count):
                self.lists[body.task_id] = count
            case _:
                pass
        self.size += size
        self.events.append(Seen(entry.seq, entry.type, named, number, question_id))

    def _add_reply(self, entry: LogEntry, body: LlmCall) -> None:
        kept = _private(entry, ReplyKept)
        if kept.cut_off is not True and isinstance(kept.scope, str):
            self.replies.setdefault((body.task_id, kept.scope), []).append(entry.seq)

    def _add_call(self, entry: LogEntry, body: ToolCall) -> int:
        kept = _private(entry, CallKept)
        call = self._call(body.task_id, kept.call)
        call.tool, call.scope, call.turn, call.made = body.action, kept.scope, kept.turn, True
        call.event = entry.seq
        return kept.call

    def _add_result(self, entry: LogEntry, body: ToolResult) -> int:
        kept = _private(entry, ResultKept)
        self._call(body.task_id, kept.call).done = True
        return kept.call

    def _add_question(self, entry: LogEntry, body: InputRequired) -> str:
        question_id, kept = question_id_of(entry), entry.private
        number = kept.call if isinstance(kept, QuestionKept) else None
        task_id = str(body.task_id)
        self.questions[question_id] = QuestionSeen(kind_of(entry, body), task_id, number)
        self._open.append(question_id)
        if isinstance(kept, QuestionKept) and isinstance(kept.scope, str):
            call = self._call(task_id, kept.call)
            call.scope, call.turn = kept.scope, kept.turn if isinstance(kept.turn, int) else 0
            call.tool = _ASK_PERSON if body.tool_call is UNSET else body.tool_call.tool
            if kept.keys is not UNSET:  # it did nothing but ask, and is made again with the answer
                call.made = False
                self.asking[call.event] = question_id
        return question_id

    def _add_answer(self, entry: LogEntry, body: InputReceived) -> str:
        """Note the answer to a question. Old answers name none: there was one."""
        named = body.question_id if isinstance(body.question_id, str) else ""
        if not named and self._open:
            named = self._open[-1]
        asked = self.questions.get(named)
        if asked is None:
            raise UnreadableEvent(f"The event {entry.seq} answers what was not asked.")
        if named in self._open:
            self._open.remove(named)
        asked.answered, asked.outcome = entry.seq, answer_of(entry).outcome
        asked.recorded = body.recorded is True
        return named

    def _call(self, task_id: str, number: int) -> CallSeen:
        return self.calls.setdefault((task_id, number), CallSeen())

    def reply_of(self, key: Key) -> int | None:
        """Return the `seq` of the reply that asked for a call, or None if the log does not say."""
        call = self.calls.get(key)
        if call is None or call.scope is None:
            return None
        replies = self.replies.get((key[0], call.scope), ())
        return replies[call.turn] if call.turn < len(replies) else None

    def has_effect(self, key: Key, *, managed: bool) -> bool:
        """Say whether a call may have changed something, so that it must not be made again."""
        call = self.calls[key]
        if not call.made:
            return False
        delegates = managed and call.scope == "" and call.tool == DELEGATE
        return not delegates and call.tool != _ASK_PERSON

    def tasks_with(self, *types: str, upto: int) -> set[str]:
        """Return the tasks that have an event of one of the types, up to a `seq`."""
        return {
            seen.task_id
            for seen in self.events
            if seen.seq <= upto and seen.type in types and seen.task_id is not None
        }

    def replies_by_seq(self) -> dict[int, str]:
        """Return the tasks of all replies, by the `seq` of the reply."""
        return {seq: task_id for (task_id, _), seqs in self.replies.items() for seq in seqs}


def _private(entry: LogEntry, part: type[PartT]) -> PartT:
    if not isinstance(entry.private, part):
        raise UnreadableEvent(f"The event {entry.seq} has no {part.__name__}.")
    return entry.private
