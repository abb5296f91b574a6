"""What a job's history says is done: the fold that a run goes on from.

A run is written so that it takes the same steps again each time: where the history holds a model's
reply or a tool's result, that is used; the first step it does not hold is made for real. Steps are
kept by task and scope: scope `""` is the task's own dialogue, `d3` the dialogue of the agent that
call number 3 delegated to, `g` a guardrail's.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from common.contracts.crew import CrewSnapshot
from common.contracts.events import EventType
from executor.domain.log.events import Event
from executor.domain.log.questions import Outcome, answer_of
from executor.engine.faults import RunFault
from executor.models.dialogue import Reply
from executor.tools.spec import Failed

MISMATCH = "HISTORY_MISMATCH"


@dataclass(frozen=True, slots=True)
class Output:
    """What a task made. `value` is the text, or the JSON value where a schema asks for one."""

    text: str
    value: Any

    @classmethod
    def of(cls, value: Any) -> "Output":
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return cls(text, value)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tool call was asked for: the `entry`th of the `turn`th reply in a scope."""

    scope: str
    turn: int
    entry: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a person said of a call whose outcome was not known, and in which attempt of the job.

    `again` says that the call is to be made again; else `text` is its result.
    """

    text: str
    again: bool
    attempt: int


@dataclass(frozen=True, slots=True)
class Review:
    """What a person said of an answer. `shown` is the answer, None where an old event left it out."""

    outcome: Outcome
    text: str
    shown: Output | None


@dataclass(slots=True)
class Spent:
    """What the job's model calls have used so far, over all its attempts."""

    tokens: int = 0
    cost_usd: float = 0.0
    requests: int = 0

    def add(self, usage: Mapping[str, Any]) -> None:
        self.requests += int(usage.get("requests", 1))
        self.tokens += int(usage.get("input_tokens", 0)) + int(usage.get("output_tokens", 0))
        self.cost_usd += float(usage.get("cost_usd") or 0.0)


@dataclass(slots=True)
class TaskRecord:
    """What is known of one task. Call numbers never start again within it.

    `doubtful` are the calls of which nobody knows whether they were made.
    """

    task_id: str
    started_at: datetime | None = None
    finished_at: datetime | None = None
    output: Output | None = None
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    calls: dict[Place, tuple[int, str]] = field(default_factory=dict)
    results: dict[int, str] = field(default_factory=dict)
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    doubtful: set[int] = field(default_factory=set)
    last_call: int = 0
    reviews: list[Review] = field(default_factory=list)
    waited: timedelta = timedelta()


@dataclass(slots=True)
class Progress:
    """What a job has done: its tasks by id, what it spent, what it has warned of.

    `asked` counts the questions to people; `question` is the one that is open.
    """

    tasks: dict[str, TaskRecord]
    started_at: datetime | None = None
    waited: timedelta = timedelta()
    spent: Spent = field(default_factory=Spent)
    warned: set[tuple[str, str]] = field(default_factory=set)
    asked: int = 0
    question: Event | None = None


def fold(history: Sequence[Event], snapshot: CrewSnapshot) -> Progress:
    """Return what `history` says is done of `snapshot`'s tasks.

    Raises `RunFault` (`HISTORY_MISMATCH`) for a history of other tasks or one that cannot be read.
    """
    progress = Progress({task.id: TaskRecord(task.id) for task in snapshot.tasks})
    for event in history:
        apply = _APPLIERS.get(event.type)
        if progress.started_at is None:
            progress.started_at = event.timestamp
        if apply is None:
            continue
        try:
            apply(progress, event)
        except (AttributeError, KeyError, TypeError, ValueError) as fault:
            raise RunFault(
                MISMATCH, f"The event {event.seq} of this job's history cannot be read."
            ) from fault
    return progress


def _record(progress: Progress, event: Event) -> TaskRecord:
    task_id = str(event.fields["task_id"])
    record = progress.tasks.get(task_id)
    if record is None:
        raise RunFault(MISMATCH, f"The history names the task {task_id}, which the crew has not.")
    return record


def _begun(progress: Progress, event: Event) -> None:
    told = event.fields.get("tasks")
    if told is not None and set(told) != set(progress.tasks):
        raise RunFault(MISMATCH, "The history began with other tasks than the crew has now.")


def _resumed(progress: Progress, event: Event) -> None:
    whole = bool((event.private or {}).get("whole"))
    for record in progress.tasks.values():
        if whole:  # what the last attempt had not begun is as open as it was for that one
            for number, verdict in record.verdicts.items():
                if verdict.attempt == event.attempt - 2:
                    record.verdicts[number] = replace(verdict, attempt=event.attempt - 1)
        else:
            numbers = {number for number, _ in record.calls.values()}
            record.doubtful |= numbers - record.results.keys()


def _started(progress: Progress, event: Event) -> None:
    record = _record(progress, event)
    record.started_at = record.started_at or event.timestamp


def _replied(progress: Progress, event: Event) -> None:
    record = _record(progress, event)
    kept = event.private or {}
    if not kept.get("cut_off"):
        record.replies.setdefault(str(kept["scope"]), []).append(Reply.load(kept["reply"]))
    progress.spent.add(event.fields.get("usage") or {})


def _called(progress: Progress, event: Event) -> None:
    record = _record(progress, event)
    kept = event.private or {}
    number = int(kept["call"])
    place = Place(str(kept["scope"]), int(kept["turn"]), int(kept["entry"]))
    record.calls[place] = (number, str(event.fields["action"]))
    record.last_call = max(record.last_call, number)


def _resulted(progress: Progress, event: Event) -> None:
    kept = event.private or {}
    text = str(kept["text"])
    known = _record(progress, event).results
    known[int(kept["call"])] = Failed(text) if kept.get("failed") else text


def _completed(progress: Progress, event: Event) -> None:
    record = _record(progress, event)
    record.output = Output.of(event.fields.get("result"))
    record.finished_at = event.timestamp


def _asked(progress: Progress, event: Event) -> None:
    _record(progress, event)
    progress.asked += 1
    progress.question = event


def _answered(progress: Progress, event: Event) -> None:
    asked, progress.question = progress.question, None
    if asked is None:
        raise ValueError("an answer without a question")
    record, said = _record(progress, asked), answer_of(event)
    call, text = (asked.private or {}).get("call"), said.input or ""
    if call is None:
        shown = Output.of(asked.fields["answer"]) if "answer" in asked.fields else None
        record.reviews.append(Review(said.outcome, text, shown))
    else:
        again = said.outcome == "retry" or text.strip().casefold() == "retry"
        record.verdicts[int(call)] = Verdict(text, again, event.attempt)
    # By the clocks of two machines; a wait of less than nothing would shorten the time limits.
    waited = max(event.timestamp - asked.timestamp, timedelta())
    record.waited += waited
    progress.waited += waited


def _warned(progress: Progress, event: Event) -> None:
    progress.warned.add((str(event.fields.get("code")), str(event.fields.get("message"))))


_APPLIERS: Mapping[EventType, Callable[[Progress, Event], None]] = {
    EventType.EXECUTION_START: _begun,
    EventType.EXECUTION_RESUMED: _resumed,
    EventType.TASK_START: _started,
    EventType.LLM_CALL: _replied,
    EventType.TOOL_CALL: _called,
    EventType.TOOL_RESULT: _resulted,
    EventType.TASK_COMPLETE: _completed,
    EventType.INPUT_REQUIRED: _asked,
    EventType.INPUT_RECEIVED: _answered,
    EventType.WARNING: _warned,
}
