"""Whatever order and however often a run's events arrive, a task shows what its newest run did."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from common.errors import Conflict
from crews.domain.activity import RUNS_AT_MOST, RUNS_KEPT, Activity, JobEvent
from crews.domain.following import Following
from crews.domain.written import LastWritten

START = datetime(2026, 1, 1, tzinfo=UTC)
EMPTY = Activity(crew_id="crew_1", workspace_id="ws_1")
ENDS = {"error": "failed", "execution_stopped": "stopped", "execution_complete": "completed"}


def event(kind: str, job: str, seq: int, second: float, task: str | None = None) -> JobEvent:
    moment = START + timedelta(seconds=second)
    return JobEvent(type=kind, job_id=f"job_{job}", seq=seq, timestamp=moment, task_id=task)


def run(job: str, begin: float, end: str, done: int, started: int) -> list[JobEvent]:
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
    body = {"type": "task_start", "job_id": "job_1", "seq": 1, "timestamp": "2026-01-01T00:00:00Z"}
    assert JobEvent.model_validate(body).task_id is None
    with pytest.raises(ValidationError):
        JobEvent.model_validate({**body, **fault})


async def test_a_faster_writer_is_read_again(world: Any) -> None:
    await world.activities.add(EMPTY)
    world.activities.races = 3
    await Following(world.activities).heard("ws_1", "crew_1", run("a", 0, "", 0, 1))
    assert world.activities.held["crew_1"].statuses() == {"task_0": "running"}
    world.activities.races = 1_000
    with pytest.raises(Conflict):
        await Following(world.activities).heard("ws_1", "crew_1", run("b", 9, "", 0, 1))


@pytest.mark.parametrize("place", [("ws_1", "crew_gone"), ("ws_other", "crew_1")])
async def test_events_of_a_crew_that_is_not_there_are_dropped(world: Any, place: Any) -> None:
    await world.activities.add(EMPTY)
    await Following(world.activities).heard(*place, run("a", 0, "", 0, 1))
    assert world.activities.held == {"crew_1": EMPTY}


async def test_what_this_process_wrote_last_is_not_read_again(world: Any) -> None:
    await world.activities.add(EMPTY)
    following = Following(world.activities)
    for seq, kind in enumerate(("task_start", "task_complete", "task_complete"), 2):
        await following.heard("ws_1", "crew_1", [event(kind, "a", seq, seq, "task_0")])
    assert world.activities.held["crew_1"].statuses() == {"task_0": "completed"}
    assert world.activities.reads == 1


async def test_what_another_process_wrote_meanwhile_is_read(world: Any) -> None:
    await world.activities.add(EMPTY)
    here, there = Following(world.activities), Following(world.activities)
    for following, job in ((here, "a"), (there, "b"), (here, "c"), (there, "d")):
        await following.heard("ws_1", "crew_1", run(job, ord(job), "error", 0, 1))
    assert world.activities.held["crew_1"].runs.keys() == {"job_a", "job_b", "job_c", "job_d"}


async def test_a_crew_that_was_removed_is_not_written_from_what_is_kept(world: Any) -> None:
    await world.activities.add(EMPTY)
    following = Following(world.activities)
    await following.heard("ws_1", "crew_1", run("a", 0, "", 0, 1))
    await world.activities.remove("crew_1")
    await following.heard("ws_1", "crew_1", run("b", 9, "", 0, 1))
    assert world.activities.held == {}
    await world.activities.add(EMPTY)  # the demo's ids come again
    await following.heard("ws_1", "crew_1", run("c", 10, "", 0, 1))
    assert world.activities.held["crew_1"].runs.keys() == {"job_c"}


def test_only_so_much_is_kept_of_what_was_written_and_for_one_write() -> None:
    kept: LastWritten[int] = LastWritten(limit=2)
    for number in range(3):
        kept.keep(f"crew_{number}", number)
    assert [kept.take(f"crew_{number}") for number in range(3)] == [None, 1, 2]
    assert kept.take("crew_2") is None
