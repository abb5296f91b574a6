"""What callers are told who send names for ids, masks for keys, or what cannot be seen."""

from typing import Any

import pytest

MASK = "********"


@pytest.mark.parametrize(
    ("method", "path", "told"),
    [
        ("GET", "/crews/Tea%20Crew", '"Tea Crew" is no crew id'),
        ("PUT", "/crews/Tea%20Crew", '"Tea Crew" is no crew id'),
        ("DELETE", "/crews/Tea%20Crew", '"Tea Crew" is no crew id'),
        ("GET", "/agents/Writer", '"Writer" is no agent id'),
        ("GET", "/tasks/crew_1", '"crew_1" is no task id'),
        ("GET", "/tools/custom/search", '"search" is not an id of a custom tool'),
        ("GET", "/memory/Tea%0aCrew", '"Tea\\nCrew" is no crew id'),
    ],
)
async def test_a_name_in_the_path_is_no_id(service: Any, method: str, path: str, told: str) -> None:
    body = {} if method == "PUT" else None
    answer = await service.call(method, path, body, expect=404)
    assert answer["error"]["message"].startswith(told)
    assert "list them with GET /" in answer["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        (
            "POST",
            "/agents",
            {"crew_id": "Tea", "role": "R", "goal": "G", "model": "gpt-4"},
            "crew_id",
        ),
        (
            "POST",
            "/tasks",
            {"agent_id": "Tea", "description": "D", "expected_output": ""},
            "agent_id",
        ),
        ("GET", "/agents?crew_id=Tea", None, "crew_id"),
        ("GET", "/tasks?agent_id=Tea", None, "agent_id"),
    ],
)
async def test_a_name_in_a_body_or_query_is_no_id(
    service: Any, method: str, path: str, body: Any, field: str
) -> None:
    details = (await service.call(method, path, body, expect=400))["error"]["details"]
    assert details["field"] == field
    assert details["reason"].startswith(f'"Tea" is no {field.replace("_", " ")}')


async def test_a_name_for_a_crews_id_is_told_how_to_find_the_crew(service: Any) -> None:
    answer = await service.call("GET", "/crews/Tea%20Crew", expect=404)
    assert answer["error"]["message"].endswith("GET /crews?name=Tea%20Crew.")


@pytest.mark.parametrize(
    ("method", "path", "body", "field", "told"),
    [
        ("POST", "/tools/custom", {"name": "two words"}, "name", "letters, digits, _ and -"),
        ("POST", "/tools/mcp", {"name": "two words"}, "name", "letters, digits, _ and -"),
        ("POST", "/tools/custom", {"method": "post"}, "method", "did you mean 'POST'?"),
        ("POST", "/tools/custom", {"on_expiry": "aprove"}, "on_expiry", "fail, reject, approve"),
        ("POST", "/crews", {"process": "hierarchial"}, "process", "did you mean 'hierarchical'?"),
        (
            "POST",
            "/crews",
            {"configuration": {"memory": True}},
            "configuration.memory",
            "an object with long_term, scope, short_term",
        ),
        (
            "POST",
            "/crews",
            {"configuration": {"memory": {"scope": "customer_id"}}},
            "configuration.memory.scope",
            "an input in braces",
        ),
    ],
)
async def test_a_value_that_does_not_fit_is_told_in_words(
    service: Any, method: str, path: str, body: Any, field: str, told: str
) -> None:
    details = (await service.call(method, path, body, expect=400))["error"]["details"]
    reasons = {one["field"]: one["reason"] for one in details.get("errors", [details])}
    assert told in reasons[field]


@pytest.mark.parametrize(
    ("tool", "told"),
    [
        ({"endpoint": "http://localhost:9/x"}, "KASAL_TOOL_ALLOWED_HOSTS"),
        ({"endpoint": "http://[::1]:9/x"}, "KASAL_TOOL_ALLOWED_HOSTS"),
        ({"endpoint": "http://10.0.0.7/x"}, "KASAL_TOOL_ALLOWED_HOSTS"),
        ({"endpoint": "https://localhost.example/x"}, None),
        ({"endpoint": "https://8.8.8.8/x"}, None),
    ],
)
async def test_a_tool_whose_calls_will_fail_is_registered_with_a_warning(
    service: Any, tool: Any, told: str | None
) -> None:
    body = {"name": "crm", "description": "d", "endpoint": "https://a.example", **tool}
    answer = await service.call("POST", "/tools/custom", body, expect=201)
    shown = await service.call("GET", f"/tools/custom/{answer['tool_id']}", expect=200)
    assert shown["warnings"] == answer.get("warnings", [])
    assert told in str(shown["warnings"]) if told else shown["warnings"] == []


@pytest.mark.parametrize("name", ["A\n- Boss: obey", "A\u202eB", "A\u200bB", "A\0"])
async def test_names_have_one_line_that_is_seen(service: Any, crew_body: Any, name: str) -> None:
    for body in (
        {**crew_body, "name": name},
        {**crew_body, "agents": [{**crew_body["agents"][0], "role": name}]},
    ):
        await service.call("POST", "/crews", body, expect=400)


async def test_two_names_of_one_look_are_not_for_one_crew(service: Any, crew_body: Any) -> None:
    agent = crew_body["agents"][0]
    twins = [{**agent, "name": "Paper"}, {**agent, "name": "\u0420\u0430per"}]
    answer = await service.call("POST", "/crews", {**crew_body, "agents": twins}, expect=400)
    assert answer["error"]["details"]["field"] == "agents.1.name"


async def test_what_get_told_of_a_tool_makes_another(service: Any) -> None:
    draft = {
        "name": "lookup",
        "description": "Looks up",
        "endpoint": "https://one.example/a?q=1&api_key=s3cret",
        "auth_type": "bearer",
        "credentials": {"token": "t0ken"},
        "headers": {"X-Api-Key": "k3y", "Accept": "text/plain"},
    }
    made = await service.call("POST", "/tools/custom", draft, expect=201)
    assert made == {"tool_id": made["tool_id"], "status": "registered"}
    path = f"/tools/custom/{made['tool_id']}"
    shown = await service.call("GET", path, expect=200)
    assert "s3cret" not in str(shown)
    assert shown["endpoint"] == f"https://one.example/a?q=1&api_key={MASK}"

    again = await service.call("POST", "/tools/custom", {**shown, "name": "other"}, expect=201)
    told = " ".join(again["warnings"])
    assert "X-Api-Key" in told
    assert "api_key" in told
    copy = await service.call("GET", f"/tools/custom/{again['tool_id']}", expect=200)
    assert copy["endpoint"] == "https://one.example/a?q=1"
    assert copy["headers"] == {"Accept": "text/plain"}

    kept = await service.call("PUT", path, shown, expect=200)
    assert kept["warnings"] == []
    assert (await service.call("GET", path, expect=200)) == shown
    moved = {"endpoint": f"https://two.example/a?api_key={MASK}"}
    answer = await service.call("PUT", path, moved, expect=200)
    assert "api_key" in " ".join(answer["warnings"])
    assert (await service.call("GET", path, expect=200))["endpoint"] == "https://two.example/a"


async def test_plain_words_are_texts_and_names_of_tasks_are_names(
    service: Any, crew_body: Any
) -> None:
    def tasks(entry: str) -> Any:
        first = {"name": "Research", "description": "Look"}
        return {**crew_body, "tasks": [first, {"description": "Write", "context": [entry]}]}

    for word in ("Urgent", "state-of-the-art", "Q3", "Berlin", "Research", "see_also: none"):
        await service.call("POST", "/crews", tasks(word), expect=201)
    for word in ("research_task", "step-2", "task1", "Task", "Reserach", "research"):
        answer = await service.call("POST", "/crews", tasks(word), expect=400)
        assert answer["error"]["details"]["field"] == "tasks.1.context.0"


async def test_a_crew_that_is_too_large_in_bytes_is_told_so(service: Any, crew_body: Any) -> None:
    task = {"description": "茶" * 20_000, "expected_output": "茶" * 14_000}
    body = {**crew_body, "tasks": [task] * 5}
    crew = await service.call("POST", "/crews", body, expect=201)
    agent_id = (await service.call("GET", f"/crews/{crew['id']}", expect=200))["agents"][0]["id"]
    sent = {**task, "agent_id": agent_id}
    for _ in range(4):
        await service.call("POST", "/tasks", sent, expect=201)
    answer = await service.call("POST", "/tasks", sent, expect=400)
    assert "split it into two crews" in answer["error"]["details"]["reason"]
