"""Folds a job's history into its progress, from which a run resumes.

A run takes the same steps each time. Where the history holds a model's reply or a tool's result,
that is used; the first step that is missing is taken for real. Steps are kept by task and scope:
scope `""` is the task's own dialogue, `d3` the dialogue of the agent that call number 3 delegated
to, `g1` that of the first guardrail check.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from msgspec import UNSET

from common.contracts.crew import CrewSnapshot
from common.contracts.events import (
    AnswerRejected,
    ExecutionForked,
    ExecutionResumed,
    ExecutionStart,
    InputReceived,
    InputRequired,
    LlmCall,
    ModelUsage,
    Outcome,
    ProposedCall,
    RunWarning,
    TaskComplete,
    TaskSkipped,
    TaskStart,
    ToolCall,
    ToolResult,
)
from common.contracts.ids import item_id
from executor.domain.budgets.amounts import Amount, nano_of
from executor.domain.log.events import (
    MISMATCH,
    CallKept,
    LogEntry,
    QuestionKept,
    ReplyKept,
    ResultKept,
    ResumeKept,
)
from executor.domain.log.questions import (
    NEW_KINDS,
    Answer,
    answer_of,
    kind_of,
    question_id_of,
)
from executor.engine.faults import CallPlace, RunFault
from executor.engine.waits import Waits
from executor.models.dialogue import Reply
from executor.tools.spec import FailedResult

PartT = TypeVar("PartT")

ASK_PERSON = "ask_person"
"""The built-in tool with which an agent asks a person something."""


@dataclass(frozen=True, slots=True)
class Output:
    """A task's output. `value` is the text, or the JSON value if the task has a schema."""

    text: str
    value: Any

    @classmethod
    def of(cls, value: Any) -> "Output":
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return cls(text, value)


@dataclass(frozen=True, slots=True)
class CallAnswer:
    """What a person said about a call of unknown outcome, and in which attempt of the job.

    If `again` is set, the call is to be repeated; otherwise `text` is its result. `count` says how often
    people have been asked about this call.
    """

    text: str
    again: bool
    attempt: int
    count: int = 1


@dataclass(frozen=True, slots=True)
class Decided:
    """What a person said about a call before it was made. `shown` is the call that they saw.

    For an agent's own question `shown` is None, and `said` holds what the agent gets to know. `recorded` says that
    they said it in a job that this one replays.
    """

    said: Answer
    shown: ProposedCall | None
    expired: bool = False
    recorded: bool = False


@dataclass(frozen=True, slots=True)
class Elicitation:
    """What the server of a call's tool has asked a person, in how many rounds so far, and the last answer, if any."""

    kept: QuestionKept
    rounds: int
    said: Answer | None = None
    expired: bool = False


@dataclass(frozen=True, slots=True)
class Review:
    """What a person said about an answer. `shown` is the answer, or None if an old event omits it."""

    outcome: Outcome
    text: str
    shown: Output | None


@dataclass(slots=True)
class Spent:
    """What the job's model calls have used so far, over all its attempts."""

    tokens: int = 0
    cost_usd: float = 0.0
    requests: int = 0

    def add(self, usage: ModelUsage) -> None:
        self.requests += usage.requests
        self.tokens += usage.input_tokens + usage.output_tokens
        self.cost_usd += usage.cost_usd or 0.0

    @property
    def amount(self) -> Amount:
        return Amount(nano_of(self.cost_usd), self.tokens)


@dataclass(slots=True)
class TaskRecord:
    """What is known about one task. Its call numbers are never reused.

    `made` holds the calls that have an event, which is stored before they are made; `doubtful` those that
    may or may not have been made; `origins` are the jobs that began those, or made the output (`source`), where that
    was another. `items` is the length of the list that a task with `for_each` works through,
    `rejected` counts the answers that did not do.
    """

    task_id: str
    started_at: datetime | None = None
    finished_at: datetime | None = None
    output: Output | None = None
    skipped: bool = False
    items: int | None = None
    rejected: int = 0
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    calls: dict[CallPlace, tuple[int, str]] = field(default_factory=dict)
    results: dict[int, str] = field(default_factory=dict)
    call_answers: dict[int, CallAnswer] = field(default_factory=dict)
    decided: dict[int, Decided] = field(default_factory=dict)
    elicited: dict[int, Elicitation] = field(default_factory=dict)
    made: set[int] = field(default_factory=set)
    doubtful: set[int] = field(default_factory=set)
    origins: dict[int, str] = field(default_factory=dict)
    source: str | None = None
    last_call: int = 0
    reviews: list[Review] = field(default_factory=list)
    waits: Waits = field(default_factory=Waits)


@dataclass(slots=True)
class Progress:
    """What a job has done so far: its tasks by id, what it spent, which warnings it wrote.

    `asked` counts the questions to people; `open` are those without an answer, by id.
    """

    tasks: dict[str, TaskRecord]
    started_at: datetime | None = None
    waits: Waits = field(default_factory=Waits)
    spent: Spent = field(default_factory=Spent)
    warned: set[tuple[str, str]] = field(default_factory=set)
    asked: int = 0
    open: dict[str, LogEntry] = field(default_factory=dict)

    def add_items(self, record: TaskRecord, count: int) -> None:
        """Add a record for each entry of the list that the task of `record` works through."""
        record.items = count
        for place in range(count):
            name = item_id(record.task_id, place)
            self.tasks.setdefault(name, TaskRecord(name))


def fold(history: Sequence[LogEntry], snapshot: CrewSnapshot) -> Progress:
    """Return the progress of `snapshot`'s tasks according to `history`.

    Raises `RunFault` (`HISTORY_MISMATCH`) for a history of other tasks, or an unreadable one.
    """
    progress = Progress({task.id: TaskRecord(task.id) for task in snapshot.tasks})
    if history:
        progress.started_at = history[0].timestamp
    for entry in history:
        try:
            _apply(progress, entry)
        except (KeyError, TypeError, ValueError) as fault:
            raise RunFault(
                MISMATCH, f"The event {entry.seq} of this job's history cannot be read."
            ) from fault
    return progress


def _apply(progress: Progress, entry: LogEntry) -> None:  # noqa: C901, PLR0912 - a case for each type
    match entry.body:
        case ExecutionStart(tasks=tasks):
            _check_tasks(progress, tasks)
            _begin(progress, entry.timestamp)
        case ExecutionResumed():
            _resume(progress, entry)
        case ExecutionForked(forked_from=origin):
            _fork(progress, origin.job_id)
        case TaskStart() as start:
            _start(progress, start, entry.timestamp)
        case AnswerRejected(task_id=task_id):
            _record(progress, task_id).rejected += 1
        case TaskSkipped(task_id=task_id):
            _record(progress, task_id).skipped = True
        case LlmCall() as call:
            _add_reply(progress, call, _private_part(entry, ReplyKept))
        case ToolCall() as call:
            _add_call(_record(progress, call.task_id), call.action, _private_part(entry, CallKept))
        case ToolResult(task_id=task_id, action=tool):
            _add_result(_record(progress, task_id), tool, _private_part(entry, ResultKept))
        case TaskComplete(task_id=task_id, result=result):
            record = _record(progress, task_id)
            record.output = Output.of(result)
            record.finished_at = entry.timestamp
        case InputRequired() as asked:
            _ask(progress, entry, asked)
        case InputReceived() as said:
            _answer(progress, entry, said)
        case RunWarning(code=code, message=message):
            progress.warned.add((code, message))
        case _:  # has no effect on what is left to do
            pass


def _start(progress: Progress, start: TaskStart, moment: datetime) -> None:
    record = _record(progress, start.task_id)
    record.started_at = record.started_at or moment
    if start.items is not UNSET:
        progress.add_items(record, start.items)


def _record(progress: Progress, task_id: object) -> TaskRecord:
    record = progress.tasks.get(str(task_id))
    if record is None:
        raise RunFault(
            MISMATCH, f"The history names the task {task_id}, which the crew does not have."
        )
    return record


def _private_part(entry: LogEntry, part: type[PartT]) -> PartT:
    if not isinstance(entry.private, part):
        raise TypeError(f"the event {entry.seq} has no {part.__name__}")
    return entry.private


def _check_tasks(progress: Progress, tasks: Sequence[str]) -> None:
    if tasks and set(tasks) != set(progress.tasks):
        raise RunFault(MISMATCH, "The history began with other tasks than the crew has now.")


def _resume(progress: Progress, entry: LogEntry) -> None:
    _begin(progress, entry.timestamp)
    whole = isinstance(entry.private, ResumeKept) and entry.private.whole is True
    for record in progress.tasks.values():
        if whole:  # the last attempt lost nothing, so a person's word to it holds for this one
            for number, answer in record.call_answers.items():
                if answer.attempt == entry.attempt - 2:
                    record.call_answers[number] = replace(answer, attempt=entry.attempt - 1)
        else:
            record.doubtful |= record.made - record.results.keys()


def _fork(progress: Progress, origin: str) -> None:
    """Take what was done so far as done by the job `origin`, and begin to count the time at the next claim."""
    progress.started_at, progress.waits = None, Waits()
    for record in progress.tasks.values():
        record.waits = Waits()
        if record.output is not None:
            record.source = record.source or origin
        for number in record.made - record.results.keys():
            record.origins.setdefault(number, origin)


def _begin(progress: Progress, moment: datetime) -> None:
    """Count the time from here, unless an earlier claim began to."""
    if progress.started_at is None:
        progress.started_at = moment
        for record in progress.tasks.values():
            if record.started_at is not None and record.output is None:
                record.started_at = moment


def _add_reply(progress: Progress, call: LlmCall, kept: ReplyKept) -> None:
    record = _record(progress, call.task_id)
    if kept.cut_off is not True:
        if kept.scope is UNSET or kept.reply is UNSET:
            raise ValueError("a reply without its text")
        record.replies.setdefault(kept.scope, []).append(Reply.load(kept.reply))
    if call.recorded is not True:
        progress.spent.add(ModelUsage() if call.usage is UNSET else call.usage)


def _add_call(record: TaskRecord, tool: str, kept: CallKept) -> None:
    record.calls[CallPlace(kept.scope, kept.turn, kept.entry)] = (kept.call, tool)
    record.last_call = max(record.last_call, kept.call)
    record.made.add(kept.call)


def _add_result(record: TaskRecord, tool: str, kept: ResultKept) -> None:
    record.results[kept.call] = FailedResult(kept.text) if kept.failed is True else kept.text
    if kept.scope is not UNSET and kept.turn is not UNSET and kept.entry is not UNSET:
        # A call that needs a yes and was not fit to be made has neither an event nor a question.
        record.calls.setdefault(CallPlace(kept.scope, kept.turn, kept.entry), (kept.call, tool))
        record.last_call = max(record.last_call, kept.call)


def _ask(progress: Progress, entry: LogEntry, asked: InputRequired) -> None:
    record = _record(progress, asked.task_id)
    progress.asked += 1
    progress.open[question_id_of(entry)] = entry
    kept = entry.private
    if kind_of(entry, asked) in NEW_KINDS and isinstance(kept, QuestionKept):
        # The call has no event of its own before it is made, but keeps its number.
        if kept.scope is UNSET or kept.turn is UNSET or kept.entry is UNSET:
            raise ValueError("a question about a call without its place")
        tool = ASK_PERSON if asked.tool_call is UNSET else asked.tool_call.tool
        record.calls[CallPlace(kept.scope, kept.turn, kept.entry)] = (kept.call, tool)
        record.last_call = max(record.last_call, kept.call)
        if kept.keys is not UNSET:
            _elicit(record, kept)
    record.waits.begin(entry.timestamp)
    progress.waits.begin(entry.timestamp)


def _elicit(record: TaskRecord, kept: QuestionKept) -> None:
    """Note that a call did nothing but ask: it is made again with the answer, and has another event then."""
    before = record.elicited.get(kept.call)
    record.elicited[kept.call] = Elicitation(kept, 1 if before is None else before.rounds + 1)
    record.made.discard(kept.call)
    record.doubtful.discard(kept.call)


def _answer(progress: Progress, entry: LogEntry, said: InputReceived) -> None:
    asked = _take_question(progress, said)
    body, kept = asked.body, asked.private
    if not isinstance(body, InputRequired):
        raise TypeError("an answer to something else")
    record, answer = _record(progress, body.task_id), answer_of(entry)
    kind = kind_of(asked, body)
    if isinstance(kept, QuestionKept) and kept.keys is not UNSET:
        asking = record.elicited[kept.call]
        record.elicited[kept.call] = replace(asking, said=answer, expired=said.expired is True)
    elif kind in NEW_KINDS and isinstance(kept, QuestionKept):
        shown = None if body.tool_call is UNSET else body.tool_call
        expired, recorded = said.expired is True, said.recorded is True
        record.decided[kept.call] = Decided(answer, shown, expired, recorded)
    elif isinstance(kept, QuestionKept):
        text = str(answer.input or "")
        again = answer.outcome == "retry" or text.strip().casefold() == "retry"
        before = record.call_answers.get(kept.call)
        count = 1 if before is None else before.count + 1
        record.call_answers[kept.call] = CallAnswer(text, again, entry.attempt, count)
    else:
        shown_text = None if body.answer is UNSET else Output.of(body.answer)
        record.reviews.append(Review(answer.outcome, str(answer.input or ""), shown_text))
    record.waits.end(entry.timestamp)
    progress.waits.end(entry.timestamp)


def _take_question(progress: Progress, said: InputReceived) -> LogEntry:
    """Take the question that was answered out of the open ones. Old answers name none: there was one."""
    named = said.question_id if isinstance(said.question_id, str) else ""
    if not named and progress.open:
        named = next(reversed(progress.open))
    asked = progress.open.pop(named, None)
    if asked is None:
        raise ValueError("an answer without a question")
    return asked
