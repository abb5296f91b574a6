"""Crews to run, and the services that own them."""

from typing import Any

from fastapi import FastAPI

from common.contracts.crew import AgentSnapshot, CrewSnapshot, TaskSnapshot


def crew_snapshot(crew_id: str = "crew_abc123", **changes: Any) -> CrewSnapshot:
    fields: dict[str, Any] = {
        "id": crew_id,
        "workspace_id": "ws_test",
        "name": "Customer Support Crew",
        "process": "sequential",
        "status": "active",
        "agents": [
            AgentSnapshot(id="agent_1", name="Ann", role="Ann", goal="help", model="offline")
        ],
        "tasks": [
            TaskSnapshot(
                id=f"task_{n}",
                description="Look at {topic}",
                expected_output="x",
                agent_id="agent_1",
            )
            for n in (1, 2, 3)
        ],
    }
    return CrewSnapshot(**{**fields, **changes})


class Peers:
    """Auth and crews in one small application. `crews` may be changed; `away` makes it answer 503."""

    def __init__(self) -> None:
        self.crews: dict[str, CrewSnapshot] = {"crew_abc123": crew_snapshot()}
        self.away = False
        self.asked = 0
        self.unpriced: list[dict[str, str]] = []
        self.priced: int | None = None
        """The version whose prices were asked for last."""
        self.app = FastAPI()
        self.app.post("/internal/tokens/service")(self.token)
        self.app.get("/internal/crews/{crew_id}/snapshot")(self.snapshot)
        self.app.get("/internal/crews/{crew_id}/unpriced")(self.models)

    async def token(self) -> dict[str, Any]:
        return {"access_token": "t", "expires_in": 300}

    async def models(self, crew_id: str, version: int | None = None) -> dict[str, Any]:
        self.priced = version
        return {"faults": self.unpriced}

    async def snapshot(self, crew_id: str) -> Any:
        from fastapi.responses import JSONResponse

        self.asked += 1
        if self.away:
            return JSONResponse({"error": {"code": "SERVICE_UNAVAILABLE", "message": "away"}}, 503)
        if crew_id not in self.crews:
            return JSONResponse({"error": {"code": "NOT_FOUND", "message": "No such crew."}}, 404)
        return self.crews[crew_id].model_dump(mode="json")
