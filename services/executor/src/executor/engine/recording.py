"""What a job's log holds of its models, tools and people, by the places where another run asks for the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from msgspec import UNSET

from common.contracts.events import (
    Artifact,
    InputReceived,
    InputRequired,
    LlmCall,
    RunError,
    RunWarning,
    ToolCall,
    ToolResult,
)
from executor.domain.log.events import (
    MISMATCH,
    CallKept,
    LogEntry,
    QuestionKept,
    ReplyKept,
    ResultKept,
    Sent,
)
from executor.domain.log.questions import kind_of, question_id_of
from executor.domain.log.sent import blocks_of, text_of
from executor.engine.faults import CallPlace, RunFault
from executor.models.dialogue import Reply, ToolRequest
from executor.tools.spec import FailedResult

_BEFORE = frozenset({"MODEL_FALLBACK", "MODEL_WAITING", "COST_UNKNOWN"})
_AFTER = frozenset({"USAGE_ESTIMATED", "CALLS_LEFT_OUT"})


@dataclass(slots=True)
class RecordedReply:
    """A model's reply. `sent` is what its request added to the dialogue, if that was kept.

    `before` and `after` are the warnings that were written because of it, `cut_off` requests without a reply that
    stand before it: a fork goes on behind them.
    """

    reply: Reply
    body: LlmCall
    sent: Sent | None
    before: list[RunWarning] = field(default_factory=list)
    after: list[RunWarning] = field(default_factory=list)
    cut_off: list[LlmCall] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """A question to a person and its answer. It may have ended the job."""

    asked: InputRequired
    said: InputReceived


@dataclass(slots=True)
class Recording:
    """The steps of a recorded run. `end` is the error that it ended with, if it did.

    `replies` are those of a task's scope, by turn. `answers` are by the number of their call, and those of reviews
    by their place in the task. `cut_off` are requests behind the last reply: they had got none at the end.
    """

    replies: dict[tuple[str, str], list[RecordedReply]] = field(default_factory=dict)
    results: dict[tuple[str, CallPlace], str] = field(default_factory=dict)
    artifacts: dict[tuple[str, CallPlace], Sequence[Artifact]] = field(default_factory=dict)
    decided: dict[tuple[str, CallPlace], Mapping[str, object]] = field(default_factory=dict)
    answers: dict[tuple[str, str, int], RecordedAnswer] = field(default_factory=dict)
    blocks: dict[int, str] = field(default_factory=dict)
    cut_off: list[LlmCall] = field(default_factory=list)
    end: RunError | None = None

    def request_of(self, task_id: str, place: CallPlace) -> ToolRequest | None:
        """Return the call that was asked for at `place`."""
        replies = self.replies.get((task_id, place.scope), ())
        calls = replies[place.turn].reply.calls if place.turn < len(replies) else ()
        return calls[place.entry] if place.entry < len(calls) else None

    def text(self, pieces: Sequence[str | int]) -> str:
        """Return a text that was sent, from its pieces."""
        return text_of(list(pieces), self.blocks)


def recording_of(history: Sequence[LogEntry]) -> Recording:
    """Return the recording in a job's log. Raises `RunFault` (`HISTORY_MISMATCH`) for one that cannot be read."""
    reader = _Reader()
    for entry in history:
        try:
            reader.add(entry)
        except (KeyError, TypeError, ValueError) as fault:
            message = f"The event {entry.seq} of the recorded job cannot be read."
            raise RunFault(MISMATCH, message) from fault
    return reader.recording


class _Reader:
    def __init__(self) -> None:
        self.recording = Recording()
        self._places: dict[tuple[str, int], CallPlace] = {}
        self._open: dict[str, LogEntry] = {}
        self._reviews: dict[str, int] = {}
        self._warnings: list[RunWarning] = []
        self._last: RecordedReply | None = None

    def add(self, entry: LogEntry) -> None:
        private = entry.private
        match entry.body:
            case LlmCall() as body if isinstance(private, ReplyKept):
                self._add_request(body, private)
            case ToolCall(task_id=task_id) if isinstance(private, CallKept):
                place = CallPlace(private.scope, private.turn, private.entry)
                self._places[task_id, private.call] = place
                if private.arguments is not UNSET:
                    self.recording.decided[task_id, place] = private.arguments
            case ToolResult(task_id=task_id) as body if isinstance(private, ResultKept):
                self._add_result(task_id, body, private)
            case InputRequired():
                self._open[question_id_of(entry)] = entry
            case InputReceived() as said:
                self._add_answer(said)
            case RunWarning() as warning:
                self._add_warning(warning)
            case RunError() as end:
                self.recording.end = end
            case _:
                pass

    def _add_request(self, body: LlmCall, kept: ReplyKept) -> None:
        if kept.cut_off is True:
            self.recording.cut_off.append(body)
            return
        if kept.scope is UNSET or kept.reply is UNSET:
            raise ValueError("a reply without its text")
        sent = None if kept.sent is UNSET else kept.sent
        found = RecordedReply(Reply.load(kept.reply), body, sent, before=self._warnings)
        found.cut_off, self.recording.cut_off = self.recording.cut_off, []
        self._warnings, self._last = [], found
        self.recording.replies.setdefault((body.task_id, kept.scope), []).append(found)
        if sent is not None:
            self.recording.blocks.update(blocks_of(sent))

    def _add_result(self, task_id: str, body: ToolResult, kept: ResultKept) -> None:
        place = self._places.get((task_id, kept.call))
        if kept.scope is not UNSET and kept.turn is not UNSET and kept.entry is not UNSET:
            place = CallPlace(kept.scope, kept.turn, kept.entry)
        if place is not None:
            text = FailedResult(kept.text) if kept.failed is True else kept.text
            self.recording.results[task_id, place] = text
            if body.artifacts is not UNSET:
                self.recording.artifacts[task_id, place] = body.artifacts

    def _add_answer(self, said: InputReceived) -> None:
        named = said.question_id if isinstance(said.question_id, str) else ""
        asked = self._open.pop(named or next(reversed(self._open)))
        if not isinstance(asked.body, InputRequired):
            raise TypeError("an answer to something else")
        task_id, kind = str(asked.body.task_id), kind_of(asked, asked.body)
        if kind == "review":
            number = self._reviews[task_id] = self._reviews.get(task_id, -1) + 1
        else:
            number = asked.private.call if isinstance(asked.private, QuestionKept) else 0
        self.recording.answers[task_id, kind, number] = RecordedAnswer(asked.body, said)

    def _add_warning(self, warning: RunWarning) -> None:
        """Note a warning about a model with the reply that it belongs to."""
        if warning.code in _AFTER and self._last is not None:
            self._last.after.append(warning)
        elif warning.code in _BEFORE | _AFTER:
            self._warnings.append(warning)
