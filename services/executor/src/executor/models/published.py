"""What can be named here: providers and models as genai-prices publishes them, which makes no request."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal

from common.contracts.model_access import ModelAccess, TokenPrice
from common.contracts.models import KEYED, OFFLINE, PROVIDERS, PROVIDERS_BY_NAME, provider_of
from executor.models.connections import Access

KeyFrom = Literal["workspace", "operator", "not_needed", "none"]
_OTHER_THAN_TEXT = re.compile(
    r"embed|ocr|tts|transcri|image|audio|realtime|live|whisper|moderation|dall-e|rerank|imagen|veo|ft:|-ft-|speech"
)


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """A model that has a published price. Names are those that `model` takes."""

    model: str
    context_window: int | None
    price: TokenPrice | None


@dataclass(frozen=True, slots=True)
class ListedProvider:
    """A provider, whose key is used here, and its published models."""

    provider: str
    names: str
    key: KeyFrom
    models: Sequence[PublishedModel] = ()


@dataclass(frozen=True, slots=True)
class ListedEndpoint:
    """An endpoint of the workspace."""

    endpoint: str
    names: str
    has_api_key: bool
    price: TokenPrice | None


@dataclass(frozen=True, slots=True)
class ModelListing:
    """All that can be named in a workspace."""

    providers: Sequence[ListedProvider]
    endpoints: Sequence[ListedEndpoint] = field(default=())


def listing(
    own: ModelAccess,
    operator: Mapping[str, Access],
    environment: Mapping[str, str],
    only: str | None,
) -> ModelListing:
    """Return what a workspace that has set `own` can name; blocks at first. `only` asks for one provider.

    Of providers that nobody has a key for, and that take only a key, no models are listed unless asked for.
    """
    names = [one.name for one in PROVIDERS] + sorted(KEYED)
    listed = [
        _provider(name, own, _key(name, own, operator, environment), asked=name == only)
        for name in names
        if only in {None, name}
    ]
    if only in {None, OFFLINE}:
        free = PublishedModel(OFFLINE, None, TokenPrice(input=0, output=0))
        listed.append(ListedProvider(OFFLINE, OFFLINE, "not_needed", [free]))
    endpoints = [
        ListedEndpoint(name, f"{name}/…", access.api_key is not None, access.price)
        for name, access in sorted(own.endpoints.items())
        if only in {None, name}
    ]
    return ModelListing(listed, endpoints)


def _provider(name: str, own: ModelAccess, key: KeyFrom, *, asked: bool) -> ListedProvider:
    declared = PROVIDERS_BY_NAME.get(name)
    shown = f"{name}:…" if declared is None else declared.shown
    mine = own.providers.get(name)
    served = mine is not None and mine.base_url is not None
    hidden = declared is None and key == "none" and not asked
    if served or hidden or (declared is not None and not declared.priced):
        return ListedProvider(name, shown, key)
    return ListedProvider(name, shown, key, _models(name))


def _key(
    name: str, own: ModelAccess, operator: Mapping[str, Access], environment: Mapping[str, str]
) -> KeyFrom:
    if name in own.providers:
        return "workspace"
    access = operator.get(name, Access())
    if access.key or environment.get(f"{name.upper()}_API_KEY"):
        return "operator"
    return "not_needed" if access.url else "none"


@cache
def _models(provider: str) -> Sequence[PublishedModel]:
    from genai_prices import data_snapshot

    found = [one for one in data_snapshot.get_snapshot().providers if one.id == provider]
    return sorted(_published_models(provider, found), key=lambda one: one.model)


def _published_models(provider: str, found: Sequence[Any]) -> Iterator[PublishedModel]:
    declared = PROVIDERS_BY_NAME.get(provider)
    prefixed = declared is None or declared.shown == f"{provider}:…"
    for model in (model for one in found for model in one.models):
        name = f"{provider}:{model.id}" if prefixed else model.id
        meant = provider_of(name)[0] == provider or provider in KEYED
        if meant and not _OTHER_THAN_TEXT.search(model.id):
            yield PublishedModel(name, model.context_window, _price(model))


def _price(model: Any) -> TokenPrice | None:
    prices = model.get_prices(datetime.now(UTC))
    read, written = _rate(prices.input_mtok), _rate(prices.output_mtok)
    return None if read is None or written is None else TokenPrice(input=read, output=written)


def _rate(rate: Any) -> float | None:
    """Return dollars for a million tokens; of a rate with steps, the first."""
    base = getattr(rate, "base", rate)
    return None if base is None else float(base)
