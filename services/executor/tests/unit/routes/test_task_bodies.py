"""What became of a job's tasks and of the work on entries of a list: in its state, document and responses."""

from datetime import UTC, datetime

from common.contracts.events import (
    ExecutionComplete,
    ExecutionStart,
    ProgressUpdate,
    TaskComplete,
    TaskSkipped,
    TaskStart,
)
from executor.domain.log.events import LogEntry
from executor.domain.log.execution import Execution, JobStep
from executor.domain.log.projection import State, fold
from executor.routes.task_bodies import tasks_progress
from executor.store.documents import execution, new_document, update

START = datetime(2026, 1, 15, 14, tzinfo=UTC)
ITEMS = (
    ExecutionStart(tasks=["t1", "t2"]),
    TaskStart(task_id="t1", items=2),
    TaskStart(task_id="t1-1", item_of="t1"),
    TaskComplete(task_id="t1-1", item_of="t1", result="b"),
)
JOINED = (
    TaskStart(task_id="t1-0", item_of="t1"),
    TaskComplete(task_id="t1-0", item_of="t1", result="a"),
    TaskComplete(task_id="t1", result=["a", "b"]),
)


def state_after(*bodies) -> State:
    return fold(LogEntry(seq, START, 1, body) for seq, body in enumerate(bodies, 1))


def shown(state):
    return [(one.task_id, one.status, one.output, one.item_of) for one in tasks_progress(state)]


def test_the_work_on_each_entry_is_a_task():
    assert shown(state_after(*ITEMS)) == [
        ("t1", "running", None, None), ("t2", "pending", None, None),
        ("t1-0", "pending", None, "t1"), ("t1-1", "completed", "b", "t1"),
    ]  # fmt: skip


def test_an_entry_shows_its_part_of_the_joined_output_which_is_kept_once():
    state = state_after(*ITEMS, *JOINED)
    assert [task.output for task in state.tasks] == [["a", "b"], None, None, None]
    assert [row[2] for row in shown(state)] == [["a", "b"], None, "a", "b"]
    assert state.progress == 50


def test_a_task_that_has_begun_says_what_is_to_be_done():
    begun = TaskStart(task_id="t1", description="Find facts", items=1)
    entry = TaskStart(task_id="t1-0", item_of="t1", description="Find facts")
    done = TaskComplete(task_id="t1", result=["a"])
    state = state_after(ExecutionStart(tasks=["t1", "t2"]), begun, entry, done)
    assert [task.description for task in tasks_progress(state)] == ["Find facts", None, None]
    assert execution(new_document(job_with(state))).state == state


def test_a_skipped_task_is_done():
    state = state_after(ExecutionStart(tasks=["t1", "t2"]), TaskSkipped(task_id="t1"))
    assert (shown(state)[0][1], state.progress) == ("skipped", 50)


def test_the_outputs_of_a_job_are_those_of_its_ends():
    done = (*ITEMS, *JOINED, TaskComplete(task_id="t2", result="c"))
    assert state_after(*done).outputs == {}, "the job has not ended"
    assert state_after(*done, ExecutionComplete(result="c")).outputs == {"t2": "c"}
    both = ExecutionComplete(result="c", ends=["t1", "t2"])
    assert state_after(*done, both).outputs == {"t1": ["a", "b"], "t2": "c"}
    assert state_after(ExecutionStart(tasks=["t1"]), ExecutionComplete()).outputs == {}


def job_with(state: State) -> Execution:
    return Execution("job_1", "ws_1", "crew_1", START, state=state)


def test_a_document_keeps_it_all():
    done = TaskComplete(task_id="t2", result="c")
    state = state_after(*ITEMS, *JOINED, done, ExecutionComplete(result="c", ends=["t1", "t2"]))
    assert execution(new_document(job_with(state))).state == state


def test_a_step_writes_only_the_tasks_that_it_changes():
    many = (ExecutionStart(tasks=["t1"]), TaskStart(task_id="t1", items=500))
    before = state_after(*many)
    after = state_after(*many, TaskStart(task_id="t1-7", item_of="t1"))
    written = update(JobStep(job_with(before), job_with(after)))
    assert list(written["$set"]) == ["state.tasks.8"]


def test_a_job_without_ends_or_lists_is_written_as_before():
    state = state_after(ExecutionStart(tasks=["t1"]), ProgressUpdate(progress=0))
    document = new_document(job_with(state))["state"]
    assert "ends" not in document
    assert document["tasks"] == [{"task_id": "t1", "status": "pending", "output": None}]
