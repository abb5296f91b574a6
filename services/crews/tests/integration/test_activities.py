"""What is written of a run's progress is what the domain says, by any steps, in a real store."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from common.contracts.events import Event
from crews.domain.activity import RUNS_KEPT, Activity
from crews.store.activities import MongoActivities
from crews.store.migrations import indexes
from devkit.events import make_event

START = datetime(2026, 1, 1, tzinfo=UTC)
EMPTY = Activity(crew_id="crew_1", workspace_id="ws_1")
KINDS = ("task_start", "task_complete", "execution_complete")


def event(kind: str, number: int, seq: int) -> Event:
    task = None if kind == "execution_complete" else f"task_{number % 2}"
    moment = START + timedelta(seconds=number)
    return make_event(kind, f"job_{number}", seq, moment, task_id=task)


@pytest.fixture
async def activities(store_database: Any) -> MongoActivities:
    await indexes(store_database("crews"))
    return MongoActivities(store_database("crews"))


async def test_steps_leave_what_the_whole_would(activities: MongoActivities) -> None:
    """Runs that change, that come and that are dropped; read each time, and made from what was."""
    await activities.add(EMPTY)
    activity = EMPTY
    for number, (place, kind) in itertools.product(range(RUNS_KEPT + 5), enumerate(KINDS, 1)):
        after = activity.after([event(kind, number, place)])
        assert await activities.replace(activity, after)
        activity = after
    assert len(activity.runs) == RUNS_KEPT
    assert (await activities.of(["crew_1"]))["crew_1"] == activity
    assert await activities.showing("ws_1", "completed", 9) == ["crew_1"]
    assert await activities.showing("ws_1", "running", 9) == []
    assert await activities.statuses(["crew_1", "crew_2"]) == {"crew_1": activity.statuses()}


async def test_statuses_are_right_where_a_release_that_keeps_none_has_written_last(
    activities: MongoActivities,
) -> None:
    await activities.add(EMPTY)
    first = EMPTY.after([event("task_start", 1, 1)])
    assert await activities.replace(EMPTY, first)
    later = first.after([event("task_complete", 1, 2)])
    told = (await activities._activities.find_one({"_id": "crew_1"}))["told"]
    assert await activities.replace(first, later)
    for held in ({"$set": {"told": told}}, {"$unset": {"told": 1}}):
        await activities._activities.update_one({"_id": "crew_1"}, held)
        assert await activities.statuses(["crew_1"]) == {"crew_1": later.statuses()}
        assert later.statuses() != first.statuses()


async def test_only_what_was_made_from_the_stored_version_is_written(
    activities: MongoActivities,
) -> None:
    await activities.add(EMPTY)
    first = EMPTY.after([event("task_start", 1, 1)])
    late = EMPTY.after([event("task_start", 2, 1)])
    assert await activities.replace(EMPTY, first)
    assert not await activities.replace(EMPTY, late)
    assert (await activities.of(["crew_1"]))["crew_1"] == first
    await activities.remove("crew_1")
    assert not await activities.replace(first, first.after([event("task_complete", 1, 2)]))
