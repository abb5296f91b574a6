"""Calls that people approve: just the shown call is made, once, or none; other tasks go on.

Covers: executor.tools.built_in.ask_person
"""

import orjson
import pytest

from common.contracts.events import ExecutionComplete, InputReceived
from common.schemas.canonical import digest
from executor.domain.log.events import LogEntry
from executor.domain.log.execution import ANSWERS, GRAPH, WRITES, format_for


def answered(events, question, outcome="approved", **more):
    fields = {"question_id": question.question_id, "task_id": question.task_id, **more}
    body = InputReceived(outcome=outcome, by="usr_1", **fields)
    return [*events, LogEntry(len(events) + 1, events[-1].timestamp, events[-1].attempt, body)]


def questions(events):
    return [event.body for event in events if event.type == "input_required"]


@pytest.fixture
def pays(stage, kit):
    """A crew whose agents pay: what each call was made with is in `stage.paid`."""
    stage.paid = []
    stage.drawer.unsafe = frozenset({"pay"})

    def pay(arguments):
        stage.paid.append(dict(arguments))
        return f"paid {arguments['x']}"

    stage.drawer.tools = {"pay": pay, "look": lambda arguments: f"saw {arguments['x']}"}
    stage.script.say = lambda _model, dialogue, _tools: (
        ", ".join(result.text for result in dialogue.results())
        if dialogue.turns
        else kit.calls(("pay", {"x": "7"}))
    )

    def crew(tasks=1, **given):
        names = {f"tools_{n}": ["pay", "look"] for n in range(1, tasks + 1)}
        return kit.crew(tasks, task={"approvals": ["pay"]}, **names, **given)

    return crew


async def test_a_call_waits_for_a_yes_and_is_then_made_once_with_what_was_shown(stage, pays, kit):
    crew = pays()
    events = await stage.run(crew)
    asked = events[-1].body
    assert (asked.type, asked.kind, asked.agent) == ("input_required", "approval", "Agent 1")
    assert asked.tool_call.arguments == {"x": 7}, "as the call will be made"
    bound = {"arguments": {"x": 7}, "call": 1, "task_id": "task_1", "tool": "pay"}
    assert asked.tool_call.digest == digest(bound)
    assert "tool_call" not in kit.types(events), "it is not being made"
    assert stage.paid == []
    stage.script.say = lambda *_: "never asked for the same again"
    done = await stage.run(crew, answered(events, asked))
    assert stage.paid == [{"x": 7}]
    assert kit.types(done)[len(events) :] == [
        "input_received",
        "execution_resumed",
        "tool_call",
        "tool_result",
        "llm_call",
        "task_complete",
        "progress",
        "execution_complete",
    ]


async def test_a_rejection_is_told_to_the_agent_with_its_comment_and_the_run_goes_on(stage, pays):
    crew = pays()
    events = await stage.run(crew)
    done = await stage.run(crew, answered(events, events[-1].body, "rejected", comment="Too much"))
    assert stage.paid == []
    assert done[-1].body == ExecutionComplete(
        result="Not called: a person rejected this call and said: Too much"
    )
    (result,) = [event.body for event in done if event.type == "tool_result"]
    assert result.failed is True


async def test_changed_arguments_are_what_is_made_and_the_agent_gets_to_know(stage, pays):
    crew = pays()
    events = await stage.run(crew)
    done = await stage.run(crew, answered(events, events[-1].body, arguments={"x": 5}))
    assert stage.paid == [{"x": 5}]
    assert '{"x": 5}' in done[-1].body.result
    assert done[-1].body.result.endswith("paid 5")
    (call,) = [event.body for event in done if event.type == "tool_call"]
    assert orjson.loads(call.result) == {"x": 5}


@pytest.mark.parametrize("outcome", ["answered", "retry", "expired"])
async def test_nothing_but_an_approval_makes_the_call(stage, pays, outcome):
    crew = pays()
    events = await stage.run(crew)
    await stage.run(crew, answered(events, events[-1].body, outcome, input="approved"))
    assert stage.paid == []


async def test_an_approval_of_another_call_makes_none(stage, pays):
    crew = pays()
    events = await stage.run(crew)
    asked = events[-1]
    other = {"tool": "pay", "arguments": {"x": 8}, "call": 1, "digest": "0"}
    changed = type(asked.body.tool_call)(**{**other, "digest": asked.body.tool_call.digest})
    fields = {name: getattr(asked.body, name) for name in asked.body.__struct_fields__}
    forged = type(asked.body)(**{**fields, "tool_call": changed})
    history = [*events[:-1], LogEntry(asked.seq, asked.timestamp, 1, forged, asked.private)]
    done = await stage.run(crew, answered(history, forged))
    assert (done[-1].body.code, stage.paid) == ("HISTORY_MISMATCH", [])


async def test_all_calls_of_a_reply_are_asked_about_at_once_and_made_in_order(stage, pays, kit):
    stage.script.say = lambda _model, dialogue, _tools: (
        "done"
        if dialogue.turns
        else kit.calls(
            ("pay", {"x": 1}), ("look", {"x": 0}), ("pay", {"x": 2}), ("pay", {"x": "?"})
        )
    )
    crew = pays()
    events = await stage.run(crew)
    first, second = questions(events)
    assert [first.goes_on is True, second.goes_on is True] == [True, False]
    events = await stage.run(crew, answered(events, second))
    assert events[-1].body.questions == [first.question_id], "and it is not asked anew"
    assert stage.paid == []
    events = await stage.run(crew, answered(events, first))
    assert stage.paid == [{"x": 1}, {"x": 2}]
    assert events[-1].body == ExecutionComplete(result="done")


async def test_questions_of_tasks_beside_one_another_are_open_at_once(stage, pays):
    first = {"approvals": ["pay"], "async_execution": True}
    crew = pays(2, task_1=first, task_2={"context": ["on its own"]})
    events = await stage.run(crew)
    one, other = sorted(questions(events), key=lambda question: question.task_id)
    assert (one.task_id, other.task_id) == ("task_1", "task_2")
    events = await stage.run(crew, answered(events, other, "rejected"))
    assert questions(events) == [*questions(events)[:2]]
    assert events[-1].type == "execution_waiting"
    events = await stage.run(crew, answered(events, one))
    assert events[-1].type == "execution_complete"
    assert stage.paid == [{"x": 7}]


async def test_a_tool_may_ask_for_approval_itself_and_names_its_own_rules(stage, pays, kit):
    tool = {"name": "pay", "requires_approval": True, "expires_in": 60, "on_expiry": "reject"}
    crew = kit.crew(
        1,
        tools_1=["pay"],
        tools=[tool],
        task_1={"expires_in": 5, "answered_by": "admin"},
        configuration={"questions": {"on_expiry": "approve"}},
    )
    asked = (await stage.run(crew))[-1].body
    assert (asked.kind, asked.on_expiry, asked.answered_by) == ("approval", "reject", "admin")
    assert (asked.expires_at - stage.now).total_seconds() == 60


def test_older_workers_leave_jobs_with_approvals_alone(kit):
    assert format_for(kit.crew(1)) == WRITES
    for crew in (
        kit.crew(1, task_1={"approvals": ["pay"]}),
        kit.crew(1, tools=[{"name": "pay", "requires_approval": True}]),
    ):
        assert format_for(crew) == GRAPH > ANSWERS


async def test_a_coworker_asks_too(stage, pays, kit):
    def say(_model, dialogue, tools):
        if dialogue.turns:
            return dialogue.results()[-1].text
        if "delegate_work" in {tool.name for tool in tools}:
            return kit.calls(("delegate_work", {"coworker": "Agent 1", "task": "Pay"}))
        return kit.calls(("pay", {"x": 3}))

    stage.script.say = say
    crew = pays(1, process="hierarchical")
    events = await stage.run(crew)
    assert events[-1].body.kind == "approval"
    events = await stage.run(crew, answered(events, events[-1].body))
    assert (stage.paid, events[-1].body.result) == ([{"x": 3}], "paid 3")


async def test_an_agent_asks_a_person_and_reads_the_answer(stage, kit):
    stage.drawer.tools = {"ask_person": None}
    schema = {"type": "object", "required": ["amount"]}
    wanted = {"prompt": "How much?", "response_schema": schema}
    stage.script.say = lambda _model, dialogue, _tools: (
        dialogue.results()[-1].text if dialogue.turns else kit.calls(("ask_person", wanted))
    )
    crew = kit.crew(1, tools_1=["ask_person"])
    events = await stage.run(crew)
    asked = events[-1].body
    assert (asked.kind, asked.prompt, asked.response_schema) == ("question", "How much?", schema)
    said = answered(events, asked, "answered", input={"amount": 5})
    assert (await stage.run(crew, said))[-1].body == ExecutionComplete(result='{"amount": 5}')
    said = answered(events, asked, "rejected", comment="Ask Ada")
    assert (await stage.run(crew, said))[-1].body.result.endswith("and said: Ask Ada")


async def test_an_agent_asks_a_person_to_choose(stage, kit):
    stage.drawer.tools = {"ask_person": None}
    wanted = {"prompt": "Which?", "choices": ["a", "b"]}
    stage.script.say = lambda _model, dialogue, _tools: (
        dialogue.results()[-1].text if dialogue.turns else kit.calls(("ask_person", wanted))
    )
    crew = kit.crew(1, tools_1=["ask_person"])
    events = await stage.run(crew)
    asked = events[-1].body
    assert (asked.kind, asked.choices) == ("question", ["a", "b"])
    said = answered(events, asked, "answered", input="b")
    assert (await stage.run(crew, said))[-1].body == ExecutionComplete(result="b")


@pytest.mark.parametrize(
    ("asked_for", "told"),
    [
        ({"response_schema": {"type": "nothing"}}, "response_schema cannot be used"),
        ({"response_schema": {"type": "object"}, "choices": ["a", "b"]}, "not both"),
        ({"response_schema": {}, "choices": ["a", "b"]}, "not both"),
    ],
)
async def test_what_no_answer_could_meet_is_told_to_the_agent(stage, kit, asked_for, told):
    stage.drawer.tools = {"ask_person": None}
    wanted = {"prompt": "?", **asked_for}
    stage.script.say = lambda _model, dialogue, _tools: (
        dialogue.results()[-1].text if dialogue.turns else kit.calls(("ask_person", wanted))
    )
    events = await stage.run(kit.crew(1, tools_1=["ask_person"]))
    assert told in events[-1].body.result
