"""The state of a job: a fold over its events and nothing else."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import UNSET, Struct, UnsetType, field
from msgspec.structs import replace

from common.contracts.events import (
    Artifact,
    EventBody,
    EventType,
    ExecutionComplete,
    ExecutionForked,
    ExecutionResumed,
    ExecutionStart,
    ExecutionStatus,
    ExecutionWaiting,
    InputReceived,
    InputRequired,
    LlmCall,
    ModelUsage,
    ProgressUpdate,
    RunError,
    TaskComplete,
    TaskSkipped,
    TaskStart,
    TerminalBody,
    ToolResult,
)
from common.contracts.ids import item_id
from executor.domain.log.events import LogEntry
from executor.domain.log.questions import QuestionPlace, question_id_of

_STATUS_AFTER = {
    EventType.EXECUTION_START: ExecutionStatus.RUNNING,
    EventType.EXECUTION_RESUMED: ExecutionStatus.RUNNING,
    EventType.EXECUTION_FORKED: ExecutionStatus.QUEUED,
    EventType.INPUT_REQUIRED: ExecutionStatus.WAITING_FOR_INPUT,
    EventType.EXECUTION_WAITING: ExecutionStatus.WAITING_FOR_INPUT,
    EventType.INPUT_RECEIVED: ExecutionStatus.RUNNING,
    EventType.EXECUTION_COMPLETE: ExecutionStatus.COMPLETED,
    EventType.ERROR: ExecutionStatus.FAILED,
    EventType.EXECUTION_STOPPED: ExecutionStatus.STOPPED,
}
_CLAIMS = {EventType.EXECUTION_START, EventType.EXECUTION_RESUMED, EventType.EXECUTION_FORKED}
"""After these, every answer has been read or will be."""
_NOTHING_USED = ModelUsage(requests=0)
MOST_ARTIFACTS = 100
"""How many artifacts a job shows by itself; a list of its own has all."""
OTHER_MODELS = "other"
"""Stands for the models of a job that has used too many to tell them apart."""
_MODELS, _NAME = 20, 200
"""Models of a job whose use is told apart, and the characters of their names."""


class TaskState(Struct, frozen=True):
    """What became of a task. `item_of` is set on the work on one entry of a list, for the task that it names.

    Once that task is done, its output has the outputs of all entries, and theirs are dropped. `description` is a line
    on what is to be done, once it has begun; the works on entries share that of their task.
    """

    task_id: str
    status: str = "pending"
    output: Any = None
    item_of: str | None = None
    description: str = ""


class State(Struct, frozen=True):
    """A job's public state. `last` is the type of the newest event that changed the status.

    `questions` are those that people were asked, oldest first. `unread` says that one was answered and
    no run has begun since: the job then does not wait, whatever else it asks. `ends` are the tasks whose outputs
    no other has read; empty if it is only the last one. `artifacts` are the first files that its calls have made,
    `models` is `usage` by the model.
    """

    progress: int = 0
    current_task: str | None = None
    tasks: tuple[TaskState, ...] = ()
    usage: ModelUsage = _NOTHING_USED
    models: Mapping[str, ModelUsage] = field(default_factory=dict)
    result: Any = None
    error: Mapping[str, str] | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    last: EventType | None = None
    questions: tuple[QuestionPlace, ...] = ()
    unread: bool = False
    ends: tuple[str, ...] = ()
    artifacts: tuple[Artifact, ...] = ()

    @property
    def outputs(self) -> dict[str, Any]:
        """What each end of a completed job's graph made, by the ids of its tasks."""
        if self.last != EventType.EXECUTION_COMPLETE:
            return {}
        made = {
            task.task_id: task.output
            for task in self.tasks
            if task.status == "completed" and task.item_of is None
        }
        return {task_id: made[task_id] for task_id in self.ends or [*made][-1:] if task_id in made}

    def status(self, otherwise: ExecutionStatus) -> ExecutionStatus:
        """Return the status after the events, or `otherwise` if none of them has changed it."""
        return otherwise if self.last is None else _STATUS_AFTER[self.last]

    def with_entry(self, entry: LogEntry) -> "State":
        """Return the state after `entry`."""
        state = _apply(self, entry)
        kind = entry.type
        if kind not in _STATUS_AFTER or (parks(entry.body) and state.unread):
            return state
        if kind == EventType.INPUT_REQUIRED and not parks(entry.body):
            return state
        unread = kind == EventType.INPUT_RECEIVED or (state.unread and kind not in _CLAIMS)
        return replace(state, last=EventType(kind), unread=unread)

    def with_task(self, task_id: str, status: str, output: Any = None) -> "State":
        known = {task.task_id: task for task in self.tasks}
        before = known.get(task_id, TaskState(task_id))
        known[task_id] = replace(before, status=status, output=output)
        return replace(self, tasks=tuple(known.values()))


def parks(body: EventBody) -> bool:
    """Say whether a run ends with this event until a person answers."""
    if isinstance(body, InputRequired):
        return body.goes_on is not True
    return isinstance(body, ExecutionWaiting)


def fold(entries: Iterable[LogEntry]) -> State:
    """Return the state after all `entries` of a log."""
    state = State()
    for entry in entries:
        state = state.with_entry(entry)
    return state


def _apply(state: State, entry: LogEntry) -> State:  # noqa: C901 - a case for each type
    match entry.body:
        case ExecutionStart(tasks=tasks):
            known = tuple(TaskState(task_id) for task_id in tasks)
            state = replace(state, tasks=known or state.tasks, started_at=entry.timestamp)
        case ExecutionForked():
            state = replace(state, current_task=None, started_at=None)
        case ExecutionResumed():
            state = replace(state, started_at=state.started_at or entry.timestamp)
        case TaskStart() as start:
            state = _apply_task_start(state, start)
        case LlmCall(usage=ModelUsage() as usage, recorded=recorded) if recorded is not True:
            state = _apply_usage(state, entry.body.action, usage)
        case ProgressUpdate() as update:
            state = _apply_progress(state, update)
        case TaskComplete(task_id=task_id, result=result):
            state = _apply_task_complete(state, task_id, result)
        case TaskSkipped(task_id=task_id):
            state = _update_progress(state.with_task(task_id, "skipped"))
        case InputRequired():
            asked = QuestionPlace(question_id_of(entry), entry.seq)
            state = replace(state, questions=(*state.questions, asked))
        case InputReceived() as answer:
            state = _apply_answer(state, answer, entry.seq)
        case TerminalBody() as ending:
            state = _apply_end(state, ending, entry.timestamp)
        case other:  # matters only to a run's history, or was written by a newer version
            made = other.artifacts if isinstance(other, ToolResult) else UNSET
            state = state if isinstance(made, UnsetType) else _apply_artifacts(state, made)
    return state


def _apply_artifacts(state: State, made: Sequence[Artifact]) -> State:
    known = {one.file_id for one in state.artifacts}
    new = [one for one in made if one.file_id not in known]
    return replace(state, artifacts=(*state.artifacts, *new)[:MOST_ARTIFACTS])


def _apply_progress(state: State, update: ProgressUpdate) -> State:
    progress = min(100, max(state.progress, update.progress))
    current = state.current_task if update.current_task is UNSET else update.current_task
    return replace(state, progress=progress, current_task=current)


def _apply_usage(state: State, model: str, usage: ModelUsage) -> State:
    total, models = state.usage.plus(usage), state.models
    name = model[:_NAME] if model in models or len(models) < _MODELS else OTHER_MODELS
    if not models or [*models] == [name]:  # nearly every job: the sum is that of its one model
        return replace(state, usage=total, models={name: total})
    known = models.get(name, _NOTHING_USED)
    return replace(state, usage=total, models={**models, name: known.plus(usage)})


def _apply_task_start(state: State, start: TaskStart) -> State:
    state = state.with_task(start.task_id, "running")
    if start.item_of is UNSET:
        tasks = tuple(
            replace(task, description=start.description) if task.task_id == start.task_id else task
            for task in state.tasks
        )
        state = replace(state, tasks=tasks)
    if start.items is not UNSET:
        items = (item_id(start.task_id, place) for place in range(start.items))
        added = tuple(TaskState(name, item_of=start.task_id) for name in items)
        state = replace(state, tasks=(*state.tasks, *added))
    return replace(state, current_task=start.description or state.current_task)


def _apply_task_complete(state: State, task_id: str, output: Any) -> State:
    state = state.with_task(task_id, "completed", output)
    tasks = tuple(
        replace(task, output=None) if task.item_of == task_id else task for task in state.tasks
    )
    return _update_progress(replace(state, tasks=tasks))


def _update_progress(state: State) -> State:
    own = [task for task in state.tasks if task.item_of is None]
    done = sum(task.status in {"completed", "skipped"} for task in own)
    return replace(state, progress=max(state.progress, 100 * done // max(1, len(own))))


def _apply_answer(state: State, answer: InputReceived, seq: int) -> State:
    """Mark the question as answered. Old answers name none: then it is the newest."""
    known = {place.question_id: place for place in state.questions}
    if not known:  # written before states had questions
        return state
    named = answer.question_id
    asked = known.get(named) if isinstance(named, str) else None
    asked = asked or state.questions[-1]
    known[asked.question_id] = QuestionPlace(asked.question_id, asked.asked, seq)
    return replace(state, questions=tuple(known.values()))


def _apply_end(state: State, ending: TerminalBody, moment: datetime) -> State:
    match ending:
        case ExecutionComplete(result=result, ends=ends):
            named = () if ends is UNSET else tuple(ends)
            left = "completed"
            state = replace(state, progress=100, result=result, ends=named)
        case RunError(code=code, message=message):
            left, state = "failed", replace(state, error={"code": code, "message": message})
        case _:
            left = "stopped"
    tasks = tuple(
        replace(task, status=left) if task.status == "running" else task for task in state.tasks
    )
    return replace(state, tasks=tasks, current_task=None, finished_at=moment)
