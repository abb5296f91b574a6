"""What a job's state is: a fold over its events, and over nothing else."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from common.contracts.events import EventType, ExecutionStatus
from executor.domain.log.events import Event
from executor.domain.log.questions import Place, question_id_of

_STATUS_AFTER = {
    EventType.EXECUTION_START: ExecutionStatus.RUNNING,
    EventType.EXECUTION_RESUMED: ExecutionStatus.RUNNING,
    EventType.INPUT_REQUIRED: ExecutionStatus.WAITING_FOR_INPUT,
    EventType.INPUT_RECEIVED: ExecutionStatus.RUNNING,
    EventType.EXECUTION_COMPLETE: ExecutionStatus.COMPLETED,
    EventType.ERROR: ExecutionStatus.FAILED,
    EventType.EXECUTION_STOPPED: ExecutionStatus.STOPPED,
}
_WITH_USAGE = frozenset({EventType.LLM_CALL, EventType.TOOL_CALL, EventType.TOOL_RESULT})


@dataclass(frozen=True, slots=True)
class TaskState:
    task_id: str
    status: str = "pending"
    output: Any = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What the models were asked and what it cost. `cost_usd` is None while no price is known."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None

    def plus(self, told: Mapping[str, Any]) -> "Usage":
        cost = told.get("cost_usd")
        return Usage(
            self.requests + int(told.get("requests", 1) or 0),
            self.input_tokens + int(told.get("input_tokens", 0) or 0),
            self.output_tokens + int(told.get("output_tokens", 0) or 0),
            self.cost_usd if cost is None else round((self.cost_usd or 0.0) + float(cost), 9),
        )


@dataclass(frozen=True, slots=True)
class State:
    """A job's public state. `last` is the type of its newest event that moves the status.

    `questions` are those its people were asked, oldest first; an open one is the last.
    """

    progress: int = 0
    current_task: str | None = None
    tasks: tuple[TaskState, ...] = ()
    usage: Usage = Usage()
    result: Any = None
    error: Mapping[str, str] | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    last: EventType | None = None
    questions: tuple[Place, ...] = ()

    def status(self, otherwise: ExecutionStatus) -> ExecutionStatus:
        """Return the status the events lead to, or `otherwise` when none has moved it yet."""
        return otherwise if self.last is None else _STATUS_AFTER[self.last]

    def with_event(self, event: Event) -> "State":
        """Return the state after `event`."""
        state = replace(self, last=event.type) if event.type in _STATUS_AFTER else self
        if event.type in _WITH_USAGE and isinstance(event.fields.get("usage"), Mapping):
            state = replace(state, usage=state.usage.plus(event.fields["usage"]))
        apply = _APPLIERS.get(event.type)
        return state if apply is None else apply(state, event)

    def with_task(self, task_id: str, status: str, output: Any = None) -> "State":
        known = {task.task_id: task for task in self.tasks}
        known[task_id] = TaskState(task_id, status, output)
        return replace(self, tasks=tuple(known.values()))


def fold(events: Iterable[Event]) -> State:
    """Return the state that `events`, from the first one on, lead to."""
    state = State()
    for event in events:
        state = state.with_event(event)
    return state


def _started(state: State, event: Event) -> State:
    tasks = tuple(TaskState(str(task_id)) for task_id in event.fields.get("tasks", ()))
    return replace(state, tasks=tasks or state.tasks, started_at=event.timestamp)


def _task_started(state: State, event: Event) -> State:
    told = event.fields.get("current_task") or event.fields.get("description")
    current = str(told) if told else state.current_task
    return replace(
        state.with_task(str(event.fields.get("task_id")), "running"), current_task=current
    )


def _task_completed(state: State, event: Event) -> State:
    output = event.fields.get("result")
    state = state.with_task(str(event.fields.get("task_id")), "completed", output)
    done = sum(task.status == "completed" for task in state.tasks)
    return replace(state, progress=max(state.progress, 100 * done // len(state.tasks)))


def _progressed(state: State, event: Event) -> State:
    told = event.fields.get("progress", state.progress)
    progress = min(100, max(state.progress, int(told)))
    current = event.fields.get("current_task", state.current_task)
    return replace(state, progress=progress, current_task=current)


def _asked(state: State, event: Event) -> State:
    asked = Place(question_id_of(event), event.seq)
    return replace(state, questions=(*state.questions, asked))


def _answered(state: State, event: Event) -> State:
    if not state.questions:  # asked before the state held questions
        return state
    *known, asked = state.questions
    return replace(state, questions=(*known, replace(asked, answered=event.seq)))


def _ended(state: State, event: Event, left: str) -> State:
    tasks = tuple(
        replace(task, status=left) if task.status == "running" else task for task in state.tasks
    )
    return replace(state, tasks=tasks, current_task=None, finished_at=event.timestamp)


def _completed(state: State, event: Event) -> State:
    return replace(
        _ended(state, event, "completed"), progress=100, result=event.fields.get("result")
    )


def _failed(state: State, event: Event) -> State:
    fields = event.fields
    error = {
        "code": str(fields.get("code", "INTERNAL_ERROR")),
        "message": str(fields.get("message", "")),
    }
    return replace(_ended(state, event, "failed"), error=error)


def _stopped(state: State, event: Event) -> State:
    return _ended(state, event, "stopped")


_APPLIERS = {
    EventType.EXECUTION_START: _started,
    EventType.TASK_START: _task_started,
    EventType.TASK_COMPLETE: _task_completed,
    EventType.PROGRESS: _progressed,
    EventType.INPUT_REQUIRED: _asked,
    EventType.INPUT_RECEIVED: _answered,
    EventType.EXECUTION_COMPLETE: _completed,
    EventType.ERROR: _failed,
    EventType.EXECUTION_STOPPED: _stopped,
}
