"""Tools inside a run: numbering, order, failures, and calls whose outcome is not known."""

import asyncio

import pytest

from common.contracts.crew import ToolSnapshot
from common.contracts.events import ExecutionComplete, InputReceived
from executor.domain.log.events import LogEntry


def once(kit, *wanted):
    """Say that the tools are to be called once, then answer with their results."""

    def say(_model, dialogue, _tools):
        results = dialogue.results()
        return " ".join(entry.text for entry in results) if results else kit.calls(*wanted)

    return say


async def test_a_tool_is_called_and_its_result_is_in_the_next_request(stage, kit):
    stage.drawer.tools = {"t": lambda arguments: f"got {arguments['x']}"}
    stage.script.say = once(kit, ("t", {"x": 1}))
    events = await stage.run(kit.crew(1, tools_1=["t"]))
    assert kit.types(events)[2:5] == ["llm_call", "tool_call", "tool_result"]
    assert events[2].body.result == "calls t"
    assert events[3].body.action == "t"
    assert events[4].body.result == "got 1"
    assert events[-1].body.result == "got 1"
    assert stage.drawer.calls == [("t", "job_1:task_1:1")]


async def test_a_reply_and_the_calls_it_asks_for_are_one_write(stage, kit):
    stage.drawer.tools = {"t": lambda _: "r"}
    stage.script.say = once(kit, ("t", {}), ("t", {}))
    ledger = await stage.ledger(kit.crew(1, tools_1=["t"]))
    groups = [kit.types(write) for write in ledger.writes]
    assert any(group[-3:] == ["llm_call", "tool_call", "tool_call"] for group in groups), groups


async def test_safe_calls_run_at_once_and_keep_their_order(stage, kit):
    waiting = asyncio.Event()

    async def first(_):
        await waiting.wait()
        return "one"

    def second(_):
        waiting.set()
        return "two"

    stage.drawer.tools = {"a": first, "b": second}
    stage.script.say = once(kit, ("a", {}), ("b", {}))
    events = await stage.run(kit.crew(1, tools_1=["a", "b"]))
    assert events[-1].body.result == "one two"


@pytest.mark.parametrize("kind", ["unsafe", "writing"])
async def test_a_call_that_changes_something_is_stored_before_it_is_made(stage, kit, kind):
    """One that may be repeated with its key too: the reply that asked for it could be lost, and the
    next one ask for something else with the same key."""
    setattr(stage.drawer, kind, frozenset({"pay"}))
    flushed = []
    stage.drawer.tools = {"pay": lambda _: flushed.append(holder[0].flushes) or "paid"}
    stage.script.say = once(kit, ("pay", {}))
    holder = []
    original = kit.Ledger.append

    def remember(ledger, *drafts):
        holder[:] = [ledger]
        original(ledger, *drafts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kit.Ledger, "append", remember)
        await stage.run(kit.crew(1, tools_1=["pay"]))
    assert flushed == [1]


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (("nothing", {}), "Error: there is no tool named nothing"),
        (("t", {"x": "one"}), "Error: the arguments do not fit: x: 'one' is not of type"),
        (("t", None), "Error: the arguments do not fit"),
    ],
)
async def test_a_call_that_cannot_be_made_is_a_result(stage, kit, wanted, told):
    stage.drawer.tools = {"t": lambda _: "never"}
    stage.script.say = once(kit, wanted)
    events = await stage.run(kit.crew(1, tools_1=["t"]))
    assert events[-1].type == "execution_complete"
    assert events[-1].body.result.startswith(told)
    assert stage.drawer.calls == []


async def test_an_unknown_tool_of_an_agent_is_warned_of_and_left_out(stage, kit):
    events = await stage.run(kit.crew(1, tools_1=["gone"]))
    assert [e.body.code for e in events if e.type == "warning"] == ["TOOL_UNKNOWN"]
    assert events[-1].type == "execution_complete"


async def cut_inside_the_call(stage, kit):
    stage.drawer.tools = {"pay": lambda _: "paid"}
    stage.script.say = once(kit, ("pay", {}))
    crew = kit.crew(1, tools_1=["pay"])
    events = await stage.run(crew)
    place = kit.types(events).index("tool_call")
    stage.drawer.calls.clear()
    return crew, events[: place + 1]


async def test_a_safe_call_of_unknown_outcome_is_repeated_with_its_key(stage, kit):
    crew, history = await cut_inside_the_call(stage, kit)
    events = await stage.run(crew, history)
    assert stage.drawer.calls == [("pay", "job_1:task_1:1")]
    assert events[-1].body == ExecutionComplete(result="paid")


async def test_an_unsafe_call_of_unknown_outcome_ends_the_run_and_is_named(stage, kit):
    stage.drawer.unsafe = frozenset({"pay"})
    crew, history = await cut_inside_the_call(stage, kit)
    events = await stage.run(crew, history)
    assert stage.drawer.calls == []
    assert events[-1].body.code == "OUTCOME_UNKNOWN"
    assert "job_1:task_1:1" in events[-1].body.message


async def test_a_call_of_unknown_outcome_names_its_host_and_no_keys(stage, kit):
    stage.drawer.unsafe = frozenset({"pay"})
    crew, history = await cut_inside_the_call(stage, kit)
    own = ToolSnapshot(name="pay", endpoint="https://me:hidden@pay.example/{id}?key=hidden")
    events = await stage.run(crew.model_copy(update={"tools": [own]}), history)
    message = events[-1].body.message
    assert "the tool pay (pay.example:443)" in message
    assert "hidden" not in message


async def test_an_unsafe_call_that_a_stopping_worker_did_not_begin_is_simply_made(stage, kit):
    stage.drawer.unsafe, stage.whole = frozenset({"pay"}), True
    crew, history = await cut_inside_the_call(stage, kit)
    events = await stage.run(crew, history)
    assert stage.drawer.calls == [("pay", "job_1:task_1:1")]
    assert events[-1].body == ExecutionComplete(result="paid")


async def test_a_doubtful_call_stays_so_when_the_next_worker_hands_over_before_it(stage, kit):
    stage.drawer.unsafe = frozenset({"pay"})
    crew, history = await cut_inside_the_call(stage, kit)
    lost = stage.job(crew, history).history
    stage.whole = True
    events = await stage.run(crew, lost)
    assert stage.drawer.calls == []
    assert events[-1].body.code == "OUTCOME_UNKNOWN"


async def test_a_persons_word_outlives_a_hand_over(stage, kit):
    crew, events = await asked(stage, kit)
    told = stage.job(crew, answered(kit, events, "retry")).history
    stage.whole = True
    events = await stage.run(crew, told)
    assert stage.drawer.calls == [("pay", "job_1:task_1:1")]
    assert events[-1].body == ExecutionComplete(result="paid")


def with_policy(crew, policy):
    configuration = crew.configuration.model_copy(update={"on_unknown_outcome": policy})
    return crew.model_copy(update={"configuration": configuration})


def answered(kit, history, text):
    """Return `history` with a person's answer, as the API stores it."""
    seq, at = len(history) + 1, history[-1].timestamp
    said = InputReceived(task_id=history[-1].body.task_id, input=text)
    return [*history, LogEntry(seq, at, history[-1].attempt, said)]


async def asked(stage, kit):
    stage.drawer.unsafe = frozenset({"pay"})
    crew, history = await cut_inside_the_call(stage, kit)
    crew = with_policy(crew, "ask")
    return crew, await stage.run(crew, history)


async def test_a_crew_may_have_an_unsafe_call_made_again(stage, kit):
    stage.drawer.unsafe = frozenset({"pay"})
    crew, history = await cut_inside_the_call(stage, kit)
    events = await stage.run(with_policy(crew, "retry"), history)
    assert stage.drawer.calls == [("pay", "job_1:task_1:1")]
    assert events[-1].body == ExecutionComplete(result="paid")


async def test_a_crew_may_have_a_person_asked_about_a_call(stage, kit):
    _, events = await asked(stage, kit)
    assert stage.drawer.calls == []
    assert events[-1].type == "input_required"
    assert events[-1].body.task_id == "task_1"
    for told in ("job_1:task_1:1", "pay", "retry"):
        assert told in events[-1].body.prompt


@pytest.mark.parametrize("text", ["retry", " Retry\n"])
async def test_the_person_has_the_call_made_again(stage, kit, text):
    crew, events = await asked(stage, kit)
    events = await stage.run(crew, answered(kit, events, text))
    assert stage.drawer.calls == [("pay", "job_1:task_1:1")]
    assert events[-1].body == ExecutionComplete(result="paid")


async def test_what_else_the_person_says_is_the_calls_result(stage, kit):
    crew, events = await asked(stage, kit)
    events = await stage.run(crew, answered(kit, events, "paid, I looked"))
    assert stage.drawer.calls == []
    assert events[-1].body == ExecutionComplete(result="paid, I looked")
    result = next(event for event in events if event.type == "tool_result")
    assert result.body.result == "paid, I looked"


async def test_a_person_is_asked_again_when_the_worker_is_lost_again(stage, kit):
    crew, events = await asked(stage, kit)
    resumed = await stage.run(crew, answered(kit, events, "retry"))
    place = max(n for n, event in enumerate(resumed) if event.type == "execution_resumed")
    events = await stage.run(crew, resumed[: place + 1])
    assert stage.drawer.calls == [("pay", "job_1:task_1:1")]
    assert events[-1].type == "input_required"


async def test_a_call_after_the_unknown_one_was_not_begun_and_is_simply_made(stage, kit):
    stage.drawer.tools = {"pay": lambda a: f"paid {a['x']}"}
    stage.drawer.unsafe = frozenset({"pay"})
    stage.script.say = once(kit, ("pay", {"x": 1}), ("pay", {"x": 2}))
    crew = with_policy(kit.crew(1, tools_1=["pay"]), "ask")
    events = await stage.run(crew)
    place = max(n for n, event in enumerate(events) if event.type == "tool_call")
    events = await stage.run(crew, events[: place + 1])
    stage.drawer.calls.clear()
    events = await stage.run(crew, answered(kit, events, "paid one"))
    assert stage.drawer.calls == [("pay", "job_1:task_1:2")]
    assert events[-1].body == ExecutionComplete(result="paid one paid 2")


async def test_a_coworker_goes_on_while_another_waits_for_a_person(stage, kit):
    paying = asyncio.Event()

    async def pay(arguments):
        paying.set()
        await asyncio.sleep(0.01)
        return f"paid {arguments['x']}"

    def say(_model, dialogue, tools):
        if "delegate_work" in {tool.name for tool in tools}:
            if dialogue.results():
                return "all done"
            work = [{"coworker": f"Agent {n}", "task": f"pay {n}"} for n in (1, 2)]
            return kit.calls(*(("delegate_work", each) for each in work))
        if dialogue.results():
            return "done"
        return kit.calls(("pay", {"x": int(dialogue.topic.description[-1])}))

    stage.drawer.tools, stage.drawer.unsafe = {"pay": pay}, frozenset({"pay"})
    stage.script.say = say
    names = {"tools_1": ["pay"], "tools_2": ["pay"]}
    crew = with_policy(kit.crew(2, process="hierarchical", **names), "ask")
    events = await stage.run(crew)
    place = next(
        n for n, e in enumerate(events) if e.type == "tool_call" and e.body.action == "pay"
    )
    stage.drawer.calls.clear()
    events = await stage.run(crew, events[: place + 1])
    assert events[-1].type == "input_required"
    assert len(stage.drawer.calls) == 1
    results = [event for event in events if event.type == "tool_result"]
    assert any(event.body.result == "paid 2" for event in results)


async def test_long_results_are_short_in_public_and_whole_for_the_run(stage, kit):
    stage.drawer.tools = {"t": lambda _: "x" * 5_000}
    stage.script.say = once(kit, ("t", {}))
    events = await stage.run(kit.crew(1, tools_1=["t"]))
    result = next(e for e in events if e.type == "tool_result")
    assert len(result.body.result) == 2_000
    assert result.private.text == "x" * 5_000
    assert events[-1].body.result == "x" * 5_000
