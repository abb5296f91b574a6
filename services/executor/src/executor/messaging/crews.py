"""The crews service as the executor asks it: snapshots of crews, credentials of tools."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from pydantic import ValidationError

from common.client import ServiceClient, ServiceTokens
from common.contracts.crew import CrewSnapshot
from common.errors import Unavailable


class CrewsOverHttp:
    """Fulfils `Crews`."""

    def __init__(self, crews: ServiceClient, tokens: ServiceTokens) -> None:
        self._crews = crews
        self._tokens = tokens

    async def snapshot(self, workspace_id: str, crew_id: str) -> CrewSnapshot:
        answer = await self._get(
            workspace_id, f"/internal/crews/{quote(crew_id, safe='')}/snapshot"
        )
        try:
            return CrewSnapshot.model_validate(answer)
        except ValidationError as fault:
            raise _unreadable() from fault

    async def tool_credentials(self, workspace_id: str, tool_id: str) -> Mapping[str, Any]:
        path = f"/internal/tools/{quote(tool_id, safe='')}/credentials"
        answer = await self._get(workspace_id, path)
        held = answer.get("credentials") if isinstance(answer, dict) else None
        if not isinstance(held, dict):
            raise _unreadable()
        return held

    async def _get(self, workspace_id: str, path: str) -> Any:
        token = await self._tokens.token(workspace_id)
        return await self._crews.request("GET", path, token=token)


def _unreadable() -> Unavailable:
    return Unavailable("The service crews answered something that cannot be understood.")
