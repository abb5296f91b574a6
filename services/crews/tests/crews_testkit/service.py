"""A client of a served crews service."""

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from common.bus import Bus
from devkit.identity import TokenMaker

CREW: dict[str, Any] = {
    "name": "Marketing Crew",
    "description": "Content generation team",
    "process": "hierarchical",
    "agents": [{"role": "Content Writer", "goal": "Create engaging content", "model": "gpt-4"}],
}


@dataclass
class Service:
    """The running service as a caller of one workspace sees it."""

    http: aiohttp.ClientSession
    make_token: TokenMaker
    app: Any
    bus: Bus
    workspace_id: str = "ws_test"
    role: str = "owner"
    kind: Any = "access"
    headers: dict[str, str] = field(default_factory=dict)

    def as_(self, **changes: Any) -> "Service":
        return dataclasses.replace(self, **changes)

    async def call(
        self, method: str, path: str, body: Any = None, *, expect: int, **headers: str
    ) -> Any:
        token = self.make_token(role=self.role, workspace_id=self.workspace_id, kind=self.kind)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent["Authorization"] = f"Bearer {token}"
        raw = body if isinstance(body, bytes) else None if body is None else json.dumps(body)
        if raw is not None:
            sent["Content-Type"] = "application/json"
        async with self.http.request(method, path, data=raw, headers=sent) as answer:
            text = await answer.read()
            self.headers.clear()
            self.headers.update({name.lower(): value for name, value in answer.headers.items()})
        assert answer.status == expect, (method, path, answer.status, text)
        return json.loads(text) if text else None

    async def crew(self, tasks: int = 1, **changes: Any) -> tuple[str, str, list[str]]:
        """Make a crew; return its id, its only agent's, and its tasks'."""
        made = await self.call("POST", "/crews", {**CREW, **changes}, expect=201)
        agents = await self.call("GET", f"/agents?crew_id={made['id']}", expect=200)
        agent_id = agents["agents"][0]["id"]
        task = {"agent_id": agent_id, "description": "Do it", "expected_output": "It"}
        ids = [(await self.call("POST", "/tasks", task, expect=201))["id"] for _ in range(tasks)]
        return made["id"], agent_id, ids
