"""What the events of a job make of its state."""

from datetime import UTC, datetime, timedelta

import pytest

from common.contracts.events import (
    ExecutionComplete,
    ExecutionStart,
    ExecutionStatus,
    ExecutionStop,
    InputReceived,
    InputRequired,
    LlmCall,
    ModelUsage,
    ProgressUpdate,
    RunError,
    TaskComplete,
    TaskStart,
    UnknownEvent,
)
from executor.domain.log.events import LogEntry
from executor.domain.log.projection import State, fold

START = datetime(2026, 1, 15, 14, tzinfo=UTC)


def events(*given):
    return [
        LogEntry(seq, START + timedelta(seconds=seq), 1, body)
        for seq, body in enumerate(given, start=1)
    ]


BEGUN = (
    ExecutionStart(crew="c", tasks_count=2, tasks=["t1", "t2"]),
    TaskStart(task_id="t1", agent="a", description="Analyzing data"),
)


def test_nothing_has_happened():
    assert fold([]) == State()
    assert State().status(ExecutionStatus.QUEUED) == ExecutionStatus.QUEUED


def test_tasks_are_known_from_the_start():
    state = fold(events(*BEGUN))
    assert [(task.task_id, task.status) for task in state.tasks] == [
        ("t1", "running"),
        ("t2", "pending"),
    ]
    assert state.current_task == "Analyzing data"
    assert state.started_at == START + timedelta(seconds=1)


def test_progress_only_rises():
    state = fold(
        events(
            *BEGUN,
            ProgressUpdate(progress=65, current_task="Writing"),
            ProgressUpdate(progress=30),
            TaskComplete(task_id="t1", result="done"),
        )
    )
    assert (state.progress, state.current_task) == (65, "Writing")
    assert state.tasks[0].output == "done"


def test_usage_is_the_sum_of_the_calls():
    usage = ModelUsage(input_tokens=10, output_tokens=2, cost_usd=0.25)
    state = fold(
        events(
            *BEGUN,
            LlmCall(task_id="t1", usage=usage),
            LlmCall(task_id="t1", usage=usage),
            LlmCall(task_id="t1"),
            TaskComplete(task_id="t1"),
        )
    )
    assert state.usage == ModelUsage(requests=2, input_tokens=20, output_tokens=4, cost_usd=0.5)


@pytest.mark.parametrize(
    ("ending", "status", "left"),
    [
        (ExecutionComplete(result={"a": 1}), "completed", "completed"),
        (RunError(code="RATE_LIMIT", message="later"), "failed", "failed"),
        (ExecutionStop(reason="requested"), "stopped", "stopped"),
    ],
)
def test_an_end_closes_what_was_running(ending, status, left):
    state = fold(events(*BEGUN, ending))
    assert state.status(ExecutionStatus.RUNNING) == status
    assert [task.status for task in state.tasks] == [left, "pending"]
    assert state.finished_at == START + timedelta(seconds=3)
    assert state.current_task is None


def test_a_failed_job_says_why():
    state = fold(events(*BEGUN, RunError(code="RATE_LIMIT", message="later")))
    assert state.error == {"code": "RATE_LIMIT", "message": "later"}


def test_waiting_for_a_person_and_going_on():
    asked = fold(events(*BEGUN, InputRequired(task_id="t1")))
    assert asked.status(ExecutionStatus.RUNNING) == ExecutionStatus.WAITING_FOR_INPUT
    answered = asked.with_entry(events(InputReceived(input="yes"))[0])
    assert answered.status(ExecutionStatus.RUNNING) == ExecutionStatus.RUNNING


def test_an_event_of_a_newer_version_changes_nothing():
    newer = UnknownEvent("model_switched", {"task_id": "t1", "to": "other"})
    assert fold(events(*BEGUN, newer)) == fold(events(*BEGUN))
