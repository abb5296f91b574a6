"""A user of a running platform, with what the benches ask of it."""

import secrets
from collections.abc import Sequence

from bench.harness.workload import INPUTS, PARTS
from kasal_platform.api_client import ApiClient


class User(ApiClient):
    """Someone with a token, and the crew of the workload."""

    async def register(self, auth: str) -> None:
        """Make a workspace without limits and log in.

        `auth` is the service's own address: the gateway would remember the first plan for a minute.
        """
        credentials = {"email": f"{secrets.token_hex(6)}@example.com", "password": "a long one 17"}
        await self.call("POST", "/auth/register", credentials)
        await self.log_in(**credentials)
        plan = {"tier": "enterprise"}
        async with self.http.put(
            f"{auth}/workspace/plan", json=plan, headers=self.headers
        ) as answer:
            answer.raise_for_status()

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
