"""What the executor asks (docs/reference/internal-api.md)."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from common.contracts.crew import CrewSnapshot, MemorySnapshot
from common.contracts.memory import SHELF
from common.contracts.model_access import ModelAccess
from common.web.access import PeerService
from crews.routes.use_cases import Use

router = APIRouter(prefix="/internal", include_in_schema=False)


@router.get("/crews/{crew_id}/snapshot")
async def crew_snapshot(
    crew_id: str,
    caller: PeerService,
    use: Use,
    version: Annotated[int | None, Query(ge=1)] = None,
) -> CrewSnapshot:
    return await use.snapshots.snapshot(caller.workspace_id, crew_id, version)


@router.get("/crews/{crew_id}/unpriced")
async def unpriced_models(
    crew_id: str,
    caller: PeerService,
    use: Use,
    version: Annotated[int | None, Query(ge=1)] = None,
) -> dict[str, list[dict[str, str]]]:
    found = await use.snapshots.unknown_prices(caller.workspace_id, crew_id, version)
    return {"faults": found}


@router.get("/crews/{crew_id}/memory/{shelf}")
async def crew_memory(
    crew_id: str, shelf: Annotated[str, Path(pattern=SHELF)], caller: PeerService, use: Use
) -> MemorySnapshot:
    return await use.snapshots.memory(caller.workspace_id, crew_id, shelf)


@router.get("/tools/{tool_id}/credentials")
async def tool_credentials(
    tool_id: str, caller: PeerService, use: Use, endpoint: str | None = None
) -> dict[str, Any]:
    tool, credentials = await use.tool_catalog.credentials(caller.workspace_id, tool_id, endpoint)
    return {"tool_id": tool_id, "auth_type": tool.auth_type, "credentials": dict(credentials)}


@router.get("/models")
async def model_access(caller: PeerService, use: Use) -> ModelAccess:
    return await use.own_models.access(caller.workspace_id)


@router.get("/mcp/{server_id}/credentials")
async def mcp_credentials(
    server_id: str, caller: PeerService, use: Use, target: str | None = None
) -> dict[str, Any]:
    server, credentials = await use.mcp_catalog.credentials(caller.workspace_id, server_id, target)
    return {
        "server_id": server_id,
        "auth_type": server.auth_type,
        "credentials": dict(credentials),
    }
