"""What the executor asks (docs/reference/internal-api.md)."""

from typing import Any

from fastapi import APIRouter

from common.access import PeerService
from common.contracts.crew import CrewSnapshot
from common.errors import NotFound
from crews.routes.parts import Use

router = APIRouter(prefix="/internal", include_in_schema=False)


@router.get("/crews/{crew_id}/snapshot")
async def crew_snapshot(crew_id: str, caller: PeerService, use: Use) -> CrewSnapshot:
    return await use.catalog.snapshot(caller.workspace_id, crew_id)


@router.get("/tools/{tool_id}/credentials")
async def tool_credentials(tool_id: str, caller: PeerService, use: Use) -> dict[str, Any]:
    tool = await use.tools.find(caller.workspace_id, tool_id)
    if tool is None:
        raise NotFound(f"There is no tool {tool_id}.")
    credentials = await use.tools.credentials(caller.workspace_id, tool_id)
    return {"tool_id": tool_id, "auth_type": tool.auth_type, "credentials": dict(credentials)}
