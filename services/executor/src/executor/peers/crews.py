"""A client of the crews service: snapshots of crews, their memory, credentials of tools."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from pydantic import ValidationError

from common.client import ServiceClient, ServiceTokens
from common.contracts.crew import CrewSnapshot, MemorySnapshot
from common.contracts.model_access import ModelAccess
from common.errors import Unavailable
from common.process.backoff import Backoff

_MODELS = "/internal/models"
_MODELS_WAIT = 60.0
"""Seconds that a model call waits for crews to answer."""
_BACKOFF = Backoff.doubling(0.1, 1.0)


class CrewsOverHttp:
    """Fulfils `Crews`. `patience` is how many seconds a running tool waits for crews to answer."""

    def __init__(self, crews: ServiceClient, tokens: ServiceTokens, patience: float = 15.0) -> None:
        self._crews = crews
        self._tokens = tokens
        self._patience = patience

    async def snapshot(
        self, workspace_id: str, crew_id: str, version: int | None = None
    ) -> CrewSnapshot:
        path = f"/internal/crews/{quote(crew_id, safe='')}/snapshot"
        answer = await self._get(
            workspace_id, path if version is None else f"{path}?version={version}"
        )
        try:
            return CrewSnapshot.model_validate(answer)
        except ValidationError as fault:
            raise _unreadable() from fault

    async def unknown_prices(
        self, workspace_id: str, crew_id: str, version: int | None
    ) -> Sequence[Mapping[str, str]]:
        asked = "" if version is None else f"?version={version}"
        path = f"/internal/crews/{quote(crew_id, safe='')}/unpriced{asked}"
        answer = await self._get(workspace_id, path)
        found = answer.get("faults") if isinstance(answer, dict) else None
        if not isinstance(found, list):
            raise _unreadable()
        return found

    async def memory(self, workspace_id: str, crew_id: str, shelf: str) -> MemorySnapshot:
        path = f"/internal/crews/{quote(crew_id, safe='')}/memory/{quote(shelf, safe='')}"
        answer = await self._get(workspace_id, path)
        try:
            return MemorySnapshot.model_validate(answer)
        except ValidationError as fault:
            raise _unreadable() from fault

    async def tool_credentials(
        self, workspace_id: str, tool_id: str, endpoint: str
    ) -> Mapping[str, Any]:
        path = f"/internal/tools/{quote(tool_id, safe='')}/credentials"
        return await self._credentials(workspace_id, f"{path}?{urlencode({'endpoint': endpoint})}")

    async def server_credentials(
        self, workspace_id: str, server_id: str, target: str
    ) -> Mapping[str, Any]:
        path = f"/internal/mcp/{quote(server_id, safe='')}/credentials"
        return await self._credentials(workspace_id, f"{path}?{urlencode({'target': target})}")

    async def _credentials(self, workspace_id: str, path: str) -> Mapping[str, Any]:
        answer = await self._get_patiently(workspace_id, path)
        held = answer.get("credentials") if isinstance(answer, dict) else None
        if not isinstance(held, dict):
            raise _unreadable()
        return held

    async def model_access(self, workspace_id: str) -> ModelAccess:
        return _access(await self._get_patiently(workspace_id, _MODELS, _MODELS_WAIT))

    async def model_access_now(self, workspace_id: str) -> ModelAccess:
        """Return what `model_access` does, but do not wait for a service that is away."""
        return _access(await self._get(workspace_id, _MODELS))

    async def _get_patiently(
        self, workspace_id: str, path: str, patience: float | None = None
    ) -> Any:
        """Retry for `patience` seconds: a restart of crews must not fail an agent's tool or model."""
        loop = asyncio.get_running_loop()
        patience = self._patience if patience is None else patience
        until, failures = loop.time() + patience, 0
        while True:
            try:
                return await self._get(workspace_id, path)
            except Unavailable:
                failures += 1
                if loop.time() + _BACKOFF.pause(failures) > until:
                    raise
            await asyncio.sleep(_BACKOFF.pause(failures))

    async def _get(self, workspace_id: str, path: str) -> Any:
        token = await self._tokens.token(workspace_id)
        return await self._crews.request("GET", path, token=token)


def _access(answer: Any) -> ModelAccess:
    try:
        return ModelAccess.model_validate(answer)
    except ValidationError:
        raise _unreadable() from None  # it would show the keys


def _unreadable() -> Unavailable:
    return Unavailable("The service crews sent a response that cannot be understood.")
