"""Export and import over HTTP, in every form of a body.

Covers: crews.routes.imports, crews.routes.import_bodies
"""

from typing import Any

import pytest

AGENTS = "researcher:\n  role: Researcher\n  goal: Know {topic}\n  llm: offline\n  max_rpm: 3\n"
TASKS = "research:\n  description: Research {topic}\n  expected_output: Points\n"
PROJECT = {"name": "Research", "files": {"agents.yaml": AGENTS, "tasks.yaml": TASKS}}


async def sent(
    service: Any, body: str | bytes, kind: str, *, expect: int, path: str = "/crews/import"
) -> Any:
    """Post a body that is no JSON."""
    token = service.make_token(role=service.role, workspace_id=service.workspace_id, kind="access")
    headers = {"Content-Type": kind, "Authorization": f"Bearer {token}"}
    raw = body.encode() if isinstance(body, str) else body
    async with service.http.post(path, data=raw, headers=headers) as answer:
        assert answer.status == expect, await answer.text()
        return await answer.json()


async def exported(service: Any, path: str) -> str:
    token = service.make_token(role="viewer", workspace_id=service.workspace_id, kind="access")
    headers = {"Authorization": f"Bearer {token}"}
    async with service.http.get(path, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.headers["Content-Type"].startswith("application/yaml")
        return str(await answer.text())


async def test_a_project_comes_over_and_goes_back(service: Any) -> None:
    made = await service.call("POST", "/crews/import", PROJECT, expect=201)
    assert (made["name"], made["status"], made["version"]) == ("Research", "active", 1)
    assert [one["path"] for one in made["warnings"]] == ["agents.researcher.max_rpm"]
    text = await exported(service, f"/crews/{made['id']}/export")
    assert text.startswith("# A crew of Kasal.")

    for kind in ("application/yaml", "text/yaml; charset=utf-8", "application/x-yaml"):
        again = await sent(service, text, kind, expect=201)
        assert (again["name"], again["warnings"]) == ("Research", [])
    assert await exported(service, f"/crews/{again['id']}/export") == text

    apply = f"/crews/import?crew_id={made['id']}"
    assert (await sent(service, text, "application/yaml", path=apply, expect=200))["version"] == 1
    other = text.replace("Research {topic}", "Look into {topic}")
    told = await sent(service, other, "application/yaml", path=f"{apply}&dry_run=true", expect=200)
    assert told["changes"] == [
        {"op": "replace", "path": "/tasks/0/description", "value": "Look into {topic}"}
    ]
    assert (await service.call("GET", f"/crews/{made['id']}", expect=200))["version"] == 1
    assert (await sent(service, other, "application/yaml", path=apply, expect=200))["version"] == 2
    assert await exported(service, f"/crews/{made['id']}/export") == other
    assert await exported(service, f"/crews/{made['id']}/export?version=1") == text
    stranger = service.as_(workspace_id="ws_other")
    await sent(stranger, text, "application/yaml", path=apply, expect=404)
    await stranger.call("GET", f"/crews/{made['id']}/export", expect=404)


async def test_files_come_as_a_form(service: Any) -> None:
    parts = [
        'Content-Disposition: form-data; name="name"\r\n\r\nForm',
        f'Content-Disposition: form-data; name="f"; filename="agents.yaml"\r\n\r\n{AGENTS}',
        f'Content-Disposition: form-data; name="tasks.yaml"\r\n\r\n{TASKS}',
    ]
    body = "".join(f"--x\r\n{part}\r\n" for part in parts) + "--x--\r\n"
    made = await sent(service, body, "multipart/form-data; boundary=x", expect=201)
    assert (made["name"], made["status"]) == ("Form", "active")
    await sent(service, "nothing", "multipart/form-data; boundary=x", expect=400)
    await sent(service, body, "multipart/form-data", expect=400)


NESTED = "".join(
    f"--b{n}\r\nContent-Type: multipart/mixed; boundary=b{n + 1}\r\n\r\n" for n in range(1_200)
)
HEAD = 'Content-Disposition: form-data; name="f"'


@pytest.mark.parametrize(
    "body",
    [
        NESTED,
        f"--b0\r\n{HEAD}; filename*=\x00''a\r\n\r\na: 1\r\n--b0--\r\n",
        f"--b0\r\n{HEAD}\r\n\r\na: 1\r\n" * 30 + "--b0--\r\n",
        f"--b0\r\n{HEAD}\r\nContent-Transfer-Encoding: base64\r\n\r\nYTogMQ==\r\n--b0--\r\n",
        f"--b0\r\n{HEAD}\r\n\r\na: {{role: A, goal: g}}\r\n",
    ],
    ids=["parts inside parts", "a name in no charset", "many parts", "base64", "half a form"],
)
async def test_strange_forms_are_refused(service: Any, body: str) -> None:
    await sent(service, body, "multipart/form-data; boundary=b0", expect=400)


async def test_a_file_is_given_once(service: Any) -> None:
    part = f'--x\r\nContent-Disposition: form-data; name="f"; filename="agents.yaml"\r\n\r\n{AGENTS}\r\n'
    told = await sent(
        service, part * 2 + "--x--\r\n", "multipart/form-data; boundary=x", expect=400
    )
    assert told["error"]["details"]["field"] == "agents.yaml"


async def test_a_dry_run_says_what_would_be_made(service: Any) -> None:
    told = await service.call("POST", "/crews/import?dry_run=true", PROJECT, expect=200)
    assert (told["id"], told["status"]) == (None, "active")
    assert told["crew"]["tasks"][0]["description"] == "Research {topic}"
    assert (await service.call("GET", "/crews", expect=200))["total"] == 0


async def test_an_archive_is_told_to_be_one(service: Any) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="f"; filename="p.zip"\r\n\r\n'
    body = part + b"PK\x03\x04\xe8\r\n--x--\r\n"
    told = await sent(service, body, "multipart/form-data; boundary=x", expect=400)
    assert told["error"]["details"]["field"] == "p.zip"
    assert "zip archive" in told["error"]["details"]["reason"]


async def test_the_same_key_makes_one_crew(service: Any) -> None:
    key = {"Idempotency_Key": '"import-1"'}
    made = await service.call("POST", "/crews/import", PROJECT, expect=201, **key)
    assert await service.call("POST", "/crews/import", PROJECT, expect=201, **key) == made
    other = {**PROJECT, "name": "Other"}
    await service.call("POST", "/crews/import", other, expect=422, **key)
    assert (await service.call("GET", "/crews", expect=200))["total"] == 1


async def test_what_cannot_be_imported_is_told(service: Any) -> None:
    async def fault(body: Any) -> Any:
        answer = await service.call("POST", "/crews/import", body, expect=400)
        return answer["error"]["details"]["field"]

    assert await fault({"files": {}}) == "files"
    assert await fault({"files": {"agents.yaml": 1}}) == "files.agents.yaml"
    assert await fault({"file": {}}) in {"file", "files"}
    assert await fault(b"[") == "body"
    bad = {
        "files": {"agents.yaml": "a:\n  role: A\n  goal: g\n  tools: []\n  llm: 1e3\n", "x.txt": ""}
    }
    told = await service.call("POST", "/crews/import?dry_run=true", bad, expect=200)
    assert {one["path"] for one in told["warnings"]} == {"agents.a.llm", "x.txt"}
    await sent(service, "a", "text/plain", expect=415)
    await sent(service, b"kasal: 1\nname: \xff", "application/yaml", expect=400)
    viewer = service.as_(role="viewer")
    await viewer.call("POST", "/crews/import", PROJECT, expect=403)
