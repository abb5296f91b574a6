"""Forked anywhere, of a job that was killed anywhere, the fork comes to the end of an unharmed job.

What its history holds is not done again, and no effect is repeated.

Covers: executor.domain.api.forks.copying, executor.domain.api.forks.keeping, executor.domain.api.forks.survey
"""

import asyncio
from collections import Counter

from executor_testkit.engine.forks import fork_of, nothing_is_repeated
from executor_testkit.engine.killing import (
    UNSAFE,
    World,
    by_task,
    deaths,
    of_the_run,
    shapes,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from common.contracts.events import TERMINAL_EVENTS
from common.errors import InvalidRequest
from executor.domain.api.forks import forking
from executor.domain.api.forks.wish import ForkWish
from executor.domain.log import appender
from executor.domain.log.projection import fold

FORK = "job_2"


@settings(max_examples=30)
@given(
    shape=shapes,
    seed=st.integers(0, 10**9),
    kills=deaths,
    attempts=st.sampled_from([1, 2, 3, 200]),
    place=st.floats(0, 1) | st.sampled_from(["task_1", "task_2", None, None]),
    short=st.sampled_from([0, 3, 200]),
)
def test_forked_anywhere_a_job_ends_as_an_unharmed_one(shape, seed, kills, attempts, place, short):
    was = appender._TAIL_EVENTS, forking._SHORT
    appender._TAIL_EVENTS, forking._SHORT = 5, short
    try:
        asyncio.run(killed_and_forked(shape, seed, kills, attempts, place))
    finally:
        appender._TAIL_EVENTS, forking._SHORT = was


async def killed_and_forked(shape, seed, kills, attempts, place):
    unharmed, world = World(shape, seed), World(shape, seed)
    expected = await unharmed.to_end([])
    await world.begin()
    source = await world.go_on(list(kills), attempts)
    after = round(place * len(source)) if isinstance(place, float) else None
    from_task = place if isinstance(place, str) else None
    try:
        job = await fork_of(world, FORK, ForkWish(after_seq=after, from_task=from_task))
    except InvalidRequest:
        upto = source if after is None else source[:after]
        assert {task.status for task in fold(upto).tasks} <= {"completed", "skipped"}
        return
    copied = await world.events()
    assert job.state == fold(copied)
    assert job.state.usage.requests == 0
    found = await world.go_on(list(kills))

    assert [event.seq for event in found] == list(range(1, len(found) + 1))
    assert [event.seq for event in found if event.type in TERMINAL_EVENTS] == [len(found)]
    assert all(count == 1 for count in Counter(world.used_keys()).values())
    if shape["policy"] != "retry":
        assert set(world.made(UNSAFE).values()) <= {1}
    if from_task is None:
        nothing_is_repeated(world, source, after)
    if getattr(found[-1].body, "code", None) == "OUTCOME_UNKNOWN":
        assert shape["policy"] == "fail"
        return
    assert found[-1].type == expected[-1].type
    beside = any(task.get("async_execution") or "for_each" in task for task in shape["tasks"])
    if beside and found[-1].type == "error":
        return
    assert found[-1].body == expected[-1].body
    assert unlike(found, expected) == {}
    assert {entry.content for entry in world.stage.sink.entries} == {
        entry.content for entry in unharmed.stage.sink.entries
    }


def unlike(found, expected):
    """Return, by task, what only one of two runs has told."""
    without = ("recorded", "question_id")
    ours, theirs = (by_task(of_the_run(events), *without) for events in (found, expected))
    both = {
        task: (ours[task] - theirs[task], theirs[task] - ours[task]) for task in {*ours, *theirs}
    }
    return {task: differences for task, differences in both.items() if any(differences)}
