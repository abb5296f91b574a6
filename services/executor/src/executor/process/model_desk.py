"""What the api answers about models. The libraries of providers are imported when a model is first tried."""

import asyncio
import os
from typing import TYPE_CHECKING, Protocol

from common.contracts.model_access import ModelAccess, own_models
from common.errors import InvalidRequest
from common.security.outgoing import OutgoingGuard
from executor.config import Settings
from executor.models.published import ModelListing, listing
from executor.models.trial import Trial

if TYPE_CHECKING:
    from executor.models.catalogue import Models
    from executor.models.trying import Trials


class ModelKeeper(Protocol):
    """The service that keeps workspaces' keys."""

    async def model_access(self, workspace_id: str) -> ModelAccess: ...

    async def model_access_now(self, workspace_id: str) -> ModelAccess: ...


class ModelDesk:
    """Lists models and tries them, for one workspace at a time; `close` it at the end."""

    def __init__(self, settings: Settings, own: "ModelKeeper") -> None:
        self._settings = settings
        self._own = own
        self._models: Models | None = None
        self._trials: Trials | None = None
        self._making = asyncio.Lock()

    async def listing(self, workspace_id: str, only: str | None) -> ModelListing:
        """Return what can be named; `only` is one provider or endpoint. Raises `InvalidRequest`."""
        own = await self._own.model_access_now(workspace_id)
        access = self._settings.model_access()
        found = await asyncio.to_thread(listing, own, access, dict(os.environ), only)
        if only is not None and not found.providers and not found.endpoints:
            reason = f"There is no provider or endpoint {only[:63]}; GET /models lists them"
            raise InvalidRequest("Unknown provider", field="provider", reason=reason)
        return found

    async def check(self, workspace_id: str, model: str) -> Trial:
        """Ask `model` one token, by the workspace's own key where it has one."""
        from executor.models.own import Owner

        own = await self._own.model_access_now(workspace_id)
        owner = Owner(
            workspace_id, own_models([model], {*own.providers, *own.unreadable}, own.endpoints)
        )
        return await (await self._get_trials()).of(model, owner)

    async def close(self) -> None:
        """Close the connections."""
        if self._models is not None:
            await self._models.close()

    async def _get_trials(self) -> "Trials":
        async with self._making:
            if self._trials is not None:
                return self._trials
            self._models, trials = await asyncio.to_thread(self._make)
            self._trials = trials
            return trials

    def _make(self) -> "tuple[Models, Trials]":
        from executor.models.catalogue import Models, ModelSettings
        from executor.models.trying import Trials

        models = Models(
            ModelSettings(
                self._settings.model_access(),
                own=self._own,
                guard=OutgoingGuard(self._settings.allowed_hosts()),
                fallback="offline" if self._settings.model_fallback == "offline" else None,
                timeout=20.0,
            )
        )
        return models, Trials(models)
