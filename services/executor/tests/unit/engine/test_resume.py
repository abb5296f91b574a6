"""Cut off anywhere, a run goes on as if nothing had happened.

Covers: executor.engine.wire
"""

import asyncio
from collections import Counter
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from common.contracts.events import InputReceived, set_fields
from executor.domain.log.events import LogEntry
from executor.engine.history import fold

REPLIED = "llm_call"


def working(kit):
    """Each agent calls two tools, in two turns, then answers; a manager delegates twice."""

    def say(_model, dialogue, tools):
        names = [tool.name for tool in tools]
        turn = sum(isinstance(entry, tuple) for entry in dialogue.turns)
        topic = dialogue.topic.description
        if "delegate_work" in names:
            work = {"coworker": f"Agent {turn + 1}", "task": f"{topic}.{turn}"}
            return kit.calls(("delegate_work", work)) if turn < 2 else f"managed {topic}"
        if names and turn == 0:
            return kit.calls(("read", {"x": 1}), ("read", {"x": 2}))
        if names and turn == 1:
            return kit.calls(("pay", {"x": 3}))
        return f"{topic}: " + ",".join(entry.text for entry in dialogue.results())

    return say


def tools():
    return {"read": lambda a: f"r{a['x']}", "pay": lambda a: f"p{a['x']}"}


def of_the_run(events):
    """Return what a run did, without the claims that began its attempts."""
    kept = []
    for event in events:
        if event.type not in {"execution_start", "execution_resumed"}:
            kept.append(
                (
                    event.type,
                    tuple(sorted(without_times(event.body).items(), key=str))
                    if event.type != REPLIED
                    else event.body.result,
                )
            )
    return Counter(map(str, kept))


def without_times(body):
    return {name: value for name, value in set_fields(body).items() if name != "duration"}


def crew_of(kit, shape):
    names = ["read", "pay"]
    return kit.crew(
        3,
        tools_1=names,
        tools_2=names,
        process=shape["process"],
        task_1={"async_execution": shape["beside"]},
        task_2={"async_execution": shape["beside"]},
        task_3={"context": ["task_1", "task_2"]} if shape["beside"] else {},
    )


shapes = st.fixed_dictionaries(
    {"process": st.sampled_from(["sequential", "hierarchical"]), "beside": st.booleans()}
)


def make(kit, unsafe=frozenset()):
    stage = kit.Stage()
    stage.drawer.tools = tools()
    stage.drawer.unsafe = unsafe
    stage.script.say = working(kit)
    return stage


@settings(max_examples=80)
@given(shape=shapes, data=st.data())
def test_a_run_cut_at_any_events_ends_as_an_uncut_one(kit, shape, data):
    asyncio.run(cut_and_resumed(kit, shape, data))


async def cut_and_resumed(kit, shape, data):
    crew = crew_of(kit, shape)
    whole = await make(kit).run(crew)
    assert whole[-1].type == "execution_complete"
    history, stage = whole, make(kit)
    for _ in range(data.draw(st.integers(1, 3))):
        cut = data.draw(st.integers(1, len(history) - 1))
        history = await stage.run(crew, history[:cut])
    assert history[-1].body == whole[-1].body
    expected, found = of_the_run(whole), of_the_run(history)
    lost = expected - found
    assert not found - expected
    assert all("'progress'" in entry for entry in lost), lost
    starts = [event.body.task_id for event in history if event.type == "task_start"]
    assert sorted(starts) == ["task_1", "task_2", "task_3"]
    keys = [e.private.call for e in history if e.type == "tool_call"]
    tasks = [e.body.task_id for e in history if e.type == "tool_call"]
    assert len(set(zip(tasks, keys, strict=True))) == len(keys)
    numbered = [e for e in history if e.type in {"tool_call", "tool_result"}]
    assert [e.body.call for e in numbered] == [e.private.call for e in numbered]
    assert all(e.body.duration >= 0 for e in history if e.type in {"llm_call", "tool_result"})


@settings(max_examples=40)
@given(shape=shapes, data=st.data())
def test_a_call_that_is_not_safe_is_never_made_twice(kit, shape, data):
    asyncio.run(unsafe_and_cut(kit, shape, data))


async def unsafe_and_cut(kit, shape, data):
    crew = crew_of(kit, shape)
    stage = make(kit, frozenset({"pay"}))
    whole = await stage.run(crew)
    cut = data.draw(st.integers(1, len(whole) - 1))
    before = whole[:cut]
    made = [key for name, key in stage.drawer.calls if name == "pay"]
    known = {event.private.call for event in before if event.type == "tool_call"}
    stage.drawer.calls.clear()
    after = await stage.run(crew, before)
    again = {key for name, key in stage.drawer.calls if name == "pay"}
    written = {f"job_1:{e.body.task_id}:{e.private.call}" for e in before if e.type == "tool_call"}
    assert not again & written, (made, known)
    assert after[-1].type in {"execution_complete", "error"}
    if after[-1].type == "error":
        assert after[-1].body.code == "OUTCOME_UNKNOWN"


async def test_a_finished_task_is_not_asked_for_again(kit):
    stage = make(kit)
    crew = crew_of(kit, {"process": "sequential", "beside": False})
    whole = await stage.run(crew)
    first = kit.types(whole).index("task_complete")
    stage.script.requests.clear()
    await stage.run(crew, whole[: first + 1])
    assert not any(
        "Work 1" in opening.split("What you know")[0] for _, opening in stage.script.requests
    )
    assert len(stage.script.requests) == 4


async def test_a_stand_in_is_warned_of_once_per_job(kit):
    stage = make(kit)
    crew = kit.crew(1)
    crew = crew.model_copy(
        update={"agents": [crew.agents[0].model_copy(update={"model": "keyless"})]}
    )
    whole = await stage.run(crew)
    place = kit.types(whole).index("warning")
    again = await stage.run(crew, whole[: place + 1])
    assert kit.types(again).count("warning") == 1


async def test_an_answer_by_a_slower_clock_does_not_shorten_the_time_limits(stage, kit):
    crew = kit.crew(1, task={"human_input": True})
    asked = await stage.run(crew)
    assert kit.types(asked)[-1] == "input_required"
    at = asked[-1].timestamp - timedelta(hours=1)
    answer = LogEntry(len(asked) + 1, at, 1, InputReceived(input="good"))
    record = fold([*asked, answer], crew).tasks["task_1"]
    assert ([review.text for review in record.reviews], record.waits.over) == (
        ["good"],
        timedelta(),
    )
