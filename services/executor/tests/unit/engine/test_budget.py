"""What requests are likely to use is set aside before they go out, for all of a job's at once."""

import asyncio

import pytest

from executor.models.dialogue import Reply, Tokens


def last(events):
    return events[-1].type, getattr(events[-1].body, "code", None)


def codes(events):
    return [event.body.code for event in events if event.type == "warning"]


async def test_a_manager_that_delegates_hundreds_of_times_keeps_to_the_budget(stage, kit):
    work = [("delegate_work", {"coworker": "Agent 1", "task": f"Work {n}"}) for n in range(300)]
    stage.script.say = lambda _m, _d, tools: (
        kit.calls(*work) if any(t.name == "delegate_work" for t in tools) else "done"
    )
    configuration = {"budget": {"max_tokens": 100}, "max_iterations": 2}
    crew = kit.crew(1, process="hierarchical", configuration=configuration)
    events = await stage.run(crew)
    assert last(events) == ("error", "BUDGET_EXCEEDED")
    assert len(stage.script.requests) < 10


async def test_requests_at_once_do_not_all_pass(stage, kit):
    at_once = most = 0

    async def say():
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        at_once -= 1
        return Reply("done", tokens=Tokens(100, 50, 0.001))

    stage.script.say = lambda *_: say()
    crew = kit.crew(
        20, task={"async_execution": True}, configuration={"budget": {"max_tokens": 1_000}}
    )
    events = await stage.run(crew)
    assert last(events) == ("error", "BUDGET_EXCEEDED")
    used = [e.body.usage for e in events if e.type == "llm_call"]
    assert sum(u.input_tokens + u.output_tokens for u in used) <= 1_000
    assert len(stage.script.requests) <= 6
    assert most < 6


async def test_a_request_waits_for_what_others_do_not_use(stage, kit):
    """Each is expected to use a few hundred tokens and uses 15: one after another, all fit."""
    crew = kit.crew(
        6, task={"async_execution": True}, configuration={"budget": {"max_tokens": 500}}
    )
    assert last(await stage.run(crew)) == ("execution_complete", None)


async def test_costs_are_set_aside_too(stage, kit):
    stage.script.price = 0.4
    stage.script.say = lambda *_: Reply("done", tokens=Tokens(10, 5, 0.4))
    events = await stage.run(kit.crew(4, configuration={"budget": {"max_cost_usd": 1}}))
    assert last(events) == ("error", "BUDGET_EXCEEDED")
    assert len(stage.script.requests) == 2
    assert "0.4" in events[-1].body.message


async def test_a_cost_that_is_not_known_is_warned_of_before_the_first_request(stage, kit):
    stage.script.price = None
    stage.script.say = lambda *_: Reply("done", tokens=Tokens(10, 5))
    events = await stage.run(kit.crew(2, configuration={"budget": {"max_cost_usd": 1}}))
    assert codes(events) == ["COST_UNKNOWN"]
    types = kit.types(events)
    assert types.index("warning") < types.index("llm_call")


async def test_estimated_tokens_are_warned_of_once_and_bound(stage, kit):
    stage.script.say = lambda *_: Reply("done", tokens=Tokens(40, 30, None, estimated=True))
    events = await stage.run(kit.crew(4, configuration={"budget": {"max_tokens": 100}}))
    assert last(events) == ("error", "BUDGET_EXCEEDED")
    assert codes(events) == ["USAGE_ESTIMATED"]
    assert next(e for e in events if e.type == "llm_call").body.usage.estimated is True


async def test_one_reply_may_use_up_a_budget_and_says_so(stage, kit):
    stage.script.say = lambda *_: Reply("done", tokens=Tokens(1_000, 1, 0.0))
    events = await stage.run(kit.crew(2, configuration={"budget": {"max_tokens": 50}}))
    assert last(events) == ("error", "BUDGET_EXCEEDED")
    assert len(stage.script.requests) == 1


@pytest.mark.parametrize("place", [3, 4, 5])
async def test_what_a_resumed_run_needs_is_known_from_before(stage, kit, place):
    whole = await stage.run(kit.crew(3))
    crew = kit.crew(3, configuration={"budget": {"max_tokens": 45}})
    events = await stage.run(crew, whole[:place])
    assert last(events) == ("execution_complete", None)
