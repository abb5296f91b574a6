"""Replies that are cut, filtered or refused never pass for whole answers."""

import asyncio

import pytest
from msgspec import UNSET

from executor.engine.continuing import GO_ON, join_parts
from executor.models.calls import CUT
from executor.models.dialogue import Finish, Reply, Tokens, ToolRequest
from executor.models.model import ModelFault

USED = Tokens(10, 5, 0.001)


def last(events):
    return events[-1].type, getattr(events[-1].body, "code", None)


def warnings(events):
    return [event.body.code for event in events if event.type == "warning"]


def in_turn(*replies):
    left = list(replies)
    return lambda *_: left.pop(0) if len(left) > 1 else left[0]


def cut(text):
    return Reply(text, tokens=USED, finish=Finish.LENGTH)


async def test_an_answer_that_is_cut_is_gone_on_with(stage, kit):
    stage.script.say = in_turn(cut("1. Water. 2. Tea is"), cut(" a"), Reply(" drink.", tokens=USED))
    events = await stage.run(kit.crew(1))
    assert events[-1].body.result == "1. Water. 2. Tea is a drink."
    reasons = [e.body.finish_reason for e in events if e.type == "llm_call"]
    assert reasons == ["length", "length", "stop"]
    assert stage.script.dialogues[-1].turns.count(GO_ON) == 2
    assert warnings(events) == []


async def test_a_cut_answer_is_gone_on_with_after_a_crash_at_any_place(stage, kit):
    crew = kit.crew(1)
    stage.script.say = in_turn(cut("Tea is"), Reply(" a drink.", tokens=USED))
    whole = await stage.run(crew)
    for place in range(1, len(whole)):
        replies = sum(event.type == "llm_call" for event in whole[:place])
        left = [cut("Tea is"), Reply(" a drink.", tokens=USED)][replies:]
        stage.script.say = in_turn(*(left or [None]))
        events = await stage.run(crew, whole[:place])
        assert events[-1].body.result == "Tea is a drink."


async def test_an_answer_that_does_not_end_is_warned_of(stage, kit):
    stage.script.say = lambda *_: cut("more and ")
    events = await stage.run(kit.crew(1))
    assert last(events) == ("execution_complete", None)
    assert warnings(events) == ["OUTPUT_CUT"]
    assert len(stage.script.requests) == 5


async def test_parts_of_an_answer_do_not_use_up_the_iterations(stage, kit):
    stage.script.say = in_turn(cut("Tea is"), Reply(" a drink.", tokens=USED))
    events = await stage.run(kit.crew(1, configuration={"max_iterations": 1}))
    assert events[-1].body.result == "Tea is a drink."


async def test_a_model_that_only_thinks_until_its_limit_ends_the_run(stage, kit):
    stage.script.say = lambda *_: cut("")
    assert last(await stage.run(kit.crew(1))) == ("error", "OUTPUT_CUT")
    assert len(stage.script.requests) == 5


@pytest.mark.parametrize("text", ["", "Half of an ans"])
@pytest.mark.parametrize(
    ("finish", "code"), [(Finish.FILTERED, "CONTENT_FILTERED"), (Finish.REFUSED, "MODEL_REFUSED")]
)
@pytest.mark.parametrize("given", [{}, {"task": {"guardrail": "Be kind"}}])
async def test_what_is_filtered_or_refused_ends_the_run_with_the_reason(
    stage, kit, finish, code, text, given
):
    stage.script.say = lambda *_: Reply(text, tokens=USED, finish=finish, reason="I cannot help")
    events = await stage.run(kit.crew(1, **given))
    assert last(events) == ("error", code)
    assert "I cannot help" in events[-1].body.message
    assert len(stage.script.requests) == 1
    call = next(event for event in events if event.type == "llm_call")
    assert call.body.finish_reason == finish.value
    assert "I cannot help" in call.body.result
    assert last(await stage.run(kit.crew(1, **given), events[:-1])) == ("error", code)
    assert len(stage.script.requests) == 1


def cut_call():
    call = ToolRequest("c1", "t", None, '{"x": 1', CUT)
    return Reply("", (call,), USED, finish=Finish.LENGTH)


async def test_an_agent_is_told_that_its_call_was_cut(stage, kit):
    stage.drawer.tools = {"t": lambda _: "r"}
    stage.script.say = in_turn(cut_call(), kit.calls(("t", {"x": 1})), Reply("done", tokens=USED))
    events = await stage.run(kit.crew(1, tools_1=["t"]))
    assert events[-1].body.result == "done"
    [first, _] = [event for event in events if event.type == "tool_result"]
    assert "length limit" in first.body.result
    called = next(event for event in events if event.type == "tool_call")
    assert called.body.result == '{"x": 1'
    assert len(stage.drawer.calls) == 1


async def test_calls_that_are_cut_again_and_again_end_the_run_with_that_reason(stage, kit):
    stage.drawer.tools = {"t": lambda _: "r"}
    stage.script.say = lambda *_: cut_call()
    events = await stage.run(kit.crew(1, tools_1=["t"]))
    assert last(events) == ("error", "OUTPUT_CUT")
    assert "length limit" in events[-1].body.message
    assert len(stage.script.requests) == 3


@pytest.mark.parametrize(
    ("text", "more", "whole"),
    [
        ("Tea is", " a drink", "Tea is a drink"),
        ("Tea is a hot dri", "nk", "Tea is a hot drink"),
        ("Tea is a hot drink of", "is a hot drink of leaves", "Tea is a hot drink of leaves"),
        ("aaa", "aaa", "aaaaaa"),
        ("", "x", "x"),
        ("x", "", "x"),
    ],
)
def test_parts_are_joined_without_what_is_said_twice(text, more, whole):
    assert join_parts(text, more) == whole


async def test_requests_to_which_no_reply_came_are_counted(stage, kit):
    """One task fails while another's request is under way: both were asked for."""
    under_way = asyncio.Event()

    async def say(model, dialogue):
        if "Work 1" in dialogue.opening:
            under_way.set()
            await asyncio.sleep(30)
        await under_way.wait()
        return Reply("", tokens=USED, finish=Finish.REFUSED, reason="no")

    stage.script.say = lambda model, dialogue, _: say(model, dialogue)
    crew = kit.crew(2, task_1={"async_execution": True}, task_2={"context": ["on its own"]})
    events = await stage.run(crew)
    assert last(events) == ("error", "MODEL_REFUSED")
    calls = [event.body for event in events if event.type == "llm_call"]
    assert [call.finish_reason for call in calls] == ["refusal", "cut_off"]
    assert [call.usage.requests for call in calls] == [1, 1]
    assert calls[1].usage.input_tokens > 5
    assert calls[1].usage.estimated is True


async def test_a_request_that_is_refused_has_used_nothing(stage, kit):
    def refused(*_):
        raise ModelFault("MODEL_ERROR", "refused with 401")

    stage.script.say = refused
    events = await stage.run(kit.crew(1))
    assert last(events) == ("error", "MODEL_ERROR")
    [told] = [event.body for event in events if event.type == "llm_call"]
    assert told.finish_reason == "cut_off"
    assert (told.usage.requests, told.usage.input_tokens) == (1, 0)
    assert told.usage.estimated is UNSET


async def test_an_answer_that_is_not_valid_because_it_is_cut_ends_with_that_reason(stage, kit):
    stage.script.say = lambda *_: cut("[1, ")
    events = await stage.run(
        kit.crew(1, task={"output_schema": {"type": "array"}, "max_retries": 1})
    )
    assert last(events) == ("error", "OUTPUT_CUT")
    assert "length limit" in events[-1].body.message
    told = [turn for turn in stage.script.dialogues[-1].turns if isinstance(turn, str)]
    assert any("shorter" in turn for turn in told)


async def test_a_verdict_that_is_cut_is_no_pass_and_says_so(stage, kit):
    stage.script.say = lambda model, dialogue, _: (
        cut("PASS, but ") if dialogue.topic.purpose == "judge" else Reply("Tea", tokens=USED)
    )
    events = await stage.run(kit.crew(1, task={"guardrail": "Be kind"}))
    assert last(events) == ("error", "GUARDRAIL_UNCLEAR")
    assert "length limit" in events[-1].body.message
