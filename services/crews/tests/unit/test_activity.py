"""Whatever order and however often a run's events arrive, a task shows what its newest run did."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.contracts.events import Event
from crews.domain.activity import RUNS_AT_MOST, RUNS_KEPT, Activity
from crews.messaging.consumers import event_from_body
from devkit.events import make_event

START = datetime(2026, 1, 1, tzinfo=UTC)


EMPTY = Activity(crew_id="crew_1", workspace_id="ws_1")


ENDS = {"error": "failed", "execution_stopped": "stopped", "execution_complete": "completed"}


def event(kind: str, job: str, seq: int, second: float, task: str | None = None) -> Event:
    moment = START + timedelta(seconds=second)
    return make_event(kind, f"job_{job}", seq, moment, task_id=task)


def run(job: str, begin: float, end: str, done: int, started: int) -> list[Event]:
    """A run that completes `done` tasks, leaves `started` begun, and ends as `end` (or not yet)."""
    events = [event("execution_start", job, 1, begin)]

    def add(kind: str, task: str | None = None) -> None:
        events.append(event(kind, job, len(events) + 1, begin + len(events), task))

    for index in range(done + started):
        add("task_start", f"task_{index}")
        if index < done:
            add("task_complete", f"task_{index}")
    if end:
        add(end)
    return events


RUNS = st.lists(
    st.tuples(
        st.integers(0, 20), st.sampled_from(["", *ENDS]), st.integers(0, 2), st.integers(0, 1)
    ),
    min_size=1,
    max_size=4,
)


@given(RUNS, st.data())
def test_any_order_and_repetition_shows_the_newest_runs(runs: Any, data: Any) -> None:
    stories = {"zyxw"[place]: told for place, told in enumerate(runs)}
    events = [one for job, told in stories.items() for one in run(job, *told)]
    expected: dict[str, str] = {}
    for _, (_, end, done, started) in sorted(stories.items(), key=lambda s: (s[1][0], s[0])):
        expected |= {f"task_{n}": "completed" for n in range(done)}
        expected |= {f"task_{n}": ENDS.get(end, "running") for n in range(done, done + started)}
    shuffled = data.draw(st.permutations([*events, *events[:3]]))
    size = data.draw(st.integers(1, len(shuffled)))
    activity = EMPTY
    for place in range(0, len(shuffled), size):
        activity = activity.after(shuffled[place : place + size])
    assert activity.statuses() == expected


def test_what_is_known_changes_nothing() -> None:
    activity = EMPTY.after(run("a", 0, "error", 1, 1))
    assert activity.after(run("a", 0, "error", 1, 1)) is activity
    assert activity.version == EMPTY.version + 1


def test_a_crew_that_has_run_often_keeps_a_bounded_number_of_runs() -> None:
    activity = EMPTY
    for number in range(RUNS_KEPT + 50):
        activity = activity.after(run(f"{number:04}", number * 100, "execution_complete", 1, 0))
    assert len(activity.runs) == RUNS_KEPT
    assert activity.statuses() == {"task_0": "completed"}
    for number in range(RUNS_AT_MOST + 50):  # none of these ends
        activity = activity.after(run(f"{number:04}x", number * 100, "", 0, 1))
    assert len(activity.runs) == RUNS_AT_MOST


def test_the_run_that_a_task_shows_stays() -> None:
    activity = EMPTY.after([event("task_complete", "old", 2, 0, "task_rare")])
    activity = activity.after([event("execution_complete", "old", 3, 1)])
    for number in range(RUNS_KEPT + 50):
        activity = activity.after(run(f"{number:04}", 10 + number, "error", 1, 0))
    assert activity.statuses()["task_rare"] == "completed"


@pytest.mark.parametrize(
    "fault",
    [
        {"seq": 0},
        {"job_id": "no job"},
        {"task_id": "a.b"},
        {"timestamp": "2026-01-01T00:00:00"},
        {"timestamp": "soon"},
    ],
)
def test_what_is_no_event_is_refused(fault: dict[str, Any]) -> None:
    body = {
        "type": "task_start",
        "job_id": "job_1",
        "seq": 1,
        "timestamp": "2026-01-01T00:00:00Z",
        "attempt": 1,
        "task_id": "task_1",
    }
    assert event_from_body(json.dumps(body).encode()).job_id == "job_1"
    with pytest.raises(ValueError):
        event_from_body(json.dumps({**body, **fault}).encode())


def test_types_and_fields_of_newer_versions_are_passed_over() -> None:
    header = {"job_id": "job_1", "timestamp": "2026-01-01T00:00:00Z", "attempt": 1}
    started = {**header, "type": "task_start", "seq": 2, "task_id": "task_1", "priority": 3}
    newer = {**header, "type": "task_paused", "seq": 3, "task_id": "task_1", "why": {}}
    events = [event_from_body(json.dumps(one).encode()) for one in (started, newer)]
    assert EMPTY.after(events).statuses() == {"task_1": "running"}


def test_a_list_that_is_worked_through_is_one_task() -> None:
    moment = START.isoformat()
    frames = [
        {"type": "task_start", "task_id": "task_1", "items": 2},
        {"type": "task_start", "task_id": "task_1-0", "item_of": "task_1"},
        {"type": "task_complete", "task_id": "task_1-0", "item_of": "task_1"},
        {"type": "task_skipped", "task_id": "task_2", "reason": "condition"},
    ]
    events = [
        event_from_body(
            json.dumps(
                {"job_id": "job_a", "seq": n, "timestamp": moment, "attempt": 1, **frame}
            ).encode()
        )
        for n, frame in enumerate(frames, 1)
    ]
    assert EMPTY.after(events).statuses() == {"task_1": "running", "task_2": "skipped"}
