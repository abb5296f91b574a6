"""What makes a crew sound.

Covers: crews.domain.context, crews.domain.faults, crews.domain.tool_names
"""

from typing import Any

import pytest
from crews_testkit.faults import refused

from common.errors import InvalidRequest
from crews.domain.crew_rules import MOST_AGENTS, MOST_BYTES
from crews.domain.drafts import (
    AgentRequest,
    CrewChanges,
    CrewDraft,
    TaskChanges,
    TaskRequest,
)
from crews.domain.tool_catalog import ToolCatalog
from crews.domain.tools import ToolDraft

WS = "ws_1"


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
    assert crew.tasks[1].context == [crew.tasks[0].id, "Keep it short"]
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
    body.update(process="sequential")
    body["tasks"][0]["agent"] = 1
    crew = await world.catalog.create(WS, CrewDraft(**body))
    assert crew.tasks[0].agent_id == crew.agents[1].id


async def test_a_context_that_names_a_later_task_says_that_it_is_later(
    world: Any, body: Any
) -> None:
    body["tasks"][0]["context"] = ["edit_it"]
    body["tasks"][1]["name"] = "edit_it"
    told = await refused(world.catalog.create(WS, CrewDraft(**body)))
    assert told["field"] == "tasks.0.context.0"
    assert "not earlier in the list" in told["reason"]


async def test_a_misspelt_agent_gets_a_suggestion_and_the_names_that_there_are(
    world: Any, body: Any
) -> None:
    body["tasks"][0]["agent"] = "Content Writter"
    told = await refused(world.catalog.create(WS, CrewDraft(**body)))
    assert "no agent 'Content Writter'; did you mean Content Writer?" in told["reason"]
    names = ", ".join(agent["role"] for agent in body["agents"])
    assert told["reason"].endswith(f"Its agents are {names}")


async def test_a_task_of_nobody_leaves_the_crew_configuring(world: Any, body: Any) -> None:
    del body["tasks"][0]["agent"]
    body["process"] = "sequential"
    crew = await world.catalog.create(WS, CrewDraft(**body))
    assert crew.status == "configuring"
    changes = TaskChanges(agent_id=crew.agents[0].id)
    await world.tasks.update(WS, crew.tasks[0].id, changes)
    assert world.crews.held[crew.id].status == "active"


async def test_a_crews_only_agent_gets_a_task_that_is_added_without_one(
    world: Any, body: Any
) -> None:
    body.update(process="sequential", agents=body["agents"][:1], tasks=[{"description": "d"}])
    crew = await world.catalog.create(WS, CrewDraft(**body))
    alone = TaskRequest(crew_id=crew.id, description="d", expected_output="e")
    await world.tasks.add(WS, alone)
    after = world.crews.held[crew.id]
    assert after.status == "active"
    assert [task.agent_id for task in after.tasks] == [crew.agents[0].id] * 2


async def test_a_task_that_is_added_to_several_agents_names_one(world: Any, body: Any) -> None:
    body["process"] = "sequential"
    crew = await world.catalog.create(WS, CrewDraft(**body))
    alone = TaskRequest(crew_id=crew.id, description="d", expected_output="e")
    with pytest.raises(InvalidRequest) as fault:
        await world.tasks.add(WS, alone)
    assert fault.value.details["field"] == "agent_id"
    for agent in crew.agents:
        assert f"{agent.id} ({agent.name})" in fault.value.details["reason"]
    assert world.crews.held[crew.id].status == "active"


async def test_a_manager_finds_somebody_for_a_task_of_nobody(world: Any, body: Any) -> None:
    del body["tasks"][0]["agent"]
    crew = await world.catalog.create(WS, CrewDraft(**body))
    assert crew.status == "active"
    assert (await world.snapshots.snapshot(WS, crew.id)).tasks[0].agent_id is None
    alone = TaskRequest(crew_id=crew.id, name="last", description="d", expected_output="e")
    assert (await world.tasks.add(WS, alone)).agent_id is None
    await world.tasks.update(WS, crew.tasks[1].id, TaskChanges(agent_id=None))
    assert [task.agent_id for task in world.crews.held[crew.id].tasks] == [None] * 3
    after = await world.catalog.update(WS, crew.id, CrewChanges(process="sequential"))
    assert after.status == "configuring"
    nowhere = TaskRequest(description="d", expected_output="e")
    with pytest.raises(InvalidRequest, match="Invalid task"):
        await world.tasks.add(WS, nowhere)


async def test_a_task_may_not_name_later_ones(world: Any, body: Any) -> None:
    crew = await world.catalog.create(WS, CrewDraft(**body))
    first, second = crew.tasks
    changes = TaskChanges(context=[second.id])
    told = await refused(world.tasks.update(WS, first.id, changes))
    assert told["field"] == "context.0"
    turned = [
        {"id": task.id, "description": "d", "agent": 0, "context": list(task.context)}
        for task in (second, first)
    ]
    told = await refused(world.catalog.update(WS, crew.id, CrewChanges(tasks=turned)))
    assert told["field"] == "tasks.0.context.0"


async def test_sizes_are_bounded(world: Any, body: Any) -> None:
    crew = await world.catalog.create(WS, CrewDraft(**body))
    new = AgentRequest(crew_id=crew.id, role="r", goal="g", model="offline")
    for number in range(MOST_AGENTS - 2):
        named = new.model_copy(update={"name": f"agent {number}"})
        await world.agents.add(WS, named)
    assert (await refused(world.agents.add(WS, new)))["field"] == "agents"
    large = TaskRequest(
        agent_id=crew.agents[0].id,
        description="d",
        expected_output="e",
        context=["x" * 20_000] * (MOST_BYTES // 20_000 - 1),
    )
    await world.tasks.add(WS, large)
    assert (await refused(world.tasks.add(WS, large)))["field"] == "body"


async def test_context_may_name_earlier_tasks(world: Any, body: Any) -> None:
    body["tasks"][0]["name"] = "research"
    body["tasks"][1]["context"] = ["research", "Previous analysis from Q3"]
    crew = await world.catalog.create(WS, CrewDraft(**body))
    first = crew.tasks[0].id
    assert crew.tasks[1].context == [first, "Previous analysis from Q3"]
    third = TaskRequest(crew_id=crew.id, description="d", expected_output="e", context=["research"])
    await world.tasks.add(WS, third)
    assert world.crews.held[crew.id].tasks[2].context == [
        first,
    ]
    misspelt = third.model_copy(update={"context": ["reserch"]})
    told = await refused(world.tasks.add(WS, misspelt))
    assert told["field"] == "context.0"
    assert "did you mean research" in told["reason"]
    own = TaskChanges(name="own", context=["own"])
    assert (await refused(world.tasks.update(WS, first, own)))["field"] == "context.0"


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
    await ToolCatalog(world.tools, world.crews, world.servers, world.offered).register(WS, draft)
    body["agents"][0]["tools"] = [tool]
    told = await refused(world.catalog.create(WS, CrewDraft(**body)))
    assert told["field"] == "agents.0.tools.0"
    assert f"did you mean {meant}?" in told["reason"]
    assert "file_reader" in told["reason"]
    assert "crm_api" in told["reason"]


async def test_a_crew_says_what_it_lacks(world: Any, body: Any) -> None:
    tool_catalog = ToolCatalog(world.tools, world.crews, world.servers, world.offered)
    draft = ToolDraft(
        name="crm_api", description="d", endpoint="https://a.example", auth_type="bearer"
    )
    tool = await tool_catalog.register(WS, draft)
    body.update(process="sequential", tasks=[])
    body["agents"][0]["tools"] = ["crm_api"]
    crew = await world.catalog.create(WS, CrewDraft(**body))
    told = [one.field for one in await world.snapshots.missing(crew)]
    assert told == ["tasks", "tools.crm_api.credentials"]
    crew = await world.catalog.update(WS, crew.id, CrewChanges(tasks=[{"description": "d"}]))
    del world.tools.held[tool.id]
    missing = await world.snapshots.missing(crew)
    assert [one.field for one in missing] == ["tasks.0.agent_id", "agents.0.tools.0"]
    assert f"PUT /tasks/{crew.tasks[0].id}" in missing[0].reason
    assert f"{crew.agents[1].id} ({crew.agents[1].name})" in missing[0].reason
