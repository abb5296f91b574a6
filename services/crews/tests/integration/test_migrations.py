"""What the steps of crews' schema do to what is there."""

from typing import Any

from crews.store.migrations import SCHEMA

_STEP = {step.title: step for step in SCHEMA.steps}


async def test_managed_crews_without_agents_become_active_and_are_counted(
    service: Any, store_database: Any
) -> None:
    crew_id, _, _ = await service.crew(tasks=0)
    task = {"crew_id": crew_id, "description": "Do it", "expected_output": "It"}
    await service.call("POST", "/tasks", task, expect=201)
    held = store_database("crews")
    # As a release left it, to which a task without an agent was no task yet.
    await held["crews"].update_one({"_id": crew_id}, {"$set": {"status": "configuring"}})
    await _STEP["hierarchical crews whose tasks need no agent"].change(held)
    await _STEP["hierarchical crews whose tasks need no agent"].change(held)
    listed = await service.call("GET", "/crews?status=active", expect=200)
    assert [crew["id"] for crew in listed["crews"]] == [crew_id]
    assert (listed["total"], listed["crews"][0]["status"]) == (1, "active")
