"""The replay of any job gives the same events, without models, tools or people; two replays give them in the same order.

Covers: executor.engine.recording, executor.engine.tape, executor.engine.playing
"""

import asyncio

from executor_testkit.engine.killing import World, by_task, deaths, of_the_run, said, shapes
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from common.contracts.events import TERMINAL_EVENTS
from common.times import utc_now
from executor.domain.log.execution import Execution
from executor.domain.log.journal import Replay

NOT_COMPARED = ("recorded", "question_id", "finish_reason")


def refuse(*_):
    raise AssertionError("a replay asks nobody")


async def replayed(world, job_id, kills):
    """Return the events of a replay of the world's first job, in which nobody may be asked."""
    world.stage.script.say = refuse
    world.stage.drawer.tools = dict.fromkeys(world.stage.drawer.tools, refuse)
    world.job_id = job_id
    job = Execution(
        job_id,
        "ws_1",
        "crew_1",
        utc_now(),
        snapshot=world.crew,
        inputs=world.store.jobs["job_1"].inputs,
        replay=Replay("job_1"),
    )
    await world.store.insert(job)
    return await world.go_on(kills)


@settings(max_examples=25, phases=[Phase.generate])
@given(shape=shapes, seed=st.integers(0, 10**9), kills=st.just([]) | deaths)
def test_a_replay_gives_the_same_events(shape, seed, kills):
    asyncio.run(recorded_and_replayed(shape, seed, kills))


async def recorded_and_replayed(shape, seed, kills):
    world = World(shape, seed)
    recorded = await world.to_end(list(kills))
    remembered = len(world.stage.sink.entries)
    first = await replayed(world, "job_2", [])
    second = await replayed(world, "job_3", list(kills))

    assert [event.type for event in first if event.type in TERMINAL_EVENTS] == [first[-1].type]
    beside = any(task.get("async_execution") or "for_each" in task for task in shape["tasks"])
    if not (beside and recorded[-1].type == "error"):  # how far the others had come is open
        assert unlike(first, recorded) == {}
    if getattr(first[-1].body, "code", None) != "OUTCOME_UNKNOWN":
        assert first[-1].body == recorded[-1].body
    assert in_order(first) == in_order(second)
    assert len(world.stage.sink.entries) == remembered


def unlike(ours, theirs):
    told = [by_task(compared(events), *NOT_COMPARED) for events in (ours, theirs)]
    both = {
        task: (told[0][task] - told[1][task], told[1][task] - told[0][task])
        for task in {*told[0], *told[1]}
    }
    return {task: differences for task, differences in both.items() if any(differences)}


def compared(events):
    """Leave out what only a crash brings about: claims, its questions, and requests without a reply."""
    return [
        event
        for event in of_the_run(events)
        if getattr(event.body, "finish_reason", None) != "cut_off"
    ]


def in_order(events):
    return [said(event, *NOT_COMPARED) for event in compared(events)]
