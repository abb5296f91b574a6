"""Every link of the OpenAPI document leads from what was made to a route that knows it."""

from collections.abc import Iterator
from typing import Any

import pytest
from journeys.users import User

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.alike_in_every_form]

# What a link's route may answer besides success: the thing is there, and not in the right state for it.
KNOWN_BUT_NOT_NOW = {400, 409}
# Where the example names a server elsewhere.
BODIES = {"register_server": {"name": "clock", "transport": "stdio", "command": "mcp-server-time"}}
ORDER = ("get", "put", "post", "delete")


class Links:
    """The document's links, followed with the documented examples of bodies."""

    def __init__(self, user: User, document: dict[str, Any], ids: dict[str, str]) -> None:
        self._user = user
        self._ids = ids
        self._routes = {
            operation["operationId"]: (method, path, operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
            if method in ORDER
        }

    def makers(self) -> Iterator[str]:
        """Yield the routes that make something and link to what can be done with it."""
        for name, (_, _, operation) in self._routes.items():
            if any("links" in answer for answer in operation["responses"].values()):
                yield name

    async def follow(self, maker: str) -> dict[str, int]:
        """Send `maker`'s example, then all that its answer links to; return the statuses."""
        made, status = await self._make(maker)
        links = self._routes[maker][2]["responses"][str(status)]["links"]
        if maker in {"start_execution", "fork_execution"}:
            await self._user.finished(made["job_id"])
        found = {}
        for link in sorted(links.values(), key=self._order):
            found[link["operationId"]] = await self._status(link, made)
        return found

    async def _make(self, maker: str) -> tuple[dict[str, Any], int]:
        if maker == "upload_file":  # its body is no JSON
            return await self._user.upload("notes.txt", b"Say hello"), 201
        method, path, _ = self._routes[maker]
        body = BODIES.get(maker) or self._example(maker)
        made = await self._user.call(method.upper(), path.format(**self._ids), body)
        assert self._user.answer is not None
        assert self._user.answer.status < 300, (maker, made)
        return made, self._user.answer.status

    def _order(self, link: dict[str, Any]) -> tuple[int, bool]:
        method, path, _ = self._routes[link["operationId"]]
        return ORDER.index(method), path == "/crews/{crew_id}"  # its memory goes with a crew

    async def _status(self, link: dict[str, Any], made: dict[str, Any]) -> int:
        method, path, operation = self._routes[link["operationId"]]
        values = {
            name: str(made[value.removeprefix("$response.body#/")])
            for name, value in link.get("parameters", {}).items()
        }
        query = "&".join(f"{n}={v}" for n, v in values.items() if f"{{{n}}}" not in path)
        body = self._example(link["operationId"]) if "requestBody" in operation else None
        address = path.format(**values) + (f"?{query}" if query else "")
        answer = await self._user.send(method.upper(), address, body)
        return answer.status

    def _example(self, name: str) -> Any:
        body = self._routes[name][2]["requestBody"]["content"]["application/json"]
        example = body.get("example") or next(iter(body["examples"].values()))["value"]
        example = {key: value for key, value in example.items() if key != "question_id"}
        return {**example, **{key: self._ids[key] for key in example.keys() & self._ids.keys()}}


async def test_every_link_leads_to_what_was_made(user: User) -> None:
    crew_id = await user.crew("Say hello to {topic} by {deadline}")
    agents = await user.call("GET", f"/agents?crew_id={crew_id}", expect=200)
    async with user.http.get(user.platform.root + "/openapi.json") as response:
        document = await response.json()
    tasks = await user.call("GET", f"/tasks?crew_id={crew_id}", expect=200)
    job_id = await user.start(crew_id, topic="tea", deadline="noon")
    await user.finished(job_id)
    ids = {
        "crew_id": crew_id,
        "agent_id": agents["agents"][0]["id"],
        "job_id": job_id,
        "from_task": tasks["tasks"][0]["id"],
    }
    links = Links(user, document, ids)
    makers = list(links.makers())
    assert {"create_crew", "create_agent", "create_task", "start_execution"} <= set(makers)
    for maker in makers:
        statuses = await links.follow(maker)
        lost = {
            name: status
            for name, status in statuses.items()
            if status >= 300 and status not in KNOWN_BUT_NOT_NOW
        }
        assert statuses, maker
        assert not lost, (maker, statuses)
