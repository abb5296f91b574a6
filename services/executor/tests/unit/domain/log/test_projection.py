"""What the events of a job make of its state."""

from datetime import UTC, datetime, timedelta

import pytest

from common.contracts.events import EventType, ExecutionStatus
from executor.domain.log.events import Event
from executor.domain.log.projection import State, Usage, fold

START = datetime(2026, 1, 15, 14, tzinfo=UTC)


def events(*given):
    return [
        Event(seq, kind, START + timedelta(seconds=seq), 1, fields)
        for seq, (kind, fields) in enumerate(given, start=1)
    ]


BEGUN = (
    (EventType.EXECUTION_START, {"crew": "c", "tasks_count": 2, "tasks": ["t1", "t2"]}),
    (EventType.TASK_START, {"task_id": "t1", "agent": "a", "description": "Analyzing data"}),
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
            (EventType.PROGRESS, {"progress": 65, "current_task": "Writing"}),
            (EventType.PROGRESS, {"progress": 30}),
            (EventType.TASK_COMPLETE, {"task_id": "t1", "result": "done"}),
        )
    )
    assert (state.progress, state.current_task) == (65, "Writing")
    assert state.tasks[0].output == "done"


def test_usage_is_the_sum_of_the_calls():
    usage = {"requests": 1, "input_tokens": 10, "output_tokens": 2, "cost_usd": 0.25}
    state = fold(
        events(
            *BEGUN,
            (EventType.LLM_CALL, {"usage": usage}),
            (EventType.LLM_CALL, {"usage": usage}),
            (EventType.TASK_COMPLETE, {"task_id": "t1", "usage": usage}),
        )
    )
    assert state.usage == Usage(2, 20, 4, 0.5)


@pytest.mark.parametrize(
    ("kind", "fields", "status", "left"),
    [
        (EventType.EXECUTION_COMPLETE, {"result": {"a": 1}}, "completed", "completed"),
        (EventType.ERROR, {"code": "RATE_LIMIT", "message": "later"}, "failed", "failed"),
        (EventType.EXECUTION_STOPPED, {"reason": "requested"}, "stopped", "stopped"),
    ],
)
def test_an_end_closes_what_was_running(kind, fields, status, left):
    state = fold(events(*BEGUN, (kind, fields)))
    assert state.status(ExecutionStatus.RUNNING) == status
    assert [task.status for task in state.tasks] == [left, "pending"]
    assert state.finished_at == START + timedelta(seconds=3)
    assert state.current_task is None


def test_a_failed_job_says_why():
    state = fold(events(*BEGUN, (EventType.ERROR, {"code": "RATE_LIMIT", "message": "later"})))
    assert state.error == {"code": "RATE_LIMIT", "message": "later"}


def test_waiting_for_a_person_and_going_on():
    asked = fold(events(*BEGUN, (EventType.INPUT_REQUIRED, {"task_id": "t1"})))
    assert asked.status(ExecutionStatus.RUNNING) == ExecutionStatus.WAITING_FOR_INPUT
    answered = asked.with_event(events((EventType.INPUT_RECEIVED, {"input": "yes"}))[0])
    assert answered.status(ExecutionStatus.RUNNING) == ExecutionStatus.RUNNING
