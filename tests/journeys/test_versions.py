"""A crew comes from a file, changes, runs in old and new versions, goes back, and is applied from a file again."""

from typing import Any

import pytest

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.alike_in_every_form]

AGENTS = """
researcher:
  role: >
    {topic} Researcher
  goal: Find what is new in {topic}
  backstory: no
  llm: openai/gpt-4
  max_rpm: 10
"""
TASKS = """
research_task:
  description: Research {topic}
  expected_output: Three points
  agent: researcher
report_task:
  description: Write a report
  expected_output: A report
  agent: researcher
  context: [research_task]
"""


async def exported(user: Any, crew_id: str, query: str = "") -> str:
    url = f"{user.platform.base}/crews/{crew_id}/export{query}"
    async with user.http.get(url, headers=user.headers) as answer:
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/yaml")
        return str(await answer.text())


async def applied(user: Any, crew_id: str, text: str) -> Any:
    url = f"{user.platform.base}/crews/import?crew_id={crew_id}"
    headers = {**user.headers, "Content-Type": "application/yaml"}
    async with user.http.post(url, data=text.encode(), headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def run(user: Any, crew_id: str, **version: int) -> Any:
    """Run the crew to its end; return the job."""
    body = {"crew_id": crew_id, "inputs": {"topic": "tea"}, **version}
    job_id = (await user.call("POST", "/executions", body, expect=202))["job_id"]
    await user.watch(job_id)
    return await user.call("GET", f"/executions/{job_id}", expect=200)


async def test_a_crew_through_its_versions(user: Any) -> None:
    files = {"agents.yaml": AGENTS, "tasks.yaml": TASKS}
    made = await user.call("POST", "/crews/import", {"name": "News", "files": files}, expect=201)
    crew_id, path = made["id"], f"/crews/{made['id']}"
    assert made["status"] == "active"
    assert [one["path"] for one in made["warnings"]] == ["agents.researcher.max_rpm"]
    assert (await run(user, crew_id))["version"] == 1

    tasks = (await user.call("GET", path, expect=200))["tasks"]
    changes = {"description": "Write a short report"}
    await user.call("PUT", f"/tasks/{tasks[1]['id']}", changes, expect=200)
    await user.call("POST", f"{path}/versions/1/publish", expect=200)
    newest = await run(user, crew_id, version=2)
    assert ((await run(user, crew_id))["version"], newest["version"]) == (1, 2)
    body = {"crew_id": crew_id, "version": 9, "inputs": {"topic": "tea"}}
    await user.call("POST", "/executions", body, expect=404)
    listed = await user.call("GET", f"/executions?crew_id={crew_id}", expect=200)
    assert [job["version"] for job in listed["executions"]] == [1, 2, 1]

    patch = await user.call("GET", f"{path}/versions/1/diff/2", expect=200)
    assert patch == [
        {"op": "replace", "path": "/tasks/1/description", "value": "Write a short report"}
    ]
    back = await user.call("POST", f"{path}/versions/1/restore", expect=200)
    assert back == {"id": crew_id, "restored": 1, "version": 3}
    assert await user.call("GET", f"{path}/versions/1/diff/3", expect=200) == []

    text = await exported(user, crew_id)
    assert text == await exported(user, crew_id, "?version=1")
    assert (await applied(user, crew_id, text))["version"] == 3
    other = text.replace("Write a report", "Write it down")
    for _ in range(2):
        assert (await applied(user, crew_id, other))["version"] == 4
    assert await exported(user, crew_id) == other
    assert [task["id"] for task in (await user.call("GET", path, expect=200))["tasks"]] == [
        task["id"] for task in tasks
    ]
    versions = await user.call("GET", f"{path}/versions", expect=200)
    assert [one["version"] for one in versions["versions"]] == [4, 3, 2, 1]
