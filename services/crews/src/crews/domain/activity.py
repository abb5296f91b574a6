"""What a crew's runs have done to its tasks: a fold over their events, in any order.

Kept apart from the crew, so that a run does not change the crew's version. Messages may come twice
and in any order: within a run a task's mark moves only to a higher `seq`, a run begins at the
earliest time any of its events has, and a task shows what its newest run did. Runs are compared by
their begin, then by job id (ids of foreign publishers do not sort by time).
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, ConfigDict

from common.contracts.events import (
    Event,
    EventType,
    TaskComplete,
    TaskSkipped,
    TaskStart,
    TerminalBody,
)

TaskStatus = Literal["created", "running", "completed", "skipped", "failed", "stopped"]

RUNS_KEPT = 100
RUNS_AT_MOST = 300

_ENDS: Mapping[str, TaskStatus] = MappingProxyType(
    {
        EventType.EXECUTION_COMPLETE: "completed",
        EventType.ERROR: "failed",
        EventType.EXECUTION_STOPPED: "stopped",
    }
)


class Mark(BaseModel):
    """What a run last did to a task or, as `Run.end`, to itself."""

    model_config = ConfigDict(frozen=True)

    status: TaskStatus
    seq: int


class CrewRun(BaseModel):
    model_config = ConfigDict(frozen=True)

    began: datetime
    tasks: dict[str, Mark] = {}
    end: Mark | None = None

    def after(self, event: Event) -> "CrewRun":
        """Return the run after `event`; types that only newer versions know change nothing."""
        began = min(self.began, _moment(event))
        tasks, end = self.tasks, self.end
        match event.body:
            case TerminalBody():
                end = _newer(end, Mark(status=_ENDS[event.type], seq=event.seq))
            case TaskStart(item_of=str()) | TaskComplete(item_of=str()):
                pass  # the work on an entry of a list: its task is told of as a whole
            case TaskStart(task_id=task_id):
                tasks = _with_mark(tasks, task_id, Mark(status="running", seq=event.seq))
            case TaskComplete(task_id=task_id):
                tasks = _with_mark(tasks, task_id, Mark(status="completed", seq=event.seq))
            case TaskSkipped(task_id=task_id):
                tasks = _with_mark(tasks, task_id, Mark(status="skipped", seq=event.seq))
        return CrewRun(began=began, tasks=tasks, end=end)

    def status(self, task_id: str) -> TaskStatus:
        """Return what became of a task of this run; its end closes what it left running."""
        status = self.tasks[task_id].status
        return self.end.status if status == "running" and self.end is not None else status


def _moment(event: Event) -> datetime:
    """Return the event's time in UTC at the precision that the store keeps."""
    moment = event.timestamp.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _with_mark(tasks: dict[str, Mark], task_id: str, mark: Mark) -> dict[str, Mark]:
    return {**tasks, task_id: _newer(tasks.get(task_id), mark)}


def _newer(known: Mark | None, mark: Mark) -> Mark:
    return mark if known is None or mark.seq > known.seq else known


class Activity(BaseModel):
    """A crew's runs by job id."""

    model_config = ConfigDict(frozen=True)

    crew_id: str
    workspace_id: str
    version: int = 0
    runs: dict[str, CrewRun] = {}

    def after(self, events: Iterable[Event]) -> "Activity":
        """Return the activity after `events`, or itself when they change nothing."""
        runs = dict(self.runs)
        for event in events:
            run = runs.get(event.job_id) or CrewRun(began=_moment(event))
            runs[event.job_id] = run.after(event)
        if runs == self.runs:
            return self
        return self.model_copy(update={"runs": _runs_to_keep(runs), "version": self.version + 1})

    def statuses(self) -> dict[str, TaskStatus]:
        """Return the status of each task that has run, as its newest run has it."""
        return {
            task_id: self.runs[job].status(task_id) for task_id, job in _newest(self.runs).items()
        }


def _in_order(runs: Mapping[str, CrewRun]) -> list[str]:
    return sorted(runs, key=lambda job_id: (runs[job_id].began, job_id))


def _newest(runs: Mapping[str, CrewRun]) -> dict[str, str]:
    return {task_id: job_id for job_id in _in_order(runs) for task_id in runs[job_id].tasks}


def _runs_to_keep(runs: dict[str, CrewRun]) -> dict[str, CrewRun]:
    """Return the runs without the oldest that have ended and show in no task, then without the oldest."""
    if len(runs) <= RUNS_KEPT:
        return runs
    shown = set(_newest(runs).values())
    ordered = _in_order(runs)
    spare = [job_id for job_id in ordered if runs[job_id].end and job_id not in shown]
    dropped = set(spare[: len(runs) - RUNS_KEPT])
    left = [job_id for job_id in ordered if job_id not in dropped]
    return {job_id: runs[job_id] for job_id in left[-RUNS_AT_MOST:]}
