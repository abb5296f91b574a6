from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from common.contracts.events import Event
from common.errors import Conflict
from crews.domain.activity import Activity
from crews.domain.following import Following
from devkit.events import make_event

START = datetime(2026, 1, 1, tzinfo=UTC)


EMPTY = Activity(crew_id="crew_1", workspace_id="ws_1")


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


async def test_a_faster_writer_is_read_again(world: Any) -> None:
    await world.activities.add(EMPTY)
    world.activities.races = 3
    await Following(world.activities).record("ws_1", "crew_1", run("a", 0, "", 0, 1))
    assert world.activities.held["crew_1"].statuses() == {"task_0": "running"}
    world.activities.races = 1_000
    with pytest.raises(Conflict):
        await Following(world.activities).record("ws_1", "crew_1", run("b", 9, "", 0, 1))


@pytest.mark.parametrize("place", [("ws_1", "crew_gone"), ("ws_other", "crew_1")])
async def test_events_of_a_crew_that_is_not_there_are_dropped(world: Any, place: Any) -> None:
    await world.activities.add(EMPTY)
    await Following(world.activities).record(*place, run("a", 0, "", 0, 1))
    assert world.activities.held == {"crew_1": EMPTY}


async def test_what_this_process_wrote_last_is_not_read_again(world: Any) -> None:
    await world.activities.add(EMPTY)
    following = Following(world.activities)
    for seq, kind in enumerate(("task_start", "task_complete", "task_complete"), 2):
        await following.record("ws_1", "crew_1", [event(kind, "a", seq, seq, "task_0")])
    assert world.activities.held["crew_1"].statuses() == {"task_0": "completed"}
    assert world.activities.reads == 1


async def test_what_another_process_wrote_meanwhile_is_read(world: Any) -> None:
    await world.activities.add(EMPTY)
    here, there = Following(world.activities), Following(world.activities)
    for following, job in ((here, "a"), (there, "b"), (here, "c"), (there, "d")):
        await following.record("ws_1", "crew_1", run(job, ord(job), "error", 0, 1))
    assert world.activities.held["crew_1"].runs.keys() == {"job_a", "job_b", "job_c", "job_d"}


async def test_a_crew_that_was_removed_is_not_written_from_what_is_kept(world: Any) -> None:
    await world.activities.add(EMPTY)
    following = Following(world.activities)
    await following.record("ws_1", "crew_1", run("a", 0, "", 0, 1))
    await world.activities.remove("crew_1")
    await following.record("ws_1", "crew_1", run("b", 9, "", 0, 1))
    assert world.activities.held == {}
    await world.activities.add(EMPTY)  # the demo's ids come again
    await following.record("ws_1", "crew_1", run("c", 10, "", 0, 1))
    assert world.activities.held["crew_1"].runs.keys() == {"job_c"}
