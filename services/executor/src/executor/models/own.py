"""Models that a workspace reaches by keys, addresses and endpoints of its own."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from common.bounded_dict import BoundedDict
from common.contracts.model_access import ModelAccess, OwnAccess, OwnModels, access_name
from common.contracts.models import endpoint_of, provider_of
from common.errors import KasalError
from common.security.outgoing import OutgoingGuard
from executor.domain.meters import Meters
from executor.models.access_cache import AccessCache
from executor.models.connections import (
    Access,
    ProviderConnection,
    connect_by_key,
    connect_compatible,
)
from executor.models.model import Model, ModelFault
from executor.models.patience import ModelPatience
from executor.models.provider import ModelProvider
from executor.models.refusals import ModelAddress
from executor.models.remote import RemoteModel, Terms

if TYPE_CHECKING:
    from executor.models.client import BoundedClient

_MOST = 1_000
_PER_CONNECTION = 100
"""How many models of one connection are remembered."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The workspace of a run, and what it had set when the job was submitted: that is what the run goes by."""

    workspace_id: str
    models: OwnModels


@dataclass(slots=True)
class _Held:
    access: OwnAccess
    connection: ProviderConnection
    models: BoundedDict[str, Model] = field(default_factory=lambda: BoundedDict(_PER_CONNECTION))


class OwnModelCatalogue:
    """Resolves models by what their workspaces have set; `close` it at the end.

    `hidden` are the operator's keys: a message of a provider shows neither these nor the workspace's.
    """

    def __init__(
        self,
        access: AccessCache,
        providers: Mapping[str, ModelProvider],
        guard: OutgoingGuard,
        meters: Meters,
        *,
        timeout: float,
        patience: ModelPatience,
        hidden: tuple[str, ...] = (),
    ) -> None:
        self._access = access
        self._providers = providers
        self._guard = guard
        self._meters = meters
        self._timeout = timeout
        self._patience = patience
        self._hidden = hidden
        self._held: BoundedDict[tuple[str, str], _Held] = BoundedDict(_MOST)
        self._clients: dict[bool, BoundedClient] = {}
        self._building = asyncio.Lock()
        self._open = AsyncExitStack()

    async def close(self) -> None:
        """Close all connections."""
        await self._open.aclose()
        self._held.clear()
        self._clients.clear()

    def forget(self, workspace_id: str) -> None:
        """Note that the workspace has changed what it had set."""
        self._access.forget(workspace_id)

    async def resolve(self, name: str, owner: Owner) -> Model:
        """Return the model called `name`. Raises `ModelFault` (`MODEL_UNAVAILABLE`)."""
        try:
            known = await self._access.of(owner.workspace_id)
        except KasalError as fault:
            message = f"The model {name} cannot be used now: this workspace's key cannot be read. {fault.message}"
            raise ModelFault("MODEL_UNAVAILABLE", message) from fault
        access = known.of(name)
        if access is None:
            raise ModelFault("MODEL_UNAVAILABLE", _absence(name, known))
        key = (owner.workspace_id, access_name(name))
        held = self._held.get(key)
        if held is None or held.access != access:
            async with self._building:
                held = self._held.get(key)
                if held is None or held.access != access:
                    # All clients of one kind share their connections, which are closed at the end.
                    connection = await asyncio.to_thread(self._connect, name, access)
                    held = self._held[key] = _Held(access, connection)
        return held.models.get(name) or await self._model(name, held)

    def _connect(self, name: str, access: OwnAccess) -> ProviderConnection:
        how = Access(access.api_key, access.base_url, self._client)
        if endpoint_of(name) is not None:
            return connect_compatible(how, self._timeout)
        provider = self._providers.get(access_name(name))
        if provider is None:
            return connect_by_key(access_name(name), how, self._timeout)
        return provider.connect(how, self._timeout)

    def _client(self, mends: bool) -> "BoundedClient":
        from executor.models.client import CONNECTIONS, BoundedClient
        from executor.models.guarded import GuardedTransport

        if mends not in self._clients:
            transport = GuardedTransport(self._guard, CONNECTIONS)
            client = BoundedClient(self._timeout, mends=mends, transport=transport)
            self._clients[mends] = client
            self._open.push_async_callback(client.aclose)
        return self._clients[mends]

    async def _model(self, name: str, held: _Held) -> Model:
        native = await asyncio.to_thread(held.connection.model, self._native_name(name))
        access = held.access
        model = RemoteModel(
            name,
            native,
            self._patience,
            self._meters,
            held.connection.traits,
            self._address(name, access, native),
            Terms(access.price, access.headers),
        )
        held.models[name] = model
        return model

    def _native_name(self, name: str) -> str:
        if endpoint_of(name) is not None:
            return name.partition("/")[2]
        provider, model = provider_of(name)
        return name if provider is None else model

    def _address(self, name: str, access: OwnAccess, native: Any) -> ModelAddress:
        url = str(getattr(native, "base_url", "") or "")
        mine = [text for text in (access.api_key, *access.headers.values()) if text]
        remedy = f"an admin of the workspace sets a valid one with PUT {_route(name)}"
        return ModelAddress(name, url, remedy, (*mine, *self._hidden))


def _route(name: str) -> str:
    kind = "providers" if endpoint_of(name) is None else "endpoints"
    return f"/models/{kind}/{access_name(name)}"


def _absence(name: str, known: ModelAccess) -> str:
    where = access_name(name)
    if where in known.unreadable:
        return (
            f"The model {name} cannot be used: its key is sealed under another KASAL_SECRET_KEY. An admin of the "
            f"workspace sets it again with PUT {_route(name)}."
        )
    if endpoint_of(name) is not None:
        return (
            f"The model {name} cannot be used: this workspace has no endpoint {where} any more. An admin makes it "
            f"again with PUT {_route(name)}."
        )
    return (
        f"The model {name} cannot be used: the key that this workspace had for {where} when the job was submitted "
        f"is deleted. An admin sets one with PUT {_route(name)}; a new job goes by what the operator has set."
    )
