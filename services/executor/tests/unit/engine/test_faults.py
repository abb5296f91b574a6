"""What ends a run badly, and how it says so."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from msgspec import structs

from common.contracts.events import ExecutionStart
from executor.domain.log.events import QuestionKept, ReplyKept, StoredReply
from executor.domain.log.journal import Superseded
from executor.engine.runner import Engine
from executor.models.dialogue import Reply


def last(events):
    return events[-1].type, getattr(events[-1].body, "code", None)


async def test_an_agent_that_only_calls_tools_is_stopped(stage, kit):
    stage.drawer.tools = {"t": lambda _: "again"}
    stage.script.say = lambda *_: kit.calls(("t", {}))
    crew = kit.crew(1, tools_1=["t"], configuration={"max_iterations": 3})
    events = await stage.run(crew)
    assert last(events) == ("error", "MAX_ITERATIONS")
    assert events[-1].body.task_id == "task_1"
    assert len(stage.script.requests) == 3


async def test_an_unknown_model_ends_the_run(stage, kit):
    crew = kit.crew(1)
    crew = crew.model_copy(
        update={"agents": [crew.agents[0].model_copy(update={"model": "unknown"})]}
    )
    assert last(await stage.run(crew)) == ("error", "MODEL_UNAVAILABLE")


async def test_the_run_is_timed_from_its_first_start(stage, kit):
    crew = kit.crew(1, configuration={"timeout": 60})
    stage.now = kit.START + timedelta(seconds=62)
    assert last(await stage.run(crew)) == ("error", "TIMEOUT")
    assert stage.script.requests == []


@pytest.mark.parametrize(
    "bound", [{"configuration": {"timeout": 0.05}}, {"task": {"timeout": 0.05}}]
)
async def test_a_model_that_takes_too_long_is_cut_off(stage, kit, bound):
    stage.now = kit.START + timedelta(seconds=1)
    cut = asyncio.Event()

    async def slow():
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cut.set()
            raise

    stage.script.say = lambda *_: slow()
    assert last(await stage.run(kit.crew(1, **bound))) == ("error", "TIMEOUT")
    assert cut.is_set()


@pytest.mark.parametrize(
    ("budget", "requests"), [({"max_tokens": 15}, 1), ({"max_tokens": 31}, 1),
                             ({"max_tokens": 40}, 2), ({"max_cost_usd": 0.0015}, 1)]
)  # fmt: skip
async def test_a_run_keeps_to_its_budget(stage, kit, budget, requests):
    """A request goes out only if what it is likely to use is left."""
    events = await stage.run(kit.crew(4, configuration={"budget": budget}))
    assert last(events) == ("error", "BUDGET_EXCEEDED")
    assert len(stage.script.requests) == requests


async def test_what_earlier_attempts_used_counts_too(stage, kit):
    crew = kit.crew(4, configuration={"budget": {"max_tokens": 40}})
    whole = await stage.run(kit.crew(4))
    place = kit.types(whole).index("task_complete")
    stage.script.requests.clear()
    assert last(await stage.run(crew, whole[: place + 1])) == ("error", "BUDGET_EXCEEDED")
    assert len(stage.script.requests) == 1


async def test_a_history_of_other_calls_than_the_replies_ask_for_is_refused(stage, kit):
    stage.drawer.tools = {"t": lambda _: "r"}
    stage.script.say = lambda _m, d, _t: "done" if d.turns else kit.calls(("t", {}))
    crew = kit.crew(1, tools_1=["t"])
    history = await stage.run(crew)
    place = kit.types(history).index("tool_call")
    other = structs.replace(history[place].body, action="other")
    history[place] = replace(history[place], body=other)
    assert last(await stage.run(crew, history[: place + 1])) == ("error", "HISTORY_MISMATCH")


async def test_a_history_of_another_crew_is_refused(stage, kit):
    history = await stage.run(kit.crew(1))
    other = kit.crew(1, task_1={"id": "task_other"})
    assert last(await stage.run(other, history[:-1])) == ("error", "HISTORY_MISMATCH")


@pytest.mark.parametrize(
    ("place", "private"),
    [("llm_call", None), ("llm_call", ReplyKept(scope="")), ("llm_call", QuestionKept(call=1)),
     ("llm_call", ReplyKept(scope="", reply=StoredReply(text="x", finish="unheard of")))],
)  # fmt: skip
async def test_a_history_that_cannot_be_read_is_refused(stage, kit, place, private):
    history = await stage.run(kit.crew(1))
    number = kit.types(history).index(place)
    history[number] = replace(history[number], private=private)
    assert last(await stage.run(kit.crew(1), history[:-1])) == ("error", "HISTORY_MISMATCH")


async def test_a_history_that_began_with_other_tasks_is_refused(stage, kit):
    history = await stage.run(kit.crew(1))
    history[0] = replace(history[0], body=ExecutionStart(tasks=["task_1", "task_2"]))
    assert last(await stage.run(kit.crew(1), history[:2])) == ("error", "HISTORY_MISMATCH")


async def test_a_bound_on_costs_that_cannot_be_kept_is_warned_of_once(stage, kit):
    stage.script.say, stage.script.price = lambda *_: Reply("done"), None
    budget = {"max_cost_usd": 1}
    events = await stage.run(kit.crew(2, configuration={"budget": budget}))
    assert [e.body.code for e in events if e.type == "warning"] == ["COST_UNKNOWN"]


async def test_a_task_cannot_build_on_a_later_one(stage, kit):
    crew = kit.crew(2, task_1={"context": ["task_2"]})
    assert last(await stage.run(crew)) == ("error", "CREW_INVALID")


async def test_cancelling_cuts_the_model_off_and_writes_nothing_more(stage, kit):
    started = asyncio.Event()

    async def hang():
        started.set()
        await asyncio.Event().wait()

    stage.script.say = lambda *_: hang()
    job = stage.job(kit.crew(1))
    ledger = kit.Ledger(job.history, 1)
    engine = Engine(stage.script, stage.drawer, stage.sink, clock=lambda: stage.now)
    run = asyncio.create_task(engine.run(job, ledger))
    await started.wait()
    before = len(ledger.events)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert len(ledger.events) == before


async def test_losing_the_job_inside_parallel_work_comes_through_as_it_is(stage, kit):
    stage.drawer.tools = {"pay": lambda _: "paid"}
    stage.drawer.unsafe = frozenset({"pay"})
    stage.script.say = lambda _m, d, _t: kit.calls(("pay", {})) if not d.turns else "done"
    job = stage.job(kit.crew(1, tools_1=["pay"], task={"async_execution": True}))
    ledger = kit.Ledger(job.history, 1)

    async def lost():
        raise Superseded("job_1 belongs to another worker.")

    ledger.flush = lost
    engine = Engine(stage.script, stage.drawer, stage.sink, clock=lambda: stage.now)
    with pytest.raises(Superseded):
        await engine.run(job, ledger)
    assert stage.drawer.calls == []
