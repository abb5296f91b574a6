"""A user of a running platform, with what the benches ask of it."""

import secrets
from collections.abc import Sequence
from typing import Any

import aiohttp
import orjson

from bench.harness.workload import INPUTS, PARTS


class User:
    """Someone with a token."""

    def __init__(self, base: str, http: aiohttp.ClientSession) -> None:
        self.base = base
        self.http = http
        self.headers: dict[str, str] = {}

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request; return the decoded answer. Ends the bench if it is refused."""
        async with self.http.request(
            method, self.base + path, json=body, headers=self.headers
        ) as answer:
            raw = await answer.read()
        if answer.status >= 400:
            raise SystemExit(f"{method} {path} was answered {answer.status}: {raw.decode()}")
        return orjson.loads(raw) if raw else None

    async def register(self, auth: str) -> None:
        """Make a workspace without limits and log in.

        `auth` is the service's own address: the gateway would remember the first plan for a minute.
        """
        credentials = {"email": f"{secrets.token_hex(6)}@example.com", "password": "a long one 17"}
        await self.call("POST", "/auth/register", credentials)
        await self.login(**credentials)
        plan = {"tier": "enterprise"}
        async with self.http.put(f"{auth}/workspace/plan", json=plan, headers=self.headers) as told:
            told.raise_for_status()

    async def login(self, email: str, password: str) -> None:
        answer = await self.call("POST", "/auth/login", {"email": email, "password": password})
        self.headers = {"Authorization": f"Bearer {answer['access_token']}"}

    async def crew(self, model: str = "offline", tools: Sequence[str] = ()) -> str:
        """Make the workload's crew, whose agents have `tools`; return its id."""
        agents = [
            {
                "name": p.role,
                "role": p.role,
                "goal": p.goal,
                "backstory": p.backstory,
                "model": model,
                "tools": list(tools),
            }
            for p in PARTS
        ]
        body = {"name": "Report crew", "process": "sequential", "agents": agents}
        crew_id = str((await self.call("POST", "/crews", body))["id"])
        listed = await self.call("GET", f"/agents?crew_id={crew_id}")
        ids = {agent["name"]: agent["id"] for agent in listed["agents"]}
        for p in PARTS:
            task = {
                "agent_id": ids[p.role],
                "description": p.description,
                "expected_output": p.expected_output,
            }
            await self.call("POST", "/tasks", task)
        return crew_id

    async def start(self, crew_id: str) -> str:
        body = {"crew_id": crew_id, "inputs": INPUTS}
        return str((await self.call("POST", "/executions", body))["job_id"])

    def socket(self) -> Any:
        return self.http.ws_connect(self.base + "/ws", headers=self.headers)
