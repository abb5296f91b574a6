"""The service over a real store and real HTTP: the API document's examples, and bad input.

Covers: crews.domain.agent_catalog, crews.domain.origins, crews.domain.task_catalog, crews.routes.agents,
    crews.routes.crews, crews.routes.internal, crews.routes.tasks
"""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from common.contracts.crew import CrewSnapshot

TOOL = {
    "name": "salesforce_api",
    "description": "Query Salesforce data",
    "endpoint": "https://api.example.com/salesforce",
    "auth_type": "bearer",
}


async def test_the_documents_examples(service: Any, crew_body: Any) -> None:
    made = await service.call("POST", "/crews", crew_body, expect=201)
    assert made == {"id": made["id"], "name": "Marketing Crew", "status": "configuring"}
    listed = await service.call("GET", "/crews", expect=200)
    assert (listed["total"], listed["page"], listed["page_size"]) == (1, 1, 20)
    entry = listed["crews"][0]
    assert (entry["id"], entry["agents_count"]) == (made["id"], 1)
    assert datetime.fromisoformat(entry["created_at"]).tzinfo is UTC
    path = f"/crews/{made['id']}"
    told = await service.call("PUT", path, {"name": "Updated Crew Name"}, expect=200)
    assert told == {"id": made["id"], "updated": True}
    agent = {"crew_id": made["id"], "role": "Data Analyst", "goal": "g", "model": "claude-3-opus"}
    created = await service.call("POST", "/agents", agent, expect=201)
    assert created == {"id": created["id"], "status": "created"}
    task = {"agent_id": created["id"], "description": "Analyze", "expected_output": "Report"}
    task_id = (await service.call("POST", "/tasks", task, expect=201))["id"]
    crew = await service.call("GET", path, expect=200)
    assert (crew["name"], crew["status"]) == ("Updated Crew Name", "active")
    assert [one["name"] for one in crew["agents"]] == ["Content Writer", "Data Analyst"]
    assert (crew["tasks"][0]["id"], crew["tasks"][0]["status"]) == (task_id, "created")
    assert crew["configuration"]["max_iterations"] == 15
    await service.call("DELETE", path, expect=204)
    for gone in (path, f"/agents/{created['id']}", f"/tasks/{task_id}", f"/memory/{made['id']}"):
        await service.call("GET", gone, expect=404)


async def test_lists_are_newest_first_filtered_and_counted(service: Any) -> None:
    crews = [await service.crew(tasks=number % 2, name=f"Crew {number}") for number in range(5)]
    ids = [crew_id for crew_id, _, _ in reversed(crews)]
    second = await service.call("GET", "/crews?page=2&page_size=2", expect=200)
    assert ([one["id"] for one in second["crews"]], second["total"]) == (ids[2:4], 5)
    active = await service.call("GET", "/crews?status=active", expect=200)
    assert ([one["id"] for one in active["crews"]], active["total"]) == ([ids[1], ids[3]], 2)
    named = await service.call("GET", "/crews?name=CREW%204", expect=200)
    assert ([one["id"] for one in named["crews"]], named["total"]) == (ids[:1], 1)
    agents = await service.call("GET", "/agents?page_size=3", expect=200)
    assert ([one["crew_id"] for one in agents["agents"]], agents["total"]) == (ids[:3], 5)
    late = {"agent_id": crews[0][1], "description": "d", "expected_output": "e"}
    late_id = (await service.call("POST", "/tasks", late, expect=201))["id"]
    tasks = await service.call("GET", "/tasks", expect=200)
    assert ([one["crew_id"] for one in tasks["tasks"]], tasks["total"]) == (
        [ids[4], ids[1], ids[3]],
        3,
    )
    for query in (f"crew_id={ids[4]}", f"agent_id={crews[0][1]}"):
        only = await service.call("GET", f"/tasks?{query}", expect=200)
        assert ([one["id"] for one in only["tasks"]], only["total"]) == ([late_id], 1)
    await service.call("DELETE", f"/crews/{ids[1]}", expect=204)
    assert (await service.call("GET", "/tasks", expect=200))["total"] == 2
    assert (await service.call("GET", "/agents", expect=200))["total"] == 4
    beyond = await service.call("GET", "/crews?page=1000000", expect=200)
    assert (beyond["crews"], beyond["total"]) == ([], 4)


async def test_many_at_once_are_all_counted(service: Any, crew_body: Any) -> None:
    made = await asyncio.gather(
        *(service.call("POST", "/crews", crew_body, expect=201) for _ in range(12))
    )
    new = {"crew_id": made[0]["id"], "goal": "g", "model": "offline"}
    await asyncio.gather(
        *(
            service.as_().call("POST", "/agents", {**new, "role": f"r{n}"}, expect=201)
            for n in range(3)
        )
    )
    await asyncio.gather(
        *(service.call("DELETE", f"/crews/{one['id']}", expect=204) for one in made[6:])
    )
    assert (await service.call("GET", "/crews", expect=200))["total"] == 6
    agents = await service.call("GET", "/agents", expect=200)
    assert (len(agents["agents"]), agents["total"]) == (9, 9)


async def test_etags_and_conditions(service: Any) -> None:
    crew_id, agent_id, (task_id,) = await service.crew()
    for path in (f"/crews/{crew_id}", f"/agents/{agent_id}", f"/tasks/{task_id}"):
        await service.call("GET", path, expect=200)
        tag = service.headers["etag"]
        change = {"description": "x"} if "agents" not in path else {"goal": "x"}
        told = await service.call("PUT", path, change, expect=412, If_Match='"other"')
        assert told["error"]["code"] == "PRECONDITION_FAILED"
        await service.call("PUT", path, change, expect=200, If_Match=f'"other", {tag}')
        await service.call("DELETE", path, expect=412, If_Match=tag)


async def test_roles(service: Any, crew_body: Any) -> None:
    viewer, editor = service.as_(role="viewer"), service.as_(role="editor")
    crew_id, _, _ = await editor.crew()
    await viewer.call("GET", f"/crews/{crew_id}", expect=200)
    await viewer.call("POST", "/crews", crew_body, expect=403)
    await viewer.call("POST", f"/memory/{crew_id}/clear", {"type": "all"}, expect=403)
    await editor.call("POST", "/tools/custom", TOOL, expect=403)
    await service.call("GET", f"/internal/crews/{crew_id}/snapshot", expect=403)


@pytest.mark.parametrize(
    "schema",
    [
        b'{"$ref": "#/$defs/a.b", "$id": "http://x/y", "$defs": {"a.b": {"type": "string"}}}',
        b'{"maximum": 123456789012345678901234567890}',
        b'{"": {}, "$x": 1}',
    ],
)
async def test_any_json_schema_is_kept_as_it_came(service: Any, schema: bytes) -> None:
    crew_id, _, (task_id,) = await service.crew()
    body = b'{"output_schema": ' + schema + b"}"
    await service.call("PUT", f"/tasks/{task_id}", body, expect=200)
    told = await service.call("GET", f"/tasks/{task_id}", expect=200)
    assert told["output_schema"] == json.loads(schema)
    peer = service.as_(kind="service")
    raw = await peer.call("GET", f"/internal/crews/{crew_id}/snapshot", expect=200)
    assert CrewSnapshot.model_validate(raw).tasks[0].output_schema == json.loads(schema)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"output_schema": {"type": "no such type"}}', "output_schema.type"),
        (b'{"output_schema": {"items": {"$ref": "#/$defs/a"}}}', "output_schema.items.$ref"),
        (b'{"output_schema": {"$ref": "https://h/s"}}', "output_schema.$ref"),
        (b'{"output_schema": {"$ref": "#"}}', "output_schema"),
        (b'{"output_schema": {"allOf": [{"pattern": "("}]}}', "output_schema.allOf.0.pattern"),
        (
            b'{"output_schema": {"patternProperties": {"[z-a]": {}}}}',
            "output_schema.patternProperties.[z-a]",
        ),
        (b'{"output_schema": {"maximum": NaN}}', "output_schema"),
        (b'{"output_schema": {"description": "\\ud800"}}', "output_schema"),
        (b'{"description": "\\ud800"}', "description"),
        (b'{"description": "  "}', "description"),
        (b'{"timeout": Infinity}', "timeout"),
        (b'{"max_retries": 99999999999999999999}', "max_retries"),
        (b'{"nonsense": 1}', "nonsense"),
        (b'{"context": ["task_nowhere"]}', "context.0"),
        (b'{"tools": ["telepathy"]}', "tools.0"),
        (b"[", "body"),
    ],
)
async def test_bad_tasks_are_named(service: Any, body: bytes, field: str) -> None:
    _, _, (task_id,) = await service.crew()
    told = await service.call("PUT", f"/tasks/{task_id}", body, expect=400)
    assert told["error"]["code"] == "VALIDATION_ERROR"
    assert told["error"]["details"]["field"] == field


@pytest.mark.parametrize(
    "configuration",
    [
        b'{"budget": {"max_cost_usd": Infinity}}',
        b'{"budget": {"max_tokens": 99999999999999999999999}}',
        b'{"budget": {"nonsense": 1}}',
        b'{"timeout": NaN}',
        b'{"memory": {"short_term": "perhaps"}}',
    ],
)
async def test_bad_configurations_are_refused(service: Any, configuration: bytes) -> None:
    crew_id, _, _ = await service.crew(tasks=0)
    body = b'{"configuration": ' + configuration + b"}"
    await service.call("PUT", f"/crews/{crew_id}", body, expect=400)


async def test_custom_tools(service: Any, store_database: Any) -> None:
    made = await service.call("POST", "/tools/custom", TOOL, expect=201)
    assert made == {"tool_id": made["tool_id"], "status": "registered"}
    path = f"/tools/custom/{made['tool_id']}"
    for name in ("salesforce_api", "web_search"):
        await service.call("POST", "/tools/custom", {**TOOL, "name": name}, expect=409)
    tools = (await service.call("GET", "/tools", expect=200))["tools"]
    assert [one["name"] for one in tools][:2] == ["web_search", "web_fetch"]
    assert tools[-1]["name"] == "salesforce_api"
    changes = {"credentials": {"token": "s3cret"}, "headers": {"X.Odd$": "1"}}
    await service.call("PUT", path, changes, expect=200)
    shown = await service.call("GET", path, expect=200)
    assert (shown["has_credentials"], shown["headers"]) == (True, {"X.Odd$": "1"})
    assert "s3cret" not in str(shown)
    assert "s3cret" not in str(await store_database("crews")["tools"].find_one({}))
    peer, secret = service.as_(kind="service"), f"/internal/tools/{made['tool_id']}/credentials"
    told = await peer.call("GET", secret, expect=200)
    assert told["credentials"] == {"token": "s3cret"}
    stranger = peer.as_(workspace_id="ws_stranger")
    await stranger.call("GET", secret, expect=404)
    await stranger.as_(kind="access").call("GET", path, expect=404)
    agents = [{"role": "r", "goal": "g", "model": "offline", "tools": ["salesforce_api"]}]
    crew_id, _, _ = await service.crew(agents=agents)
    raw = await peer.call("GET", f"/internal/crews/{crew_id}/snapshot", expect=200)
    assert [tool["tool_id"] for tool in raw["tools"]] == [made["tool_id"]]
    assert "s3cret" not in str(raw)
    await service.call("DELETE", path, expect=409)
    await service.call("DELETE", f"/crews/{crew_id}", expect=204)
    await service.call("DELETE", path, expect=204)
    await service.call("DELETE", path, expect=404)


@pytest.mark.parametrize(
    ("moved", "fate"),
    [
        ("https://API.example.com.:443/other?x=1", "kept"),
        ("https://api.example.com:444/salesforce", "dropped"),
        ("http://api.example.com/salesforce", "dropped"),
        ("https://api.example.com.evil.example/salesforce", "dropped"),
        ("https://\u0430pi.example.com/salesforce", "dropped"),  # a Cyrillic a
    ],
)
async def test_keys_do_not_follow_a_tool_elsewhere(service: Any, moved: str, fate: str) -> None:
    headers = {"X-Api-Key": "s3cret", "X-Odd": "s3cret too", "Accept": "text/plain"}
    tool = {**TOOL, "credentials": {"token": "t0ken"}, "headers": headers}
    tool_id = (await service.call("POST", "/tools/custom", tool, expect=201))["tool_id"]
    path, peer = f"/tools/custom/{tool_id}", service.as_(kind="service")
    secret = f"/internal/tools/{tool_id}/credentials"
    shown = await service.call("GET", path, expect=200)
    assert shown["headers"] == {**headers, "X-Api-Key": "********"}
    told = await service.call("PUT", path, {"endpoint": moved}, expect=200)
    assert (told["updated"], told["credentials"]) == (True, fate)
    kept = {"token": "t0ken"} if fate == "kept" else {}
    assert (await peer.call("GET", secret, expect=200))["credentials"] == kept
    agents = [{"role": "r", "goal": "g", "model": "offline", "tools": [TOOL["name"]]}]
    crew_id, _, _ = await service.crew(agents=agents)
    sent = (await peer.call("GET", f"/internal/crews/{crew_id}/snapshot", expect=200))["tools"][0]
    assert sent["headers"] == (headers if fate == "kept" else {"Accept": "text/plain"})
    assert bool(told["warnings"]) == (fate == "dropped")
    # A run that began before the move asks for the old address.
    asked = f"{secret}?{urlencode({'endpoint': TOOL['endpoint']})}"
    await peer.call("GET", asked, expect=200 if fate == "kept" else 409)


async def test_a_tool_is_put_as_it_was_shown(service: Any) -> None:
    headers = {"X-Api-Key": "s3cret", "Cookie": "a=b"}
    tool = {**TOOL, "credentials": {"token": "t0ken"}, "headers": headers}
    tool_id = (await service.call("POST", "/tools/custom", tool, expect=201))["tool_id"]
    path = f"/tools/custom/{tool_id}"
    masks = (await service.call("GET", path, expect=200))["headers"]
    assert set(masks.values()) == {"********"}
    told = await service.call("PUT", path, {"headers": masks}, expect=200)
    assert told == {"id": tool_id, "updated": True, "credentials": "kept", "warnings": []}
    elsewhere = {"headers": {**masks, "Cookie": "c=d"}, "endpoint": "https://evil.example/"}
    told = await service.call("PUT", path, elsewhere, expect=200)
    assert told["credentials"] == "dropped"
    assert any("X-Api-Key" in one for one in told["warnings"])
    told = await service.call("PUT", path, {"auth_type": "api_key"}, expect=200)
    assert (told["credentials"], "api_key needs" in told["warnings"][0]) == ("none", True)


@pytest.mark.parametrize(
    "fault",
    [
        {"endpoint": "ftp://example.com"},
        {"endpoint": "https://user:pw@example.com"},
        {"endpoint": "https://[::1"},
        {"endpoint": "https://@example.com"},
        {"endpoint": "https://example.com\\@evil.example"},
        {"endpoint": "https://exam\tple.com"},
        {"endpoint": "https://example.com:99999"},
        {"endpoint": "https://{host}/x"},
        {"credentials": {"username": "u"}},
        {"headers": {"Authorization": "x"}},
        {"headers": {"X": "a\r\nb"}},
        {"parameters": {"type": "array"}},
        {"endpoint": "https://example.com/{id}", "parameters": {"properties": {"identity": {}}}},
        {"auth_type": "none", "credentials": {"token": "t"}},
        {"name": "has space"},
    ],
)
async def test_bad_tools_are_refused(service: Any, fault: Any) -> None:
    await service.call("POST", "/tools/custom", {**TOOL, **fault}, expect=400)


async def test_the_openapi_document_has_the_platforms_tags(service: Any) -> None:
    paths = service.app.openapi()["paths"].values()
    tags = {tag for path in paths for one in path.values() for tag in one.get("tags", ())}
    assert tags == {"Crews", "Agents", "Tasks", "Tools", "Memory", "Models"}


async def test_what_a_newer_version_wrote_is_answered_503_and_left_as_it_is(
    service: Any, store_database: Any
) -> None:
    crew_id, agent_id, _ = await service.crew(tasks=1)
    held = store_database("crews")
    newer = {"$set": {"format": 99, "agents.0.mood": "what only newer code knows"}}
    await held["crews"].update_one({"_id": crew_id}, newer)
    await held["activities"].update_one({"_id": crew_id}, {"$set": {"format": 99}})
    before = [await held[name].find_one({"_id": crew_id}) for name in ("crews", "activities")]
    for method, path, body in (
        ("GET", f"/crews/{crew_id}", None),
        ("PUT", f"/crews/{crew_id}", {"name": "Other"}),
        ("PUT", f"/agents/{agent_id}", {"goal": "Other"}),
        ("DELETE", f"/crews/{crew_id}", None),
        ("GET", "/tasks", None),
    ):
        told = await service.call(method, path, body, expect=503)
        assert "written by a newer version of Kasal" in told["error"]["message"], path
    after = [await held[name].find_one({"_id": crew_id}) for name in ("crews", "activities")]
    assert after == before


async def test_a_workspace_has_so_many_tools_of_its_own_and_no_more(service: Any) -> None:
    for n in range(200):
        await service.call("POST", "/tools/custom", {**TOOL, "name": f"tool_{n}"}, expect=201)
    refused = await service.call("POST", "/tools/custom", {**TOOL, "name": "more"}, expect=409)
    assert refused["error"]["details"]["setting"] == "KASAL_TOOL_LIMIT"


@pytest.mark.parametrize(
    "path",
    [
        "/crews",
        "/crews?status=configuring",
        "/crews?name=crew",
        "/agents",
        "/agents?crew_id={crew_id}",
        "/tasks",
        "/tasks?status=created",
        "/tasks?crew_id={crew_id}",
        "/tasks?agent_id={agent_id}&status=created",
        "/tools",
    ],
)
async def test_lists_are_read_on_by_cursors(service: Any, path: str) -> None:
    crew_id, agent_id, _ = await service.crew(3, process="sequential")
    await service.call(
        "POST",
        "/agents",
        {"role": "Editor", "goal": "Edit", "model": "gpt-4", "crew_id": crew_id},
        expect=201,
    )
    for _ in range(2):
        await service.crew(0)
    path = path.format(crew_id=crew_id, agent_id=agent_id)
    path += "&" if "?" in path else "?"
    kind = path[1:].partition("?")[0]
    if path == "/crews?status=configuring&":
        await service.crew(0)
    whole = await service.call("GET", f"{path}limit=100", expect=200)
    assert whole["next"] is None
    shown: list[Any] = []
    page = {"next": ""}
    while page["next"] is not None:
        after = f"&after={page['next']}" if page["next"] else ""
        page = await service.call("GET", f"{path}limit=1{after}", expect=200)
        shown += page[kind]
    assert shown == whole[kind]
    assert len(shown) > 1
    first = await service.call("GET", f"{path}limit=1", expect=200)
    for caller, query in [
        (service, f"after={first['next']}x"),
        (service, f"after={first['next']}&page=2"),
        (service, "after=%00"),
        (service, "after="),
        (service.as_(workspace_id="ws_other"), f"after={first['next']}"),
    ]:
        refused = await caller.call("GET", path + query, expect=400)
        assert refused["error"]["code"] == "VALIDATION_ERROR"
        assert refused["error"]["details"]["reason"]


async def test_a_cursor_of_other_filters_is_refused(service: Any) -> None:
    for _ in range(2):
        await service.crew(2)
    for path in ("/crews", "/agents", "/tasks", "/tools"):
        after = (await service.call("GET", f"{path}?limit=1", expect=200))["next"]
        for other in ("/crews?status=active", "/agents?crew_id=crew_1", "/tasks?status=created"):
            refused = await service.call("GET", f"{other}&after={after}", expect=400)
            assert refused["error"]["details"]["field"] == "after"


async def test_a_page_too_far_down_names_the_cursor(
    service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.storage.cursors.FARTHEST", 1)
    await service.crew(3)
    refused = await service.call("GET", "/tasks?page=3&page_size=1", expect=400)
    assert refused["error"]["details"]["field"] == "page"
    assert "after" in refused["error"]["message"]
