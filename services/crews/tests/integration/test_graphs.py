"""Graphs and guardrails of crews over a real store and real HTTP."""

from typing import Any

import pytest

AGENT = {"role": "Analyst", "goal": "Know", "model": "offline"}
RULES = [
    {"kind": "regex", "pattern": "^# ", "forbid": False, "message": ""},
    {"kind": "length", "min": None, "max": 300, "unit": "words", "message": "Be brief."},
    {"kind": "contains", "all": ["a"], "any": [], "none": [], "ignore_case": True, "message": ""},
    {"kind": "json_schema", "schema": {"$defs": {"a.b": {"$ref": "#"}}}, "message": ""},
    {"kind": "no_personal_data", "kinds": ["email"], "allow": ["a@example.com"], "message": ""},
    {"kind": "max_tokens", "max": 10, "message": ""},
    "It is polite",
]


def crew(*tasks: Any, **more: Any) -> Any:
    described = [{"description": "Work", **task} for task in tasks]
    return {"name": "Crew", "agents": [AGENT], "tasks": described, **more}


async def formats(database: Any, collection: str) -> list[int]:
    held = database("crews")[collection]
    return [document["format"] async for document in held.find({})]


async def test_the_graph_of_a_crew(service: Any) -> None:
    beside = {"async_execution": True}
    tasks = ({"name": "one", **beside}, {"name": "two", **beside}, {"name": "three"})
    made = await service.call("POST", "/crews", crew(*tasks), expect=201)
    graph = await service.call("GET", f"/crews/{made['id']}/graph", expect=200)
    assert [node["name"] for node in graph["nodes"]] == ["one", "two", "three"]
    one, two, three = (node["task_id"] for node in graph["nodes"])
    assert graph["edges"] == [
        {"source": source, "target": three, "kind": "join", "output": True} for source in (one, two)
    ]
    await service.call("GET", "/crews/crew_elsewhere/graph", expect=404)


@pytest.mark.parametrize("guardrail", [None, "It is polite", RULES[0], RULES])
async def test_a_guardrail_is_kept_as_it_came(
    service: Any, store_database: Any, guardrail: Any
) -> None:
    made = await service.call("POST", "/crews", crew({"guardrail": guardrail}), expect=201)
    path = f"/crews/{made['id']}"
    shown = await service.call("GET", path, expect=200)
    assert shown["tasks"][0]["guardrail"] == guardrail
    await service.call("PUT", path, {"tasks": shown["tasks"]}, expect=200)
    task = f"/tasks/{shown['tasks'][0]['id']}"
    assert (await service.call("GET", task, expect=200))["guardrail"] == guardrail
    await service.call("PUT", task, {"guardrail": None}, expect=200)
    assert (await service.call("GET", task, expect=200))["guardrail"] is None


async def test_only_what_older_code_would_pass_over_has_a_newer_format(
    service: Any, store_database: Any
) -> None:
    plain = await service.call("POST", "/crews", crew({"guardrail": "It is polite"}), expect=201)
    assert await formats(store_database, "crews") == [1]
    await service.call("DELETE", f"/crews/{plain['id']}", expect=204)
    for task in ({"condition": "inputs.yes"}, {"for_each": "{list}"}, {"guardrail": RULES}):
        made = await service.call("POST", "/crews", crew(task), expect=201)
        assert await formats(store_database, "crews") == [2]
        await service.call("DELETE", f"/crews/{made['id']}", expect=204)


async def test_a_task_without_an_agent_is_told_of_at_once(service: Any) -> None:
    body = crew({}, agents=[AGENT, {**AGENT, "role": "Editor"}])
    made = await service.call("POST", "/crews", body, expect=201)
    assert made["status"] == "configuring"
    assert [lack["field"] for lack in made["missing"]] == ["tasks.0.agent_id"]
    assert "missing" not in await service.call("POST", "/crews", crew({}), expect=201)
