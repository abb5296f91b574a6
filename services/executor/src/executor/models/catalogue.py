"""Which model answers to a name, and the connections to the providers."""

import asyncio
import importlib
import re
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Literal

from common.contracts.models import canonical, family_of
from common.logs import get_logger
from executor.domain.meters import Meters, NoMeters
from executor.models import offline, providers
from executor.models.model import Model, ModelFault
from executor.models.patience import Patience
from executor.models.refusals import Provider
from executor.models.remote import RemoteModel

log = get_logger(__name__)

UNAVAILABLE = "MODEL_UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Keys and addresses of the providers. `fallback` answers for models without a key.

    `openai_base_url` points the OpenAI family at a compatible server, where a key is optional.
    `timeout` is seconds for one request; `patience` bounds how often it is tried again.
    """

    openai_api_key: str | None = field(default=None, repr=False)
    openai_base_url: str | None = None
    anthropic_api_key: str | None = field(default=None, repr=False)
    google_api_key: str | None = field(default=None, repr=False)
    ollama_base_url: str = "http://localhost:11434/v1"
    fallback: Literal["offline"] | None = None
    timeout: float = 300.0
    patience: Patience = field(default_factory=Patience)


_NAMED = re.compile(r"[a-z][a-z0-9-]*(?:/[a-z0-9-]+)?:\S+")


class Models:
    """All models by name. Connections are shared by all runs; `close` them at the end."""

    def __init__(self, settings: ModelSettings, meters: Meters | None = None) -> None:
        self._settings = settings
        self._meters = meters or NoMeters()
        self._known: dict[str, Model] = {}
        self._clients: dict[str, Any] = {}
        self._building = asyncio.Lock()
        self._open = AsyncExitStack()

    def warm_up(self) -> None:
        """Import what requests to the configured providers need; blocks for a second or two."""
        wanted = [module for family, module in _LIBRARIES.items() if self._configured(family)]
        for module in [*(["pydantic_ai.direct"] if wanted else []), *wanted]:
            importlib.import_module(module)

    async def close(self) -> None:
        """Close the connections to all providers."""
        await self._open.aclose()
        self._known.clear()
        self._clients.clear()

    async def resolve(self, name: str) -> Model:
        """Return the model called `name`.

        Raises `ModelFault` (`MODEL_UNAVAILABLE`) for an unknown one, or one whose provider has no
        key while there is no fallback.
        """
        known = self._known.get(name)
        if known is None:
            async with self._building:
                known = self._known.get(name) or await self._found(canonical(name.strip()))
                if len(self._known) < _KEPT:
                    self._known[name] = known
        return known

    async def _found(self, name: str) -> Model:
        if name == offline.NAME:
            return offline.OfflineModel()
        family, model = family_of(name)
        if family is None and not _NAMED.fullmatch(name):
            raise ModelFault(UNAVAILABLE, f"The model {name[:100]} is not known.")
        if family is not None and not self._configured(family):
            return self._stand_in(name, f"The model {name} has no key: its provider is {family}.")
        try:
            return await self._remote(name, family, model)
        except providers.NoKey as fault:
            return self._stand_in(name, f"The model {name} cannot be used: {fault}")
        except providers.Unknown as fault:
            raise ModelFault(UNAVAILABLE, f"The model {name[:100]} is not known: {fault}") from None

    def _stand_in(self, name: str, otherwise: str) -> Model:
        if self._settings.fallback == offline.NAME:
            log.warning("the offline model stands in", model=name, reason=otherwise)
            return offline.OfflineModel(name)
        raise ModelFault(UNAVAILABLE, otherwise)

    def _configured(self, family: providers.Family) -> bool:
        settings = self._settings
        return {
            "openai": bool(settings.openai_api_key or settings.openai_base_url),
            "anthropic": bool(settings.anthropic_api_key),
            "google": bool(settings.google_api_key),
            "ollama": True,
        }[family]

    async def _remote(self, name: str, family: providers.Family | None, model: str) -> Model:
        key = family or name.partition(":")[0]
        if key not in self._clients:
            self._clients[key] = await asyncio.to_thread(self._maker(key, family))
            self._open.push_async_callback(self._clients[key].close)
        client: providers.Client = self._clients[key]
        native = await asyncio.to_thread(client.model, model if family else name)
        patience, who = self._settings.patience, self._provider(name, family, native)
        return RemoteModel(name, native, patience, self._meters, client.traits, who)

    def _provider(self, name: str, family: providers.Family | None, native: Any) -> Provider:
        given, url = self._settings, str(getattr(native, "base_url", "") or "")
        keys = (given.openai_api_key, given.anthropic_api_key, given.google_api_key)
        setting = "" if family is None else _KEYS.get(family, "")
        return Provider(name, url, setting, tuple(key for key in keys if key))

    def _maker(self, key: str, family: providers.Family | None) -> Callable[[], providers.Client]:
        settings, timeout = self._settings, self._settings.timeout
        if family is None:
            return lambda: providers.other(key)
        makers: Mapping[providers.Family, Callable[[], providers.Client]] = {
            "openai": lambda: (
                providers.compatible(settings.openai_base_url, settings.openai_api_key, timeout)
                if settings.openai_base_url
                else providers.openai(settings.openai_api_key or "", timeout)
            ),
            "anthropic": lambda: providers.anthropic(settings.anthropic_api_key or "", timeout),
            "google": lambda: providers.google(settings.google_api_key or "", timeout),
            "ollama": lambda: providers.compatible(settings.ollama_base_url, "ollama", timeout),
        }
        return makers[family]


_KEPT = 1_000
_KEYS: Mapping[providers.Family, str] = {
    "openai": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "google": "GOOGLE_API_KEY",
}
_LIBRARIES: Mapping[providers.Family, str] = {
    "openai": "pydantic_ai.models.openai",
    "anthropic": "pydantic_ai.models.anthropic",
    "google": "pydantic_ai.models.google",
}
