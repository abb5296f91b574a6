"""What one reply may set in motion, and who is meant by a name.

Covers: executor.engine.limits
"""

import asyncio

import pytest

from common.contracts.crew import AgentSnapshot
from common.contracts.events import ExecutionComplete
from executor.engine.coworkers import Coworkers, UnclearName
from executor.tools.spec import FailedResult


def agent(number, name, role="Role"):
    return AgentSnapshot(id=f"agent_{number}", name=name, role=role, goal="g", model="m")


class Counting:
    """Counts how many are inside at once, each for some turns of the loop."""

    def __init__(self):
        self.inside = self.most = self.made = 0

    async def __call__(self, *_):
        self.inside += 1
        self.made += 1
        self.most = max(self.most, self.inside)
        for _ in range(5):
            await asyncio.sleep(0)
        self.inside -= 1
        return "done"


async def test_of_one_reply_so_many_calls_are_made_and_the_others_are_said(stage, kit):
    tool = Counting()
    stage.drawer.tools = {"t": tool}
    stage.script.say = lambda _, dialogue, __: (
        "end" if dialogue.results() else kit.calls(*[("t", {"x": 1})] * 300)
    )
    events = await stage.run(kit.crew(1, tools_1=["t"]))
    assert events[-1].body == ExecutionComplete(result="end")
    assert (tool.made, tool.most) == (32, 8)
    results = [e for e in events if e.type == "tool_result"]
    assert len(results) == 300
    refused = [e for e in results if getattr(e.body, "failed", None)]
    assert len(refused) == 268
    assert "At most" in refused[0].body.result


async def test_unsafe_calls_of_one_reply_are_bounded_too(stage, kit):
    stage.drawer.tools, stage.drawer.unsafe = {"t": lambda _: "ok"}, frozenset({"t"})
    stage.script.say = lambda _, dialogue, __: (
        "end" if dialogue.results() else kit.calls(*[("t", {"x": 1})] * 40)
    )
    await stage.run(kit.crew(1, tools_1=["t"]))
    assert len(stage.drawer.calls) == 32


async def test_a_manager_hands_on_only_so_much_in_one_reply(stage, kit):
    working = Counting()

    def say(_model, dialogue, tools):
        if "delegate_work" not in {tool.name for tool in tools}:
            return working()
        if dialogue.results():
            return "end"
        return kit.calls(*[("delegate_work", {"coworker": "Agent 1", "task": "x"})] * 300)

    stage.script.say = say
    crew = kit.crew(2, process="hierarchical", configuration={"max_iterations": 2})
    events = await stage.run(crew)
    assert events[-1].body == ExecutionComplete(result="end")
    assert working.most <= 8
    assert working.made == 16, "eight for each of two tasks"


async def test_a_long_answer_of_a_coworker_is_cut_with_a_mark(stage, kit):
    def say(_model, dialogue, tools):
        if "delegate_work" not in {tool.name for tool in tools}:
            return "w" * 500_000
        told = dialogue.results()
        return (
            told[0].text[-60:]
            if told
            else kit.calls(("delegate_work", {"coworker": "Agent 1", "task": "x"}))
        )

    stage.script.say = say
    events = await stage.run(kit.crew(1, process="hierarchical"))
    assert "[cut: 500,000 characters in all]" in events[-1].body.result


async def test_a_failure_is_marked_and_a_text_like_one_is_not(stage, kit):
    stage.drawer.tools = {
        "bad": lambda _: FailedResult("It is broken."),
        "log": lambda _: "Error: from a log",
    }
    stage.script.say = lambda _, dialogue, __: (
        "end" if dialogue.results() else kit.calls(("bad", {}), ("log", {}), ("gone", {}))
    )
    crew = kit.crew(1, tools_1=["bad", "log"])
    events = await stage.run(crew)
    results = {e.body.action: e for e in events if e.type == "tool_result"}
    assert {n: e.body.failed is True for n, e in results.items()} == {
        "bad": True,
        "log": False,
        "gone": True,
    }
    seen = {result.name: result.failed for result in stage.script.dialogues[-1].results()}
    assert seen == {"bad": True, "log": False, "gone": True}
    place = max(n for n, e in enumerate(events) if e.type == "tool_result")
    await stage.run(crew, events[: place + 1])
    again = {result.name: result.failed for result in stage.script.dialogues[-1].results()}
    assert again == seen


@pytest.mark.parametrize(
    ("people", "names"),
    [
        ([("R", "R"), ("R", "R")], ["R #1", "R #2"]),
        ([("R", "Writer"), ("r ", "Editor")], ["R (Writer)", "r  (Editor)"]),
        ([("R", "Writer"), ("R", "Writer"), ("S", "x")], ["R #1", "R #2", "S"]),
        ([("R #1", "a"), ("R", "b"), ("R", "b")], ["R #1", "R #2", "R #3"]),
        ([("A", "x"), ("B", "x")], ["A", "B"]),
    ],
)
def test_coworkers_have_names_of_their_own(people, names):
    agents = [agent(n, *who) for n, who in enumerate(people)]
    coworkers = Coworkers(agents)
    assert coworkers.names == names
    assert len({name.casefold() for name in coworkers.names}) == len(agents)
    assert [coworkers.find(name.upper()).id for name in coworkers.names] == [a.id for a in agents]
    assert [coworkers.find(a.id).id for a in agents] == [a.id for a in agents]


def test_who_is_not_clearly_meant_is_not_guessed():
    coworkers = Coworkers([agent(1, "A", "Writer"), agent(2, "B", "Writer"), agent(3, "C", "Poet")])
    assert coworkers.find(" poet").id == "agent_3"
    with pytest.raises(UnclearName, match="several coworkers are called Writer: A, B"):
        coworkers.find("Writer")
    with pytest.raises(UnclearName, match=r"no coworker D\. There are: A, B, C"):
        coworkers.find("D")


async def test_work_for_the_second_of_two_of_one_name_goes_to_it(stage, kit):
    crew = kit.crew(2, process="hierarchical")
    agents = [one.model_copy(update={"name": "R"}) for one in crew.agents]
    crew = crew.model_copy(update={"agents": agents})

    def say(_model, dialogue, tools):
        if "delegate_work" not in {tool.name for tool in tools}:
            return dialogue.instructions.split(".")[0]
        told = dialogue.results()
        people = [one.name for one in dialogue.topic.coworkers]
        assert f"One of: {', '.join(people)}" in str(tools[0].parameters)
        assert all(f"- {name}:" in dialogue.instructions for name in people)
        return (
            told[0].text
            if told
            else kit.calls(("delegate_work", {"coworker": people[1], "task": "x"}))
        )

    stage.script.say = say
    events = await stage.run(crew)
    assert events[-1].body == ExecutionComplete(result="You are Role 2")
