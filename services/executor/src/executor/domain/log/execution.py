"""An execution: the head of a job's log, and the moves it may make.

Everything here is a value. A `JobStep` pairs the job before with the job after. A store turns it into
one conditional write, so that a state and its events are always stored together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from common.contracts.crew import CrewSnapshot, needs_newer_code
from common.contracts.events import FINAL_STATUSES, ExecutionStatus, ForkedFrom
from executor.domain.log.journal import Replay
from executor.domain.log.projection import State
from executor.domain.log.questions import QuestionPlace
from executor.domain.log.records import Record

READS = 5
"""The newest format of executions, events and private parts that this code can read."""
WRITES = 1
"""The format in which it writes them. It is raised only after a release that can read the new one: see
docs/reference/schema.md."""
ANSWERS = 2
"""The format of a job that a person has answered. Older code would treat every answer as approval."""
GRAPH = 3
"""The format of a job whose crew has conditions, lists to work through, or rules that need no model. Older code
would run its tasks without them."""

QUESTIONS = 3
"""The format of a job that has asked what older code does not know: approvals, agents' own questions, several
at once. Older code would take an approval for a review, and wait for the newest question only."""

FORK = 4
"""The format of a job that begins with a copy of another's history. Older code would repeat effects under keys of
its own, and count the time of the other job. A replay has it too: older code would run it for real."""

ELICITATION = 5
"""The format of a job in which a tool's server has asked a person. Older code would make the call again without
the answer."""

_MOVES: Mapping[ExecutionStatus, frozenset[ExecutionStatus]] = {
    ExecutionStatus.QUEUED: frozenset(
        {ExecutionStatus.RUNNING, ExecutionStatus.FAILED, ExecutionStatus.STOPPED}
    ),
    ExecutionStatus.RUNNING: frozenset(
        {
            ExecutionStatus.RUNNING,
            ExecutionStatus.WAITING_FOR_INPUT,
            ExecutionStatus.COMPLETED,
            ExecutionStatus.FAILED,
            ExecutionStatus.STOPPED,
        }
    ),
    ExecutionStatus.WAITING_FOR_INPUT: frozenset(
        {ExecutionStatus.RUNNING, ExecutionStatus.FAILED, ExecutionStatus.STOPPED}
    ),
}


_QUOTING = frozenset(
    {
        *("OUTPUT_INVALID", "OUTPUT_CUT", "GUARDRAIL_FAILED", "GUARDRAIL_UNCLEAR"),
        "CONDITION_FAILED",
        *("REJECTED", "REVIEWS_EXHAUSTED", "MODEL_REFUSED", "CONTENT_FILTERED"),
    }
)
"""Codes of errors whose message may quote what a model or a person wrote."""
_REASON = 300


def format_for(crew: CrewSnapshot) -> int:
    """Return the format of a new job of `crew`."""
    parts = crew.agents, crew.tasks, crew.tools, crew.own_models, crew.configuration
    return GRAPH if needs_newer_code(*parts) else WRITES


class ForbiddenMove(Exception):  # noqa: N818 - it names the thing, as Superseded does
    """A writer tried a move that the state machine does not allow: a bug."""


@dataclass(frozen=True, slots=True)
class Execution:
    """A job as stored. Reads of the head leave out `inputs`, `snapshot` and `requested_by`.

    `tail` holds the newest events, those not yet in the traces; `published` is the last `seq` the
    bus has confirmed. `owner` is the worker that runs or ended the job, None if there is none.
    `lost_claims` counts the dead owners since the job last made progress. `handed_over` is the attempt
    whose worker released the job with no effect cut off. `open` turns false once an ended job is
    settled: events copied and published, job counted. `ticket` is set on a job that was made here or
    came over the bus, not on one read from the store; it proves that the job is as first stored.
    `format` is that of the newest part; code that cannot read it leaves the job alone. `crew_version` is the
    version of the crew that was asked for and, once there is a snapshot, the one that runs.
    """

    job_id: str
    workspace_id: str
    crew_id: str
    created_at: datetime
    status: ExecutionStatus = ExecutionStatus.QUEUED
    attempt: int = 0
    owner: str | None = None
    seq: int = 0
    lost_claims: int = 0
    handed_over: int = 0
    published: int = 0
    tail: tuple[Record, ...] = ()
    state: State = field(default_factory=State)
    open: bool = True
    traceparent: str = ""
    requested_by: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    snapshot: CrewSnapshot | None = None
    ticket: str = ""
    format: int = WRITES
    forked_from: ForkedFrom | None = None
    crew_version: int | None = None
    replay: Replay | None = None

    @property
    def final(self) -> bool:
        return self.status in FINAL_STATUSES

    @property
    def open_questions(self) -> tuple[QuestionPlace, ...]:
        """The places of the questions that nobody has answered, oldest first."""
        if self.final:
            return ()
        found = tuple(place for place in self.state.questions if place.answered is None)
        if found or self.status != ExecutionStatus.WAITING_FOR_INPUT:
            return found
        return (
            QuestionPlace(f"question_{self.seq}", self.seq),
        )  # from before states had questions

    @property
    def error_code(self) -> str:
        """The error code of a failed job, otherwise empty."""
        return str((self.state.error or {}).get("code", ""))

    @property
    def cause(self) -> dict[str, str]:
        """Why a failed job ended, for log lines: code, reason and task.

        The reason is left out if it may quote what a model or a person wrote.
        """
        error = self.state.error or {}
        found = {"error_code": self.error_code, "task_id": str(error.get("task_id") or "")}
        if self.error_code and self.error_code not in _QUOTING:
            found["reason"] = str(error.get("message", ""))[:_REASON]
        return {name: text for name, text in found.items() if text}

    @property
    def log_fields(self) -> dict[str, Any]:
        """The fields of the log line of its end. One search for the job's id finds the cause."""
        _, _, ids = self.traceparent.partition("-")
        trace_id = ids.partition("-")[0]
        return {
            "job_id": self.job_id,
            "workspace_id": self.workspace_id,
            "crew_id": self.crew_id,
            "attempt": self.attempt,
            "status": self.status.value,
            "seconds": self.seconds_run,
            **({"trace_id": trace_id} if trace_id else {}),
            **self.cause,
        }

    @property
    def seconds_run(self) -> float | None:
        """Seconds from the first start to the end, or None if the job has not had both.

        Never negative, even if the clocks of two machines disagree.
        """
        started, finished = self.state.started_at, self.state.finished_at
        return max(0.0, (finished - started).total_seconds()) if started and finished else None


@dataclass(frozen=True, slots=True)
class JobStep:
    """One move of one job, with the events it appends.

    It is written only if the job still has the attempt, owner, `seq` and status of `before`.
    """

    before: Execution
    after: Execution
    records: tuple[Record, ...] = ()

    @property
    def job_id(self) -> str:
        return self.before.job_id


def step(before: Execution, records: tuple[Record, ...], **changes: Any) -> JobStep:
    """Return the step from `before` that appends `records`, which determine status and state.

    `changes` are other fields to change, such as `owner`. Raises `ForbiddenMove`.
    """
    state = before.state
    written = changes.pop("format", WRITES)
    for record in records:
        state = state.with_entry(record.entry())
    status = state.status(before.status)
    if before.final or (status not in _MOVES[before.status] and status != before.status):
        raise ForbiddenMove(f"The job {before.job_id} cannot go from {before.status} to {status}.")
    kept = changes.pop("tail", before.tail)
    after = replace(
        before,
        status=status,
        state=state,
        seq=records[-1].seq if records else before.seq,
        tail=(*kept, *records),
        format=max(before.format, written) if records else before.format,
        **changes,
    )
    return JobStep(before, after, records)
