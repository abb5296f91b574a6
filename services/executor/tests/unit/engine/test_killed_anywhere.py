"""Killed at any write, any number of times, a job comes to the end it would have come to unharmed.

Covers: executor.domain.worker.runs
"""

import asyncio
from collections import Counter

from executor_testkit.engine.killing import (
    KEYED,
    UNSAFE,
    World,
    by_task,
    deaths,
    of_the_run,
    said,
    shapes,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from common.contracts.events import TERMINAL_EVENTS
from executor.domain.log import appender


@settings(max_examples=50)
@given(shape=shapes, seed=st.integers(0, 10**9), kills=deaths, tail=st.sampled_from([2, 5, 64]))
def test_killed_at_any_writes_a_job_ends_as_an_unharmed_one(shape, seed, kills, tail):
    was, appender._TAIL_EVENTS = appender._TAIL_EVENTS, tail
    try:
        asyncio.run(killed_and_resumed(shape, seed, kills))
    finally:
        appender._TAIL_EVENTS = was


def only_approved_texts_went_through(shape, found):
    """Of a reviewed task the output is what was shown last, and a person approved just that."""
    shown, answers = {}, []
    people = {f"task_{n}" for n, task in enumerate(shape["tasks"], 1) if task.get("human_input")}
    lists = {event.body.item_of for event in found if event.type == "task_complete"}
    items = {
        event.body.task_id
        for event in found
        if event.type == "task_complete" and event.body.item_of in people
    }
    reviewed = people - lists | items
    approved = {}
    for event in found:
        if event.type == "input_required" and event.body.kind == "review":
            shown[event.body.question_id] = event.body
        elif event.type == "input_received" and event.body.question_id in shown:
            review = shown.pop(event.body.question_id)
            answers.append(event.body.outcome)
            yes = event.body.outcome == "approved"
            approved[review.task_id] = review.answer if yes else None
        elif event.type == "task_complete" and event.body.task_id in reviewed:
            assert event.body.result == approved[event.body.task_id] is not None
    if "rejected" in answers:
        assert found[-1].body.code == "REJECTED"


async def killed_and_resumed(shape, seed, kills):
    unharmed, world = World(shape, seed), World(shape, seed)
    expected = await unharmed.to_end([])
    found = await world.to_end(kills)

    assert [event.seq for event in found] == list(range(1, len(found) + 1))
    assert [event.seq for event in found if event.type in TERMINAL_EVENTS] == [len(found)]
    assert all(count == 1 for count in Counter(world.used_keys()).values())
    if shape["policy"] != "retry":
        assert set(world.made(UNSAFE).values()) <= {1}
    if getattr(found[-1].body, "code", None) == "OUTCOME_UNKNOWN":
        assert shape["policy"] == "fail"
        return
    assert found[-1].type == expected[-1].type
    only_approved_texts_went_through(shape, found)
    beside = any(task.get("async_execution") or "for_each" in task for task in shape["tasks"])
    if beside and found[-1].type == "error":  # how far the others had come by then is open
        return
    assert found[-1].body == expected[-1].body
    assert by_task(of_the_run(found)) == by_task(of_the_run(expected))
    if shape["process"] == "sequential" and not beside:
        kinds = {"task_start", "llm_call", "task_complete", "progress", "input_required"}
        assert [said(e) for e in of_the_run(found) if e.type in kinds] == [
            said(e) for e in of_the_run(expected) if e.type in kinds
        ]
    assert world.turns() == unharmed.turns()
    for name in (KEYED, UNSAFE):
        made, wanted = world.made(name).keys(), unharmed.made(name).keys()
        # Which of two coworkers at once asks first, and so gets the lower number, is open.
        assert len(made) == len(wanted)
        assert made == wanted or shape["process"] == "hierarchical"
    remembered = {(entry.memory_id, entry.content) for entry in world.stage.sink.entries}
    assert remembered == {(entry.memory_id, entry.content) for entry in unharmed.stage.sink.entries}
