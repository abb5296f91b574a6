"""Resolves names to models, and holds the connections to the providers."""

import asyncio
import importlib
import re
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Literal

from common.contracts.models import canonical, endpoint_of, provider_of
from common.logs import get_logger
from common.security.outgoing import OutgoingGuard
from executor.domain.meters import Meters, NoMeters
from executor.models import offline
from executor.models.access_cache import AccessCache, AccessSource
from executor.models.connections import (
    Access,
    MissingKey,
    MissingLibrary,
    ProviderConnection,
    UnknownModel,
    connect_by_name,
)
from executor.models.model import Model, ModelFault
from executor.models.own import Owner, OwnModelCatalogue
from executor.models.patience import ModelPatience
from executor.models.provider import ModelProvider, configured_libraries, model_providers
from executor.models.refusals import ModelAddress
from executor.models.remote import RemoteModel

log = get_logger(__name__)

UNAVAILABLE = "MODEL_UNAVAILABLE"
_KEPT = 1_000
"""How many names are cached with their models."""
_PREFIXED = re.compile(r"[a-z][a-z0-9-]*(?:/[a-z0-9-]+)?:\S+")


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """How models are reached. `fallback` answers for models without a key.

    `access` has the key or address of each provider that can be used; `own` knows what workspaces have
    set for themselves, whose requests go where `guard` lets them. `timeout` is the seconds for
    one request; `patience` bounds its retries.
    """

    access: Mapping[str, Access] = field(default_factory=dict)
    fallback: Literal["offline"] | None = None
    own: AccessSource | None = None
    guard: OutgoingGuard = field(default_factory=OutgoingGuard)
    timeout: float = 300.0
    patience: ModelPatience = field(default_factory=ModelPatience)


class Models:
    """All models by name. Runs share the connections; `close` them at the end."""

    def __init__(self, settings: ModelSettings, meters: Meters | None = None) -> None:
        self._settings = settings
        self._meters = meters or NoMeters()
        self._providers = model_providers()
        self._access = {
            name: provider.complete_access(settings.access.get(name))
            for name, provider in self._providers.items()
        }
        self._keys = tuple(access.key for access in self._access.values() if access.key)
        self._resolved: dict[str, Model] = {}
        self._connections: dict[str, ProviderConnection] = {}
        self._building = asyncio.Lock()
        self._open = AsyncExitStack()
        self._own = None if settings.own is None else self._own_models(settings.own)

    def _own_models(self, source: AccessSource) -> OwnModelCatalogue:
        return OwnModelCatalogue(
            AccessCache(source),
            self._providers,
            self._settings.guard,
            self._meters,
            timeout=self._settings.timeout,
            patience=self._settings.patience,
            hidden=self._keys,
        )

    def forget(self, workspace_id: str) -> None:
        """Note that a workspace has changed how it reaches models."""
        if self._own is not None:
            self._own.forget(workspace_id)

    def warm_up(self) -> None:
        """Import what requests to the configured providers need; blocks for a second or two."""
        wanted = configured_libraries(self._settings.access)
        for module in [*(["pydantic_ai.direct"] if wanted else []), *wanted]:
            importlib.import_module(module)

    async def close(self) -> None:
        """Close the connections to all providers."""
        await self._open.aclose()
        if self._own is not None:
            await self._own.close()
        self._resolved.clear()
        self._connections.clear()

    async def resolve(self, name: str, owner: Owner | None = None) -> Model:
        """Return the model called `name`; the `owner` may reach it by what the workspace has set.

        Raises `ModelFault` (`MODEL_UNAVAILABLE`) if it is unknown, or its provider has no key and
        there is no fallback.
        """
        if owner is not None and self._own is not None:
            own = canonical(name.strip())
            if owner.models.holds(own):
                return await self._own.resolve(own, owner)
        model = self._resolved.get(name)
        if model is None:
            async with self._building:
                model = self._resolved.get(name) or await self._build(canonical(name.strip()))
                if len(self._resolved) < _KEPT:
                    self._resolved[name] = model
        return model

    async def _build(self, name: str) -> Model:
        if name == offline.NAME:
            return offline.OfflineModel()
        if endpoint_of(name) is not None:
            reason = f"its workspace has no endpoint {endpoint_of(name)}"
            raise ModelFault(UNAVAILABLE, f"The model {name[:100]} is not known: {reason}.")
        declared = [provider.declaration for provider in self._providers.values()]
        provider_name, model = provider_of(name, declared)
        if provider_name is None and not _PREFIXED.fullmatch(name):
            raise ModelFault(UNAVAILABLE, f"The model {name[:100]} is not known.")
        provider = self._providers[provider_name] if provider_name is not None else None
        if provider is not None and not self._is_configured(provider):
            reason = f"The model {name} has no key: its provider is {provider.name}."
            return self._stand_in(name, reason)
        try:
            return await self._remote_model(name, provider, model)
        except MissingLibrary as fault:
            raise ModelFault(
                UNAVAILABLE, f"The model {name[:100]} cannot be used: {fault}"
            ) from None
        except MissingKey as fault:
            return self._stand_in(name, f"The model {name} cannot be used: {fault}")
        except UnknownModel as fault:
            raise ModelFault(UNAVAILABLE, f"The model {name[:100]} is not known: {fault}") from None

    def _stand_in(self, name: str, reason: str) -> Model:
        if self._settings.fallback == offline.NAME:
            log.warning("the offline model stands in", model=name, reason=reason)
            return offline.OfflineModel(name)
        raise ModelFault(UNAVAILABLE, reason)

    def _is_configured(self, provider: ModelProvider) -> bool:
        return self._access[provider.name].is_given

    async def _remote_model(self, name: str, provider: ModelProvider | None, model: str) -> Model:
        connection = await self._connection(name, provider)
        native = await asyncio.to_thread(connection.model, model if provider else name)
        patience, address = self._settings.patience, self._address(name, provider, native)
        return RemoteModel(name, native, patience, self._meters, connection.traits, address)

    async def _connection(self, name: str, provider: ModelProvider | None) -> ProviderConnection:
        key = provider.name if provider is not None else name.partition(":")[0]
        if key not in self._connections:
            self._connections[key] = await asyncio.to_thread(self._connect, key, provider)
            self._open.push_async_callback(self._connections[key].close)
        return self._connections[key]

    def _connect(self, name: str, provider: ModelProvider | None) -> ProviderConnection:
        if provider is None:
            return connect_by_name(name)
        return provider.connect(self._access[name], self._settings.timeout)

    def _address(self, name: str, provider: ModelProvider | None, native: Any) -> ModelAddress:
        url = str(getattr(native, "base_url", "") or "")
        variable = provider.key_variable if provider is not None else ""
        remedy = f"set a valid one in {variable} and start the workers again" if variable else ""
        return ModelAddress(name, url, remedy, self._keys)
