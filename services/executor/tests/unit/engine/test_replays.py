"""What a replay takes from its recording, what it misses, and what it asks for real."""

import threading
from dataclasses import replace

import pytest
from msgspec import structs

from common.contracts.events import InputReceived
from executor.domain.log.events import LogEntry
from executor.domain.log.journal import RecordedJob, Replay
from executor.engine import runner
from executor.models.model import ModelFault


def refuse(*_):
    raise AssertionError("a replay asks nobody")


@pytest.fixture
def recorded(stage, kit):
    """Return a crew and the events of its run: two tasks, one call of a tool."""

    async def run(**crew):
        made = kit.crew(2, tools_1=["read"], **crew)
        stage.drawer.tools = {"read": lambda arguments: f"saw {arguments['x']}"}

        def say(_model, dialogue, _tools):
            if "1" in dialogue.topic.description and not dialogue.turns:
                return kit.calls(("read", {"x": 7}))
            return f"{dialogue.topic.description} done"

        stage.script.say = say
        return made, await stage.run(made)

    return run


@pytest.fixture
def play(stage):
    """Replay `events` with a crew; return the events of the replay."""

    async def run(crew, events, source=None, **modes):
        job = replace(
            stage.job(crew), replayed=RecordedJob(Replay("job_0", **modes), source or crew, events)
        )
        ledger = stage.ledger_of(job)
        await stage.engine().run(job, ledger)
        return ledger.events

    return run


def told(events):
    return [
        (e.type, getattr(e.body, "result", None), getattr(e.body, "usage", None)) for e in events
    ]


async def test_nobody_is_asked_and_nothing_is_remembered(stage, recorded, play):
    crew, events = await recorded(configuration={"memory": {"short_term": True}})
    kept = len(stage.sink.entries)
    stage.script.say, stage.drawer.tools = refuse, {"read": refuse}
    found = await play(crew, events)
    assert told(found) == told(events)
    assert {e.body.recorded for e in found if e.type in {"llm_call", "tool_result"}} == {True}
    assert len(stage.sink.entries) == kept


async def test_another_prompt_is_a_miss_with_the_difference(stage, kit, recorded, play):
    crew, events = await recorded()
    changed = kit.crew(2, tools_1=["read"], task_2={"description": "Do 2 otherwise"})
    stage.script.say = refuse
    *_, end = await play(changed, events, source=crew)
    assert (end.body.code, end.body.task_id) == ("REPLAY_MISS", "task_2")
    assert "its opening prompt differs from character" in end.body.message
    assert "Work 2" in end.body.message
    assert "Do 2 otherwise" in end.body.message


@pytest.mark.parametrize("part", ["model", "tools"])
async def test_other_settings_are_a_miss_too(stage, kit, recorded, play, part):
    crew, events = await recorded()
    agents = list(crew.agents)
    agents[0] = agents[0].model_copy(update={"model": "n"} if part == "model" else {"tools": []})
    *_, end = await play(crew.model_copy(update={"agents": agents}), events, source=crew)
    assert end.body.code == "REPLAY_MISS"
    assert f"its {part} differs" in end.body.message


async def test_on_a_miss_the_model_may_be_asked(stage, kit, recorded, play):
    crew, events = await recorded()
    changed = kit.crew(2, tools_1=["read"], task_2={"description": "Do 2 otherwise"})
    asked = len(stage.script.requests)
    found = await play(changed, events, source=crew, on_miss="live")
    assert found[-1].body.result == "Do 2 otherwise done"
    assert len(stage.script.requests) == asked + 1
    warned = [e.body for e in found if e.type == "warning"]
    assert [one.code for one in warned] == ["REPLAY_MISS"]
    assert [e.body.recorded for e in found if e.type == "llm_call"][:2] == [True, True]


async def test_tools_may_be_called_again(stage, recorded, play):
    crew, events = await recorded()
    stage.script.say = refuse
    made = len(stage.drawer.calls)
    found = await play(crew, events, tools="live")
    assert told(found) == told(events)
    assert len(stage.drawer.calls) == made + 1


async def test_another_result_of_a_tool_is_a_miss_of_the_next_reply(stage, recorded, play):
    crew, events = await recorded()
    stage.drawer.tools = {"read": lambda _: "something else"}
    *_, end = await play(crew, events, tools="live")
    assert end.body.code == "REPLAY_MISS"
    assert "results after reply 1" in end.body.message


async def test_live_models_get_recorded_results_where_they_ask_for_the_same(
    stage, kit, recorded, play
):
    crew, events = await recorded()
    stage.drawer.tools = {"read": refuse}
    found = await play(crew, events, models="live")
    assert told(found) == told(events)
    stage.script.say = lambda _m, dialogue, _t: (
        "done" if dialogue.turns else kit.calls(("read", {"x": 8}))
    )
    *_, end = await play(crew, events, models="live")
    assert end.body.code == "REPLAY_MISS"
    assert "its arguments differs" in end.body.message


async def test_a_run_that_failed_fails_in_the_same_way(stage, kit, play):
    crew = kit.crew(2)
    agents = [crew.agents[0], crew.agents[1].model_copy(update={"model": "unknown"})]
    crew = crew.model_copy(update={"agents": agents})
    events = await stage.run(crew)
    assert events[-1].body.code == "MODEL_UNAVAILABLE"
    stage.script.say = refuse
    assert (await play(crew, events))[-1].body == events[-1].body


async def test_requests_without_a_reply_are_told_again_at_the_end_and_where_a_fork_went_on(
    stage, kit, recorded, play
):
    crew, _ = await recorded()
    answers = stage.script.say

    def fail(model, dialogue, tools):
        if "2" in dialogue.topic.description:
            raise ModelFault("MODEL_ERROR", "refused")
        return answers(model, dialogue, tools)

    stage.script.say = fail
    events = await stage.run(crew)
    assert [getattr(e.body, "finish_reason", None) for e in events[-2:]] == ["cut_off", None]
    stage.script.say = answers
    gone_on = await stage.run(crew, events[:-1])
    stage.script.say = refuse
    for told_before in (events, gone_on):
        played = await play(crew, told_before)
        assert told(played) == [one for one in told(told_before) if one[0] != "execution_resumed"]
        assert [e.body.recorded for e in played if e.type == "llm_call"][-1] is True


async def test_the_agent_is_told_once_that_a_person_changed_a_call(stage, kit, play, paid):
    crew, events = paid
    place = next(n for n, e in enumerate(events) if e.type == "input_received")
    changed = structs.replace(events[place].body, arguments={"x": 2})
    events = await stage.run(crew, [*events[:place], replace(events[place], body=changed)])
    played = await play(crew, events)
    results = [[e.body.result for e in one if e.type == "tool_result"] for one in (events, played)]
    assert results[0] == results[1]
    assert results[0][1].startswith("A person changed")


async def test_an_old_yes_makes_no_call(stage, kit, play):
    """A call that a person approved then is made again only if a person approves it now."""
    crew = kit.crew(1, tools_1=["pay"], task_1={"approvals": ["pay"]})
    stage.drawer.tools, stage.drawer.unsafe = {"pay": lambda _: "paid"}, frozenset({"pay"})
    stage.script.say = lambda _m, dialogue, _t: (
        "done" if dialogue.turns else kit.calls(("pay", {"x": 1}))
    )
    asked = await stage.run(crew)
    said = InputReceived(
        question_id=asked[-1].body.question_id, task_id="task_1", outcome="approved", by="usr_1"
    )
    answered = [*asked, LogEntry(len(asked) + 1, asked[-1].timestamp, 1, said)]
    events = await stage.run(crew, answered)
    assert [name for name, _ in stage.drawer.calls] == ["pay"]
    played = await play(crew, events)
    assert played[-1].body == events[-1].body
    assert [e.body.recorded for e in played if e.type == "input_received"] == [True]
    again = await play(crew, events, tools="live")
    assert again[-1].type == "input_required"
    assert [name for name, _ in stage.drawer.calls] == ["pay"]


SEARCH, PAY = ("search", {"x": 1}), ("pay", {"x": 1})


@pytest.fixture
async def paid(stage, kit):
    """Return a crew, and the events of a run whose first reply asked for a search and an approved payment."""
    crew = kit.crew(1, tools_1=["search", "pay"], task_1={"approvals": ["pay"]})
    stage.drawer.tools = {"search": lambda _: "found", "pay": lambda _: "paid"}
    stage.drawer.unsafe = frozenset({"pay"})
    replies = [[SEARCH, PAY], [SEARCH]]
    stage.script.say = lambda _m, dialogue, _t: in_turn(kit, dialogue, replies)
    return crew, await stage.run(crew, approved(await stage.run(crew)))


def in_turn(kit, dialogue, replies):
    turn = len(dialogue.turns) // 2
    return kit.calls(*replies[turn]) if turn < len(replies) else "done"


def approved(asked):
    question = next(e.body.question_id for e in asked if e.type == "input_required")
    said = InputReceived(question_id=question, task_id="task_1", outcome="approved", by="usr_1")
    return [*asked, LogEntry(len(asked) + 1, asked[-1].timestamp, 1, said)]


@pytest.mark.parametrize("on_miss", ["live", "fail"])
async def test_an_old_yes_makes_no_call_at_another_place(stage, kit, play, paid, on_miss):
    """The call has the number, tool and arguments that were approved, but another result stands at its place."""
    crew, events = paid
    stage.drawer.tools = {"search": lambda _: "found", "pay": refuse}
    replies = [[SEARCH], [PAY]]
    stage.script.say = lambda _m, dialogue, _t: in_turn(kit, dialogue, replies)
    *_, end = await play(crew, events, models="live", on_miss=on_miss)
    expected = ("input_required", None) if on_miss == "live" else ("error", "REPLAY_MISS")
    assert (end.type, getattr(end.body, "code", None)) == expected


async def test_where_the_result_of_an_approved_call_is_not_recorded_the_replay_ends(
    stage, play, paid
):
    """Nobody is asked about a call that cannot be made."""
    crew, events = paid
    cut = next(e.seq for e in events if e.type == "tool_result" and e.body.action == "pay") - 1
    stage.script.say, stage.drawer.tools = refuse, dict.fromkeys(["search", "pay"], refuse)
    played = await play(crew, events[:cut])
    assert played[-1].body.code == "REPLAY_MISS"
    assert [e.body.recorded for e in played if e.type == "input_received"] == [True]


async def test_a_run_makes_no_call_on_the_yes_of_a_replay(stage, play, paid):
    crew, events = paid
    replayed = await play(crew, events)
    said = next(e.seq for e in replayed if e.type == "input_received")
    stage.drawer.tools = {"search": lambda _: "found", "pay": refuse}
    *_, end = await stage.run(crew, replayed[:said])
    assert end.body.code == "REPLAY_MISS"
    assert "pay" in end.body.message


async def test_a_long_log_is_read_on_a_thread(recorded, play, monkeypatch):
    crew, events = await recorded()
    threads = {}

    def noted(name, read):
        def call(*given):
            threads[name] = threading.current_thread()
            return read(*given)

        return call

    for name in ("Tape", "fold"):
        monkeypatch.setattr(runner, name, noted(name, getattr(runner, name)))
    await play(crew, events)
    assert {*threads.values()} == {threading.current_thread()}
    monkeypatch.setattr(runner, "_LONG", len(events))
    await play(crew, events)
    assert threading.current_thread() not in threads.values()
