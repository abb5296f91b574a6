"""The use cases of a workspace's own keys and endpoints."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from common.contracts.model_access import ModelAccess, OwnAccess
from common.contracts.models import KEYED, PROVIDERS_BY_NAME
from common.errors import Conflict, InvalidRequest, NotFound
from common.times import utc_now
from crews.domain.origins import Fate, mask_headers, unmask_headers
from crews.domain.own_models import (
    AccessSecrets,
    EndpointSettings,
    Kind,
    OwnModelAccess,
    ProviderSettings,
    name_fault,
)
from crews.domain.ports import ModelNews, OwnModelStore

_RACES = 5
_MOVED = "The stored key was dropped: it was for another host."
_UNREADABLE = (
    "The stored key was dropped: no KASAL_SECRET_KEY that is set now opens it. Set it again."
)
AddressFault = Callable[[str], Awaitable[str | None]]
"""Returns why no request may go to a URL, or None."""


@dataclass(frozen=True, slots=True)
class AccessSet:
    """A provider or an endpoint as it is now, and what happened to its key."""

    access: OwnModelAccess
    key: Fate
    lost_headers: tuple[str, ...] = ()
    loss: str = ""
    """Why a key that was to stay is gone, in a sentence."""


class OwnModelCatalog:
    """Sets, shows and removes what a workspace reaches models by."""

    def __init__(self, store: OwnModelStore, address_fault: AddressFault, news: ModelNews) -> None:
        self._store = store
        self._news = news
        self._address_fault = address_fault

    async def find(self, workspace_id: str, kind: Kind, name: str) -> OwnModelAccess:
        """Return what is set. Raises `NotFound`."""
        access = await self._store.find(workspace_id, kind, name)
        if access is None:
            what = (
                "has no key or address for the provider"
                if kind == "provider"
                else "has no endpoint"
            )
            raise NotFound(
                f"This workspace {what} {name[:60]}; PUT /models/{kind}s/{name[:60]} sets it."
            )
        return access

    async def put(
        self,
        workspace_id: str,
        kind: Kind,
        name: str,
        settings: ProviderSettings | EndpointSettings,
    ) -> AccessSet:
        """Set a provider's key and address, or an endpoint. Raises `InvalidRequest` and `Conflict`.

        A key that is not sent stays, unless the address is on another host now.
        """
        await self._check(kind, name, settings)
        for _ in range(_RACES):
            before = await self._store.find(workspace_id, kind, name)
            held = None if before is None else await self._store.secrets(before)
            made, secrets = _access_set(workspace_id, kind, name, settings, before, held)
            if kind == "provider" and secrets.api_key is None and made.access.base_url is None:
                raise _invalid(
                    "api_key", "Give the workspace's key, or the base_url of its own server"
                )
            if await self._store.put(before, made.access, secrets):
                await self._news.tell(workspace_id)
                return made
        raise Conflict(f"{name} is being changed from several places at once.")

    async def remove(self, workspace_id: str, kind: Kind, name: str) -> None:
        """Remove what is set. Raises `NotFound`."""
        if not await self._store.remove(workspace_id, kind, name):
            await self.find(workspace_id, kind, name)
        await self._news.tell(workspace_id)

    async def access(self, workspace_id: str) -> ModelAccess:
        """Return all that a workspace has set, with its keys: for the executor alone."""
        found: dict[Kind, dict[str, OwnAccess]] = {"provider": {}, "endpoint": {}}
        unreadable = []
        for one, secrets in await self._store.all_with_secrets(workspace_id):
            if secrets is None:
                unreadable.append(one.name)
                continue
            found[one.kind][one.name] = OwnAccess(
                api_key=secrets.api_key,
                base_url=one.base_url,
                headers=secrets.headers,
                price=one.price,
            )
        return ModelAccess(
            providers=found["provider"], endpoints=found["endpoint"], unreadable=unreadable
        )

    async def _check(
        self, kind: Kind, name: str, settings: ProviderSettings | EndpointSettings
    ) -> None:
        fault = name_fault(kind, name)
        if fault is not None:
            raise _invalid("provider" if kind == "provider" else "name", fault)
        if settings.base_url is None:
            if name in PROVIDERS_BY_NAME and not PROVIDERS_BY_NAME[name].priced:
                raise _invalid(
                    "base_url", f"Models of {name} are on your own server: give its address"
                )
            return
        if kind == "provider" and name in KEYED:
            reason = f"{name} has one address; for another server, make an endpoint with PUT /models/endpoints/<name>"
            raise _invalid("base_url", reason)
        fault = await self._address_fault(settings.base_url)
        if fault is not None:
            raise _invalid("base_url", fault)


def _access_set(
    workspace_id: str,
    kind: Kind,
    name: str,
    settings: ProviderSettings | EndpointSettings,
    before: OwnModelAccess | None,
    held: AccessSecrets | None,
) -> tuple[AccessSet, AccessSecrets]:
    """Return what `settings` make of what is stored, with its secrets."""
    access = OwnModelAccess(
        workspace_id=workspace_id,
        kind=kind,
        name=name,
        base_url=settings.base_url,
        price=getattr(settings, "price", None),
        updated_at=utc_now(),
        revision=1 if before is None else before.revision + 1,
    )
    moved = before is not None and before.origin != access.origin
    stored = AccessSecrets() if held is None or moved else held
    key, fate = stored.api_key, _fate(settings, before, stored)
    if "api_key" in settings.model_fields_set:
        key = settings.api_key
    headers = unmask_headers(settings.headers, stored.headers)
    secrets = AccessSecrets(api_key=key, headers=headers)
    shown = {"has_api_key": key is not None, "headers": mask_headers(headers)}
    lost = tuple(one for one in settings.headers if one not in headers)
    loss = ""
    if fate == "dropped" and "api_key" not in settings.model_fields_set:
        loss = _MOVED if held is not None else _UNREADABLE
    return AccessSet(access.model_copy(update=shown), fate, lost, loss), secrets


def _fate(
    settings: ProviderSettings | EndpointSettings,
    before: OwnModelAccess | None,
    stored: AccessSecrets,
) -> Fate:
    if settings.api_key is not None:
        return "replaced"
    if before is None or not before.has_api_key:
        return "none"
    kept = stored.api_key is not None and "api_key" not in settings.model_fields_set
    return "kept" if kept else "dropped"


def _invalid(field: str, reason: str) -> InvalidRequest:
    return InvalidRequest("Invalid model settings", field=field, reason=reason)
