"""A workspace's own keys and endpoints of models.

Covers: common.contracts.model_settings, common.security.outgoing, crews.domain.endpoint_names, crews.domain.own_model_catalog,
    crews.domain.own_models, crews.messaging.publishers, crews.routes.models
"""

import asyncio
from typing import Any

import pytest

from common.bus import decode
from common.contracts.crew import CrewSnapshot, needs_newer_code
from common.contracts.messages import ModelsChanged
from common.contracts.model_access import OwnModels
from common.contracts.topology import CONTROL

pytestmark = pytest.mark.parametrize("store_kind", ["sqlite"], indirect=True)

AGENT = {"role": "Writer", "goal": "Write", "model": "corp/llama-3"}
TASK = {"description": "Write", "expected_output": "A text", "agent": 0}
CREW = {"name": "C", "agents": [AGENT], "tasks": [TASK]}
HOST = "https://93.184.216.34"


async def _put(service: Any, path: str, expect: int = 200, **body: Any) -> Any:
    return await service.call("PUT", f"/models/{path}", body, expect=expect)


async def _opened(service: Any) -> Any:
    return await service.as_(kind="service").call("GET", "/internal/models", expect=200)


async def test_a_key_is_set_shown_to_nobody_kept_replaced_and_deleted(service: Any) -> None:
    path = "providers/openai"
    headers = {"X-Api-Token": "hidden", "X-Team": "research"}
    made = await _put(service, path, api_key="sk-first", headers=headers)
    assert made == {"provider": "openai", "api_key": "replaced", "warnings": []}
    shown = await service.call("GET", f"/models/{path}", expect=200)
    assert shown["has_api_key"] is True
    assert shown["headers"] == {"X-Api-Token": "********", "X-Team": "research"}
    assert "sk-first" not in str(shown)
    again = await service.call("PUT", f"/models/{path}", shown, expect=200)
    assert again["api_key"] == "kept"
    held = (await _opened(service))["providers"]["openai"]
    assert (held["api_key"], held["headers"]) == ("sk-first", headers)
    assert (await _put(service, path, api_key="sk-second"))["api_key"] == "replaced"
    assert (await _opened(service))["providers"]["openai"]["api_key"] == "sk-second"
    gone = await _put(service, path, api_key=None, base_url=f"{HOST}/v1")
    assert (gone["api_key"], gone["warnings"]) == ("dropped", [])
    await service.call("DELETE", f"/models/{path}", expect=204)
    await service.call("DELETE", f"/models/{path}", expect=404)
    await service.call("GET", f"/models/{path}", expect=404)


async def test_a_key_does_not_follow_an_endpoint_to_another_host(service: Any) -> None:
    await _put(service, "endpoints/corp", base_url=f"{HOST}/v1", api_key="sk-corp")
    same = await _put(service, "endpoints/corp", base_url=f"{HOST}/v2/")
    assert same["api_key"] == "kept"
    moved = await _put(service, "endpoints/corp", base_url="https://93.184.216.35/v1")
    assert moved["api_key"] == "dropped"
    assert len(moved["warnings"]) == 1
    held = (await _opened(service))["endpoints"]["corp"]
    assert (held["api_key"], held["base_url"]) == (None, "https://93.184.216.35/v1")


async def test_only_admins_and_only_their_own_workspace(service: Any) -> None:
    await _put(service, "endpoints/corp", base_url=f"{HOST}/v1")
    for role in ("viewer", "editor"):
        lower = service.as_(role=role)
        for method in ("GET", "DELETE"):
            await lower.call(method, "/models/endpoints/corp", expect=403)
        await lower.call("PUT", "/models/providers/openai", {"api_key": "k"}, expect=403)
    other = service.as_(workspace_id="ws_other")
    await other.call("GET", "/models/endpoints/corp", expect=404)
    await other.call("DELETE", "/models/endpoints/corp", expect=404)
    assert (await _opened(other))["endpoints"] == {}


@pytest.mark.parametrize(
    ("path", "body", "field", "told"),
    [
        ("providers/openai", {}, "api_key", "base_url"),
        ("providers/banana", {"api_key": "k"}, "provider", "openai"),
        ("providers/cohere", {"api_key": "k"}, "provider", "endpoint"),
        ("providers/deepseek", {"api_key": "k", "base_url": HOST}, "base_url", "one address"),
        ("providers/ollama", {"api_key": "k"}, "base_url", "own server"),
        ("providers/openai", {"api_key": "a b"}, "api_key", "visible"),
        ("providers/openai", {"api_key": "k", "headers": {"Host": "x"}}, "headers", "platform"),
        ("providers/openai", {"base_url": "http://127.0.0.1:1"}, "base_url", "KASAL_TOOL_ALLOWED"),
        ("endpoints/corp", {}, "base_url", "required"),
        ("endpoints/corp", {"base_url": "ftp://example.com"}, "base_url", "http"),
        ("endpoints/corp", {"base_url": f"{HOST}?key=k"}, "base_url", "query"),
        ("endpoints/corp", {"base_url": "http://localhost/v1"}, "base_url", "KASAL_TOOL_ALLOWED"),
        ("endpoints/corp", {"base_url": HOST, "price": {"input": 1}}, "price.output", "required"),
        ("endpoints/openai", {"base_url": HOST}, "name", "PUT /models/providers/openai"),
        ("endpoints/gpt-oss", {"base_url": HOST}, "name", "openai"),
        ("endpoints/Corp", {"base_url": HOST}, "name", "small letters"),
    ],
)  # fmt: skip
async def test_what_cannot_be_set_is_told_by_its_field(
    service: Any, path: str, body: dict[str, Any], field: str, told: str
) -> None:
    answer = await _put(service, path, 400, **body)
    details = answer["error"]["details"]
    assert details["field"].startswith(field)
    assert told in details["reason"]


async def test_a_crew_may_name_models_of_an_endpoint_that_is_there(service: Any) -> None:
    refused = await service.call("POST", "/crews", CREW, expect=400)
    details = refused["error"]["details"]
    assert details["field"] == "agents.0.model"
    assert "PUT /models/endpoints/corp" in details["reason"]
    await _put(service, "endpoints/corp", base_url=f"{HOST}/v1")
    crew_id = (await service.call("POST", "/crews", CREW, expect=201))["id"]
    snapshot = await _snapshot(service, crew_id)
    assert snapshot.own_models == OwnModels(endpoints=["corp"])
    assert "93.184" not in snapshot.model_dump_json()
    await service.call("DELETE", "/models/endpoints/corp", expect=204)
    assert (await _snapshot(service, crew_id)).own_models == OwnModels()
    shown = await service.call("GET", f"/crews/{crew_id}", expect=200)
    assert [one["field"] for one in shown["missing"]] == ["agents.0.model"]
    changed = {"name": "What does not touch its model"}
    await service.call("PUT", f"/crews/{crew_id}", changed, expect=200)


async def _snapshot(service: Any, crew_id: str) -> CrewSnapshot:
    path = f"/internal/crews/{crew_id}/snapshot"
    answer = await service.as_(kind="service").call("GET", path, expect=200)
    return CrewSnapshot.model_validate(answer)


async def test_a_budget_needs_the_price_of_an_endpoint_or_of_ones_own_address(service: Any) -> None:
    limited = {**CREW, "configuration": {"budget": {"max_cost_usd": 1}}}
    await _put(service, "endpoints/corp", base_url=f"{HOST}/v1")
    refused = await service.call("POST", "/crews", limited, expect=400)
    assert "PUT /models/endpoints/corp" in refused["error"]["details"]["reason"]
    price = {"input": 0.5, "output": 1.5}
    await _put(service, "endpoints/corp", base_url=f"{HOST}/v1", price=price)
    await service.call("POST", "/crews", limited, expect=201)
    mine = {**limited, "agents": [{**AGENT, "model": "gpt-4o"}]}
    await service.call("POST", "/crews", mine, expect=201)
    await _put(service, "providers/openai", base_url=f"{HOST}/v1")
    await service.call("POST", "/crews", mine, expect=400)
    named = {**CREW, "agents": [{**AGENT, "model": "gpt-4oo"}]}
    await service.call("POST", "/crews", named, expect=201)


async def test_workers_are_told_of_each_change(service: Any) -> None:
    told: asyncio.Queue[Any] = asyncio.Queue()

    async def note(message: Any) -> None:
        await told.put(decode(message, ModelsChanged).workspace_id)

    subscription = await service.bus.subscribe(CONTROL, note)
    await _put(service, "providers/openai", api_key="sk-ours")
    assert await told.get() == service.workspace_id
    await service.call("DELETE", "/models/providers/openai", expect=204)
    assert await told.get() == service.workspace_id
    await subscription.cancel()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"temperature": 2.1}, "agents.0.model_settings.temperature"),
        ({"top_p": 0}, "agents.0.model_settings.top_p"),
        ({"stop": []}, "agents.0.model_settings.stop"),
        ({"reasoning_effort": "huge"}, "agents.0.model_settings.reasoning_effort"),
        ({"warmth": 1}, "agents.0.model_settings.warmth"),
    ],
)
async def test_settings_are_checked_when_a_crew_is_saved(
    service: Any, given: dict[str, Any], field: str
) -> None:
    agent = {**AGENT, "model": "gpt-4o", "model_settings": given}
    refused = await service.call("POST", "/crews", {**CREW, "agents": [agent]}, expect=400)
    assert refused["error"]["details"]["field"] == field


async def test_settings_and_fallbacks_are_kept_changed_and_in_the_snapshot(service: Any) -> None:
    agent = {
        **AGENT,
        "model": "gpt-4o",
        "model_settings": {"temperature": 0.2, "stop": "END"},
        "fallback_models": ["anthropic/claude-3-opus"],
    }
    crew_id = (await service.call("POST", "/crews", {**CREW, "agents": [agent]}, expect=201))["id"]
    (stored,) = (await _snapshot(service, crew_id)).agents
    assert stored.model_settings == {"temperature": 0.2, "stop": ["END"]}
    assert stored.fallback_models == ["anthropic:claude-3-opus"]
    path = f"/agents/{stored.id}"
    hot = {"model_settings": {"temperature": 1.5}}
    refused = await service.call("PUT", path, hot, expect=400)
    assert "at most 1" in refused["error"]["details"]["reason"]
    await service.call("PUT", path, {**hot, "fallback_models": []}, expect=200)
    (stored,) = (await _snapshot(service, crew_id)).agents
    assert (stored.model_settings, stored.fallback_models) == ({"temperature": 1.5}, [])
    await service.call("PUT", path, {"model_settings": None}, expect=200)
    unknown = {"fallback_models": ["corp/llama-3"]}
    refused = await service.call("PUT", path, unknown, expect=400)
    assert refused["error"]["details"]["field"] == "fallback_models.0"


async def test_a_managers_settings_and_fallbacks_are_kept_changed_and_checked(service: Any) -> None:
    agent = {**AGENT, "model": "gpt-4o"}
    manager = {
        "manager_model": "gpt-4o",
        "manager_model_settings": {"temperature": 0.2, "stop": "END"},
        "manager_fallback_models": ["anthropic/claude-3-opus"],
    }
    body = {**CREW, "process": "hierarchical", "agents": [agent], "configuration": manager}
    crew_id = (await service.call("POST", "/crews", body, expect=201))["id"]
    snapshot = await _snapshot(service, crew_id)
    stored = snapshot.configuration
    assert stored.manager_model_settings == {"temperature": 0.2, "stop": ["END"]}
    assert stored.manager_fallback_models == ["anthropic:claude-3-opus"]
    assert needs_newer_code(snapshot.agents, snapshot.tasks, configuration=stored)

    async def refused(**changes: object) -> str:
        told = await service.call(
            "PUT", f"/crews/{crew_id}", {"configuration": changes}, expect=400
        )
        return str(told["error"]["details"]["field"])

    hot = {"temperature": 1.5}
    at = "configuration.manager_model_settings.temperature"
    assert await refused(manager_model_settings=hot) == at
    assert (
        await refused(manager_fallback_models=["corp/llama-3"])
        == "configuration.manager_fallback_models.0"
    )
    changes = {"manager_model_settings": hot, "manager_fallback_models": []}
    await service.call("PUT", f"/crews/{crew_id}", {"configuration": changes}, expect=200)
    stored = (await _snapshot(service, crew_id)).configuration
    assert (stored.manager_model_settings, stored.manager_fallback_models) == (hot, [])


async def test_a_setting_beside_the_agents_fields_is_told_where_it_belongs(service: Any) -> None:
    agent = {**AGENT, "model": "gpt-4o", "temperature": 0.2}
    refused = await service.call("POST", "/crews", {**CREW, "agents": [agent]}, expect=400)
    assert "model_settings.temperature" in refused["error"]["details"]["reason"]
