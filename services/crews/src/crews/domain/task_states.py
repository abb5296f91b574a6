"""What each task's newest run did, as the trace events tell it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from common.contracts.events import EventType

TaskStatus = Literal["created", "running", "completed", "failed", "stopped"]

CLOSES: dict[EventType, TaskStatus] = {
    EventType.ERROR: "failed",
    EventType.EXECUTION_STOPPED: "stopped",
    EventType.EXECUTION_COMPLETE: "completed",
}
"""What a job's end makes of the tasks it left running."""


@dataclass(frozen=True, slots=True)
class RunEvent:
    """The part of a trace event that task states follow from."""

    workspace_id: str
    crew_id: str
    job_id: str
    seq: int
    type: EventType
    timestamp: datetime
    task_id: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A job as far as it has been heard of. `ended` is its end's `seq` and what that closes to."""

    job_id: str
    started_at: datetime
    ended: tuple[int, TaskStatus] | None = None


@dataclass(frozen=True, slots=True)
class TaskState:
    """A task's status, and the place in history it comes from: run, then `seq`."""

    task_id: str
    workspace_id: str
    crew_id: str
    job_id: str
    run_at: datetime
    seq: int
    status: TaskStatus

    @property
    def place(self) -> tuple[datetime, str, int]:
        return self.run_at, self.job_id, self.seq


def state_after(event: RunEvent, run: Run) -> TaskState | None:
    """Return the state that a task's event leads to; None for an event of no task.

    An event that comes after its job's end (messages may overtake each other) leads to what the
    end made of it.
    """
    if event.task_id is None:
        return None
    status: TaskStatus = "running" if event.type is EventType.TASK_START else "completed"
    seq = event.seq
    if run.ended is not None and status == "running":
        seq, status = run.ended
    return TaskState(
        task_id=event.task_id,
        workspace_id=event.workspace_id,
        crew_id=event.crew_id,
        job_id=event.job_id,
        run_at=run.started_at,
        seq=seq,
        status=status,
    )


def supersedes(state: TaskState, held: TaskState | None) -> bool:
    """Say whether `state` is newer than what is held: a later run, or later in the same one."""
    return held is None or state.place > held.place
