"""What makes a crew sound, and what its use cases promise."""

from typing import Any

import pytest
from pydantic import ValidationError

from common.errors import Conflict, InvalidRequest, NotFound, PreconditionFailed
from crews.domain.crew import MOST_AGENTS, MOST_BYTES
from crews.domain.demo_crew import CREW_ID, DemoCrew
from crews.domain.drafts import (
    AgentChanges,
    AgentRequest,
    CrewChanges,
    CrewDraft,
    TaskChanges,
    TaskRequest,
)
from crews.domain.tool_catalog import ToolCatalog
from crews.domain.tools import ToolDraft
from crews.routes.bodies import crew_view

WS = "ws_1"


@pytest.fixture
def body(crew_body: Any) -> Any:
    crew_body["agents"].append({"role": "Editor", "goal": "Shorten", "model": "offline"})
    crew_body["tasks"] = [
        {"description": "Write", "agent": "Content Writer"},
        {"description": "Edit", "agent": 1, "context": [0, "Keep it short"]},
    ]
    return crew_body


async def refused(call: Any) -> dict[str, Any]:
    with pytest.raises(InvalidRequest) as fault:
        await call
    assert fault.value.message == "Invalid crew configuration"
    return fault.value.details


async def test_no_agents_is_the_documents_own_error(world: Any, crew_body: Any) -> None:
    wanted = {"field": "agents", "reason": "At least one agent required"}
    draft = CrewDraft(**{**crew_body, "agents": []})
    assert await refused(world.catalog.create(WS, draft)) == wanted
    crew = await world.catalog.create(WS, CrewDraft(**crew_body))
    assert await refused(world.catalog.update(WS, crew.id, CrewChanges(agents=[]))) == wanted


async def test_tasks_name_agents_and_each_other_inside_a_crew(world: Any, body: Any) -> None:
    crew = await world.catalog.create(WS, CrewDraft(**body))
    assert crew.status == "active"
    assert [task.agent_id for task in crew.tasks] == [agent.id for agent in crew.agents]
    assert crew.tasks[1].context == (crew.tasks[0].id, "Keep it short")
    assert crew.agents[0].name == "Content Writer"


@pytest.mark.parametrize(
    ("task", "field"),
    [
        ({"agent": "Nobody"}, "tasks.1.agent"),
        ({"agent": 2}, "tasks.1.agent"),
        ({"agent": -1}, "tasks.1.agent"),
        ({"agent_id": "agent_elsewhere"}, "tasks.1.agent_id"),
        ({"context": [1]}, "tasks.1.context.0"),
        ({"context": ["a text", "task_elsewhere"]}, "tasks.1.context.1"),
        ({"context": ["research_task"]}, "tasks.1.context.0"),
        ({"name": "first"}, "tasks.1.name"),
        ({"tools": ["calculator", "telepathy"]}, "tasks.1.tools.1"),
    ],
)
async def test_faults_are_named_by_path(world: Any, body: Any, task: Any, field: str) -> None:
    body["tasks"][0]["name"] = "First"
    body["tasks"][1] = {"description": "Edit", **task}
    assert (await refused(world.catalog.create(WS, CrewDraft(**body))))["field"] == field
    assert world.crews.held == {}


async def test_an_agent_must_be_meant_alone(world: Any, body: Any) -> None:
    body["agents"][1]["role"] = "Content Writer"
    told = await refused(world.catalog.create(WS, CrewDraft(**body)))
    assert "more than one" in told["reason"]


async def test_a_task_of_nobody_leaves_the_crew_configuring(world: Any, body: Any) -> None:
    del body["tasks"][0]["agent"]
    body["process"] = "sequential"
    crew = await world.catalog.create(WS, CrewDraft(**body))
    assert crew.status == "configuring"
    changes = TaskChanges(agent_id=crew.agents[0].id)
    await world.catalog.update_task(WS, crew.tasks[0].id, changes)
    assert world.crews.held[crew.id].status == "active"


async def test_a_manager_finds_somebody_for_a_task_of_nobody(world: Any, body: Any) -> None:
    del body["tasks"][0]["agent"]
    crew = await world.catalog.create(WS, CrewDraft(**body))
    assert crew.status == "active"
    assert (await world.catalog.snapshot(WS, crew.id)).tasks[0].agent_id is None
    alone = TaskRequest(crew_id=crew.id, name="last", description="d", expected_output="e")
    assert (await world.catalog.add_task(WS, alone)).agent_id is None
    await world.catalog.update_task(WS, crew.tasks[1].id, TaskChanges(agent_id=None))
    assert [task.agent_id for task in world.crews.held[crew.id].tasks] == [None] * 3
    after = await world.catalog.update(WS, crew.id, CrewChanges(process="sequential"))
    assert after.status == "configuring"
    nowhere = TaskRequest(description="d", expected_output="e")
    with pytest.raises(InvalidRequest, match="Invalid task"):
        await world.catalog.add_task(WS, nowhere)


async def test_lists_in_an_update_keep_those_with_an_id(world: Any, body: Any) -> None:
    crew = await world.catalog.create(WS, CrewDraft(**body))
    kept = crew.tasks[0]
    tasks = [{"description": "First"}, {"id": kept.id, "description": "Then", "agent": 0}]
    after = await world.catalog.update(WS, crew.id, CrewChanges(tasks=tasks))
    assert [task.description for task in after.tasks] == ["First", "Then"]
    assert after.tasks[1].id == kept.id
    assert after.tasks[0].id not in {task.id for task in crew.tasks}
    dropped = CrewChanges(agents=[{"role": "New", "goal": "g", "model": "offline"}])
    told = await refused(world.catalog.update(WS, crew.id, dropped))
    assert told["field"] == "tasks.1.agent_id"


async def test_configuration_is_merged(world: Any, body: Any) -> None:
    body["configuration"] = {"max_iterations": 3, "budget": {"max_tokens": 5, "max_cost_usd": 1}}
    crew = await world.catalog.create(WS, CrewDraft(**body))
    changes = CrewChanges(configuration={"verbose": True, "budget": {"max_tokens": 9}})
    told = (await world.catalog.update(WS, crew.id, changes)).configuration
    assert (told.max_iterations, told.verbose) == (3, True)
    assert (told.budget.max_tokens, told.budget.max_cost_usd) == (9, 1)


async def test_a_task_may_not_name_later_ones(world: Any, body: Any) -> None:
    crew = await world.catalog.create(WS, CrewDraft(**body))
    first, second = crew.tasks
    changes = TaskChanges(context=[second.id])
    told = await refused(world.catalog.update_task(WS, first.id, changes))
    assert told["field"] == "context.0"
    turned = [
        {"id": task.id, "description": "d", "agent": 0, "context": list(task.context)}
        for task in (second, first)
    ]
    told = await refused(world.catalog.update(WS, crew.id, CrewChanges(tasks=turned)))
    assert told["field"] == "tasks.0.context.0"


async def test_what_is_in_use_stays(world: Any, body: Any) -> None:
    crew = await world.catalog.create(WS, CrewDraft(**body))
    with pytest.raises(Conflict):
        await world.catalog.delete_agent(WS, crew.agents[0].id)
    with pytest.raises(Conflict):
        await world.catalog.delete_task(WS, crew.tasks[0].id)
    await world.catalog.delete_task(WS, crew.tasks[1].id)
    await world.catalog.delete_agent(WS, crew.agents[1].id)
    await world.catalog.delete_task(WS, crew.tasks[0].id)
    with pytest.raises(Conflict):
        await world.catalog.delete_agent(WS, crew.agents[0].id)


async def test_sizes_are_bounded(world: Any, body: Any) -> None:
    crew = await world.catalog.create(WS, CrewDraft(**body))
    new = AgentRequest(crew_id=crew.id, role="r", goal="g", model="offline")
    for number in range(MOST_AGENTS - 2):
        named = new.model_copy(update={"name": f"agent {number}"})
        await world.catalog.add_agent(WS, named)
    assert (await refused(world.catalog.add_agent(WS, new)))["field"] == "agents"
    large = TaskRequest(
        agent_id=crew.agents[0].id,
        description="d",
        expected_output="e",
        context=["x" * 20_000] * (MOST_BYTES // 20_000 - 1),
    )
    await world.catalog.add_task(WS, large)
    assert (await refused(world.catalog.add_task(WS, large)))["field"] == "body"


async def test_single_entries_have_their_own_paths(world: Any, body: Any) -> None:
    crew = await world.catalog.create(WS, CrewDraft(**body))
    agent = crew.agents[1]
    told = await refused(world.catalog.update_agent(WS, agent.id, AgentChanges(tools=["no"])))
    assert told["field"] == "tools.0"
    task = TaskRequest(agent_id=agent.id, description="d", expected_output="e", context=["task_no"])
    assert (await refused(world.catalog.add_task(WS, task)))["field"] == "context.0"


async def test_a_condition_is_asked_of_what_is_stored(world: Any, body: Any) -> None:
    crew = await world.catalog.create(WS, CrewDraft(**body))
    with pytest.raises(PreconditionFailed):
        await world.catalog.update(WS, crew.id, CrewChanges(name="n"), lambda one: one.version > 9)
    with pytest.raises(PreconditionFailed):
        await world.catalog.delete(WS, crew.id, lambda _: False)
    assert world.crews.held[crew.id] == crew


async def test_another_workspace_sees_nothing(world: Any, body: Any) -> None:
    crew = await world.catalog.create(WS, CrewDraft(**body))
    other, agent, task = "ws_2", crew.agents[0].id, crew.tasks[0].id
    for call in (
        world.catalog.find(other, crew.id),
        world.catalog.find_by_agent(other, agent),
        world.catalog.find_by_task(other, task),
        world.catalog.update(other, crew.id, CrewChanges(name="n")),
        world.catalog.delete(other, crew.id),
        world.catalog.delete_agent(other, agent),
        world.catalog.delete_task(other, task),
        world.catalog.snapshot(other, crew.id),
    ):
        with pytest.raises(NotFound):
            await call


async def test_a_crew_takes_all_that_is_its_own_with_it(world: Any, body: Any) -> None:
    crew = await world.catalog.create(WS, CrewDraft(**body))
    assert set(world.activities.held) == set(world.memories.held) == {crew.id}
    await world.catalog.delete(WS, crew.id)
    assert (world.crews.held, world.activities.held, world.memories.held) == ({}, {}, {})


async def test_the_snapshot_has_the_tools_that_are_named(world: Any, body: Any) -> None:
    body["agents"][0]["tools"] = ["web_search"]
    crew = await world.catalog.create(WS, CrewDraft(**body))
    snapshot = await world.catalog.snapshot(WS, crew.id)
    assert [(tool.name, tool.tool_id) for tool in snapshot.tools] == [("web_search", None)]
    assert (snapshot.status, snapshot.process) == ("active", "hierarchical")
    assert snapshot.tasks[1].context[0] == snapshot.tasks[0].id


async def test_the_demo_is_made_once_and_restored(world: Any) -> None:
    demo = DemoCrew(world.catalog, world.crews)
    await demo.ensure(WS)
    whole = world.crews.held[CREW_ID]
    assert {"web_search", "calculator"} <= set(whole.agents[0].tools)
    await demo.ensure(WS)
    assert world.crews.held[CREW_ID] == whole
    await world.catalog.update(WS, CREW_ID, CrewChanges(name="Mine"))
    await world.catalog.delete_task(WS, "task_011")
    await world.catalog.delete_agent(WS, "agent_011")
    await demo.ensure(WS)
    restored = world.crews.held[CREW_ID]
    assert (restored.name, restored.status) == ("Mine", "active")
    assert (restored.agents, restored.tasks) == (whole.agents, whole.tasks)
    with pytest.raises(Conflict):
        await demo.ensure("ws_2")


async def test_context_may_name_earlier_tasks(world: Any, body: Any) -> None:
    body["tasks"][0]["name"] = "research"
    body["tasks"][1]["context"] = ["research", "Previous analysis from Q3"]
    crew = await world.catalog.create(WS, CrewDraft(**body))
    first = crew.tasks[0].id
    assert crew.tasks[1].context == (first, "Previous analysis from Q3")
    third = TaskRequest(crew_id=crew.id, description="d", expected_output="e", context=["research"])
    await world.catalog.add_task(WS, third)
    assert world.crews.held[crew.id].tasks[2].context == (first,)
    misspelt = third.model_copy(update={"context": ["reserch"]})
    told = await refused(world.catalog.add_task(WS, misspelt))
    assert told["field"] == "context.0"
    assert "did you mean research" in told["reason"]
    own = TaskChanges(name="own", context=["own"])
    assert (await refused(world.catalog.update_task(WS, first, own)))["field"] == "context.0"


async def test_what_was_read_of_a_crew_makes_another(world: Any, body: Any) -> None:
    body["tasks"][0]["name"] = "research"
    crew = await world.catalog.create(WS, CrewDraft(**body))
    shown = crew_view(crew, {}, await world.catalog.missing(crew)).model_dump(mode="json")
    other = await world.catalog.create(WS, CrewDraft(**shown))
    assert other.id != crew.id
    assert [task.agent_id for task in other.tasks] == [agent.id for agent in other.agents]
    assert other.tasks[1].context == (other.tasks[0].id, "Keep it short")
    old = {one.id for one in (*crew.agents, *crew.tasks)}
    assert old.isdisjoint({one.id for one in (*other.agents, *other.tasks)})
    after = await world.catalog.update(WS, crew.id, CrewChanges(**shown))
    unmoved = {"version", "updated_at"}
    assert after.model_dump(exclude=unmoved) == crew.model_dump(exclude=unmoved)
    agent, task = shown["agents"][0], shown["tasks"][1]
    await world.catalog.update_agent(WS, agent["id"], AgentChanges(**agent))
    await world.catalog.update_task(WS, task["id"], TaskChanges(**task))
    assert world.crews.held[crew.id].model_dump(exclude=unmoved) == crew.model_dump(exclude=unmoved)
    assert (await world.catalog.add_task(WS, TaskRequest(**task))).id != task["id"]
    renamed = {**agent, "name": "Another"}
    assert (await world.catalog.add_agent(WS, AgentRequest(**renamed))).id != agent["id"]
    twice = {**shown, "agents": [shown["agents"][0]] * 2, "tasks": []}
    assert (await refused(world.catalog.create(WS, CrewDraft(**twice))))["field"] == "agents.1.id"


async def test_two_agents_of_one_name_have_no_manager(world: Any, body: Any) -> None:
    body["agents"][1]["name"] = "content writer"
    del body["tasks"]
    told = await refused(world.catalog.create(WS, CrewDraft(**body)))
    assert told["field"] == "agents.1.name"
    assert "agents.0" in told["reason"]
    crew = await world.catalog.create(WS, CrewDraft(**{**body, "process": "sequential"}))
    managed = CrewChanges(process="hierarchical")
    assert (await refused(world.catalog.update(WS, crew.id, managed)))["field"] == "agents.1.name"


@pytest.mark.parametrize(
    ("tool", "meant"),
    [("serper_dev", "web_search"), ("calculater", "calculator"), ("crm_apy", "crm_api")],
)
async def test_an_unknown_tool_is_told_what_there_is(
    world: Any, body: Any, tool: str, meant: str
) -> None:
    draft = ToolDraft(
        name="crm_api", description="d", endpoint="https://a.example", auth_type="bearer"
    )
    await ToolCatalog(world.tools, world.crews).register(WS, draft)
    body["agents"][0]["tools"] = [tool]
    told = await refused(world.catalog.create(WS, CrewDraft(**body)))
    assert told["field"] == "agents.0.tools.0"
    assert f"did you mean {meant}?" in told["reason"]
    assert "file_reader" in told["reason"]
    assert "crm_api" in told["reason"]


async def test_a_crew_says_what_it_lacks(world: Any, body: Any) -> None:
    tool_catalog = ToolCatalog(world.tools, world.crews)
    draft = ToolDraft(
        name="crm_api", description="d", endpoint="https://a.example", auth_type="bearer"
    )
    tool = await tool_catalog.register(WS, draft)
    body.update(process="sequential", tasks=[])
    body["agents"][0]["tools"] = ["crm_api"]
    crew = await world.catalog.create(WS, CrewDraft(**body))
    told = [one.field for one in await world.catalog.missing(crew)]
    assert told == ["tasks", "tools.crm_api.credentials"]
    crew = await world.catalog.update(WS, crew.id, CrewChanges(tasks=[{"description": "d"}]))
    del world.tools.held[tool.id]
    told = [one.field for one in await world.catalog.missing(crew)]
    assert told == ["tasks.0.agent_id", "agents.0.tools.0"]


@pytest.mark.parametrize(
    ("model", "meant"),
    [
        ("gtp-4o", "gpt-4o"),
        ("gpt4o", "gpt-4o"),
        ("calude-3-opus", "claude-3-opus"),
        ("anthropc:claude-3-opus", "anthropic:claude-3-opus"),
        ("gemni-2.5-pro", "gemini-2.5-pro"),
    ],
)
def test_an_unknown_model_is_told_what_was_meant(model: str, meant: str) -> None:
    for make in (
        lambda: AgentRequest(crew_id="c", role="r", goal="g", model=model),
        lambda: AgentChanges(model=model),
        lambda: CrewChanges(configuration={"manager_model": model}),
    ):
        with pytest.raises(ValidationError, match=f"did you mean {meant}"):
            make()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("openai/gpt-4o", "openai:gpt-4o"),
        ("anthropic/claude-3-opus", "anthropic:claude-3-opus"),
        ("gemini/gemini-2.5-pro", "google:gemini-2.5-pro"),
        *((one, one) for one in ("gpt-4", "claude-3-opus", "ollama/llama3.2", "openai:any", "o3")),
    ],
)
def test_models_that_can_be_had(given: str, kept: str) -> None:
    assert AgentChanges(model=given).model == kept
