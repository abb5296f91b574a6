"""A job is forked while it runs; both go on beside each other, killed anywhere, and neither harms the other.

Covers: executor.domain.api.forks.forking
"""

import asyncio
import copy
from collections import Counter

from executor_testkit.engine.forks import fork_of, nothing_is_repeated
from executor_testkit.engine.killing import JOB, UNSAFE, World, by_task, deaths, of_the_run, shapes
from hypothesis import event, given, settings
from hypothesis import strategies as st

from common.contracts.events import TERMINAL_EVENTS
from common.errors import InvalidRequest
from executor.domain.api.forks.wish import ForkWish
from executor.domain.log import appender
from executor.domain.log.projection import fold

FORK = "job_2"


class Watched(World):
    """A world whose job is at its `place`th event when `reached` is set."""

    def __init__(self, shape, seed, place=0):
        super().__init__(shape, seed)
        self.reached, self._apply = asyncio.Event(), self.store.apply

        async def apply(step):
            done = await self._apply(step)
            if self.store.jobs[JOB].seq >= place:
                self.reached.set()
            return done

        self.store.apply = apply


@settings(max_examples=25)
@given(
    shape=shapes,
    seed=st.integers(0, 10**9),
    kills=st.tuples(deaths | st.just([]), deaths | st.just([])),
    place=st.integers(2, 40),
    after=st.none() | st.floats(0, 1),
)
def test_a_running_job_and_its_fork_both_end_as_an_unharmed_one(shape, seed, kills, place, after):
    was, appender._TAIL_EVENTS = appender._TAIL_EVENTS, 5
    try:
        asyncio.run(forked_while_running(shape, seed, kills, place, after))
    finally:
        appender._TAIL_EVENTS = was


async def forked_while_running(shape, seed, kills, place, after):
    unharmed, world = World(shape, seed), Watched(shape, seed, place)
    expected = await unharmed.to_end([])
    await world.begin()
    running = asyncio.create_task(world.go_on(list(kills[0])))
    reached = asyncio.create_task(world.reached.wait())
    await asyncio.wait({running, reached}, return_when=asyncio.FIRST_COMPLETED)
    reached.cancel()
    fork, job = copy.copy(world), world.store.jobs[JOB]
    event(f"the job was {job.status} when it was forked")
    source, seq = await world.events(), None if after is None else round(after * job.seq)
    try:
        await fork_of(fork, FORK, ForkWish(after_seq=seq))
        both = await asyncio.gather(running, fork.go_on(list(kills[1])))
        nothing_is_repeated(fork, source, seq)
    except InvalidRequest:
        done = fold((await world.events())[:seq]).tasks
        assert {task.status for task in done} <= {"completed", "skipped"}
        both = [await running]
    effects_are_made_once(world, shape)
    for found in both:
        as_expected(found, expected, shape)


def effects_are_made_once(world, shape):
    """No key is used for two calls; a call under way when the job was forked may be made again under its key."""
    assert all(count == 1 for count in Counter(world.used_keys()).values())
    if shape["policy"] != "retry":
        made = world.made(UNSAFE).items()
        assert {count for key, count in made if key.startswith(FORK)} <= {1}
        assert {count for _, count in made} <= {1, 2}


def as_expected(found, expected, shape):
    """Check that a log is one of a run that came to the end of an unharmed one."""
    assert [one.seq for one in found] == list(range(1, len(found) + 1))
    assert [one.seq for one in found if one.type in TERMINAL_EVENTS] == [len(found)]
    if getattr(found[-1].body, "code", None) == "OUTCOME_UNKNOWN":
        assert shape["policy"] == "fail"
        return
    assert found[-1].type == expected[-1].type
    beside = any(task.get("async_execution") or "for_each" in task for task in shape["tasks"])
    if beside and found[-1].type == "error":
        return
    assert found[-1].body == expected[-1].body
    told = [by_task(of_the_run(one), "recorded", "question_id") for one in (found, expected)]
    assert told[0] == told[1]
