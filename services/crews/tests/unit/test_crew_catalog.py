"""What makes a crew sound, and what its use cases promise.

Covers: crews.domain.crew_editor, crews.domain.snapshots
"""

from typing import Any

import pytest
from crews_testkit.faults import refused

from common.errors import Conflict, NotFound, PreconditionFailed
from crews.domain.drafts import (
    AgentChanges,
    AgentRequest,
    CrewChanges,
    CrewDraft,
    TaskChanges,
    TaskRequest,
)
from crews.routes.bodies import crew_view

WS = "ws_1"


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


async def test_what_is_in_use_stays(world: Any, body: Any) -> None:
    crew = await world.catalog.create(WS, CrewDraft(**body))
    with pytest.raises(Conflict):
        await world.agents.delete(WS, crew.agents[0].id)
    with pytest.raises(Conflict):
        await world.tasks.delete(WS, crew.tasks[0].id)
    await world.tasks.delete(WS, crew.tasks[1].id)
    await world.agents.delete(WS, crew.agents[1].id)
    await world.tasks.delete(WS, crew.tasks[0].id)
    with pytest.raises(Conflict):
        await world.agents.delete(WS, crew.agents[0].id)


async def test_single_entries_have_their_own_paths(world: Any, body: Any) -> None:
    crew = await world.catalog.create(WS, CrewDraft(**body))
    agent = crew.agents[1]
    told = await refused(world.agents.update(WS, agent.id, AgentChanges(tools=["no"])))
    assert told["field"] == "tools.0"
    task = TaskRequest(agent_id=agent.id, description="d", expected_output="e", context=["task_no"])
    assert (await refused(world.tasks.add(WS, task)))["field"] == "context.0"


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
        world.agents.crew_of(other, agent),
        world.tasks.crew_of(other, task),
        world.catalog.update(other, crew.id, CrewChanges(name="n")),
        world.catalog.delete(other, crew.id),
        world.agents.delete(other, agent),
        world.tasks.delete(other, task),
        world.snapshots.snapshot(other, crew.id),
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
    snapshot = await world.snapshots.snapshot(WS, crew.id)
    assert [(tool.name, tool.tool_id) for tool in snapshot.tools] == [("web_search", None)]
    assert (snapshot.status, snapshot.process) == ("active", "hierarchical")
    assert snapshot.tasks[1].context[0] == snapshot.tasks[0].id


async def test_what_was_read_of_a_crew_makes_another(world: Any, body: Any) -> None:
    body["tasks"][0]["name"] = "research"
    crew = await world.catalog.create(WS, CrewDraft(**body))
    shown = crew_view(crew, {}, await world.snapshots.missing(crew)).model_dump(mode="json")
    other = await world.catalog.create(WS, CrewDraft(**shown))
    assert other.id != crew.id
    assert [task.agent_id for task in other.tasks] == [agent.id for agent in other.agents]
    assert other.tasks[1].context == [other.tasks[0].id, "Keep it short"]
    old = {one.id for one in (*crew.agents, *crew.tasks)}
    assert old.isdisjoint({one.id for one in (*other.agents, *other.tasks)})
    after = await world.catalog.update(WS, crew.id, CrewChanges(**shown))
    unmoved = {"version", "updated_at"}
    assert after.model_dump(exclude=unmoved) == crew.model_dump(exclude=unmoved)
    agent, task = shown["agents"][0], shown["tasks"][1]
    await world.agents.update(WS, agent["id"], AgentChanges(**agent))
    await world.tasks.update(WS, task["id"], TaskChanges(**task))
    assert world.crews.held[crew.id].model_dump(exclude=unmoved) == crew.model_dump(exclude=unmoved)
    assert (await world.tasks.add(WS, TaskRequest(**task))).id != task["id"]
    renamed = {**agent, "name": "Another"}
    assert (await world.agents.add(WS, AgentRequest(**renamed))).id != agent["id"]
    twice = {**shown, "agents": [shown["agents"][0]] * 2, "tasks": []}
    assert (await refused(world.catalog.create(WS, CrewDraft(**twice))))["field"] == "agents.1.id"
