"""A manager who hands tasks on, looks at what comes back, and answers."""

import pytest

from common.contracts.events import ExecutionComplete
from executor.models.model import ModelFault


def managed(kit, coworker="agent 2", work="Find out"):
    """A manager that delegates once and reports; a coworker that uses a tool and answers."""

    def say(_model, dialogue, tools):
        results = dialogue.results()
        if any(tool.name == "delegate_work" for tool in tools):
            if results:
                return f"reported: {results[-1].text}"
            return kit.calls(("delegate_work", {"coworker": coworker, "task": work}))
        if tools and not results:
            return kit.calls(("t", {}))
        return f"found {results[-1].text}" if results else "no tools"

    return say


def crew(kit, tasks=2, **given):
    return kit.crew(
        tasks,
        process="hierarchical",
        tools_2=["t"],
        configuration={"manager_model": "boss"},
        **given,
    )


async def test_the_manager_delegates_and_answers_for_the_task(stage, kit):
    stage.drawer.tools = {"t": lambda _: "gold"}
    stage.script.say = managed(kit)
    events = await stage.run(crew(kit))
    assert events[-1].body == ExecutionComplete(result="reported: found gold")
    assert {model for model, _ in stage.script.requests} == {"boss", "m"}
    told = [(e.type, e.body.agent) for e in events[1:10] if hasattr(e.body, "agent")]
    assert told == [
        ("task_start", "Manager"),
        ("llm_call", "Manager"),
        ("tool_call", "Manager"),
        ("llm_call", "Agent 2"),
        ("tool_call", "Agent 2"),
        ("tool_result", "Agent 2"),
        ("llm_call", "Agent 2"),
        ("tool_result", "Manager"),
        ("llm_call", "Manager"),
    ]


async def test_call_numbers_go_on_inside_a_delegation(stage, kit):
    stage.drawer.tools = {"t": lambda _: "gold"}
    stage.script.say = managed(kit)
    await stage.run(crew(kit, 2))
    assert stage.drawer.calls == [("t", "job_1:task_1:2"), ("t", "job_1:task_2:2")]


async def test_the_manager_knows_the_agents_and_who_is_meant(stage, kit):
    stage.script.say = managed(kit)
    stage.drawer.tools = {"t": lambda _: "gold"}
    await stage.run(crew(kit))
    dialogue = stage.script.dialogues[0]
    assert "Agent 1: Role 1. Goal: Goal 1" in dialogue.instructions
    assert "Meant for this task: Agent 1" in dialogue.opening


async def test_an_unknown_coworker_is_a_result(stage, kit):
    stage.script.say = managed(kit, coworker="Nobody")
    events = await stage.run(crew(kit, 2))
    assert "there is no coworker Nobody. There are: Agent 1, Agent 2." in events[-1].body.result


async def test_a_coworker_going_in_circles_is_a_result(stage, kit):
    stage.drawer.tools = {"t": lambda _: "again"}
    inner = managed(kit)

    def say(model, dialogue, tools):
        circles = [tool.name for tool in tools] == ["t"]
        return kit.calls(("t", {})) if circles else inner(model, dialogue, tools)

    stage.script.say = say
    given = kit.crew(2, process="hierarchical", tools_2=["t"], configuration={"max_iterations": 3})
    events = await stage.run(given)
    assert events[-1].type == "execution_complete"
    assert "3 times without an answer" in events[-1].body.result


@pytest.mark.parametrize("description", ["Work it out: 6 * 7"])
async def test_offline_a_manager_delegates_once_and_answers(stage, kit, description):
    stage.drawer.tools = {"calculator": lambda arguments: f"{arguments['expression']} is 42"}
    given = kit.crew(
        2,
        process="hierarchical",
        task={"description": description},
        tools_1=["calculator"],
        configuration={"manager_model": "offline"},
    )
    given = given.model_copy(
        update={"agents": [a.model_copy(update={"model": "offline"}) for a in given.agents]}
    )
    events = await stage.run(given)
    assert "From delegate_work" in events[-1].body.result
    assert "6 * 7 is 42" in next(e.body.result for e in events if e.type == "task_complete")


async def test_a_task_of_nobody_is_the_managers_to_hand_out(stage, kit):
    stage.drawer.tools = {"t": lambda _: "gold"}
    stage.script.say = managed(kit)
    given = crew(kit)
    tasks = [task.model_copy(update={"agent_id": None}) for task in given.tasks]
    events = await stage.run(given.model_copy(update={"tasks": tasks}))
    assert events[-1].body == ExecutionComplete(result="reported: found gold")
    assert "Meant for this task" not in stage.script.dialogues[0].opening


async def test_the_manager_has_settings_and_fallbacks_of_its_own(stage, kit):
    def say(model, dialogue, tools):
        if model == "boss":
            raise ModelFault("MODEL_UNAVAILABLE", "The model boss cannot be reached.")
        return managed(kit)(model, dialogue, tools)

    stage.drawer.tools, stage.script.say = {"t": lambda _: "gold"}, say
    configuration = {
        "manager_model": "boss",
        "manager_model_settings": {"temperature": 0.1},
        "manager_fallback_models": ["deputy"],
    }
    given = kit.crew(2, process="hierarchical", tools_2=["t"], configuration=configuration)
    events = await stage.run(given)
    assert events[-1].body.result == "reported: found gold"
    assert [model for model, _ in stage.script.requests][:2] == ["boss", "deputy"]
    told = {model: one.settings for (model, _), one in zip(stage.script.requests, stage.script.dialogues, strict=True)}  # fmt: skip
    assert (told["deputy"], told["m"]) == ({"temperature": 0.1}, {})


async def test_an_agents_model_that_manages_has_the_agents_fallbacks(stage, kit):
    def say(model, dialogue, tools):
        if model == "m":
            raise ModelFault("MODEL_UNAVAILABLE", "The model m cannot be reached.")
        return "done"

    stage.script.say = say
    given = kit.crew(1, process="hierarchical")
    agents = [one.model_copy(update={"fallback_models": ["b"]}) for one in given.agents]
    events = await stage.run(given.model_copy(update={"agents": agents}))
    assert [model for model, _ in stage.script.requests] == ["m", "b"]
    assert events[-1].body.result == "done"
