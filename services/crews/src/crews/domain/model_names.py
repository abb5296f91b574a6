"""Which models a crew may name: known and new ones, but no misspellings.

Names change faster than any list of them. So a name is refused only when it nearly matches a published
one and differs in its words, not in its numbers. `provider:model` is always accepted.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from common.contracts.model_access import access_name
from common.contracts.models import (
    OFFLINE,
    PROVIDERS,
    PROVIDERS_BY_NAME,
    endpoint_of,
    provider_of,
)
from crews.domain.crew import Crew
from crews.domain.own_models import OwnModelAccess
from crews.domain.ports import PublishedModels

_PREFIXED = re.compile(r"[a-z][a-z0-9-]*(?:/[a-z0-9-]+)?:")
_DIGITS = re.compile(r"[0-9]+")
_WORD = re.compile(r"[a-z]+")
_COMMON = frozenset(word for provider in PROVIDERS for word in provider.words)
"""Words that are known without loading the published names."""
_SHORT = 4
"""Words up to this length count as misspelt only if a single letter differs."""


class ModelNames:
    """Checks the models of crews. `own_servers`: providers that the operator's own server stands in for."""

    def __init__(self, published: PublishedModels, own_servers: Collection[str] = ()) -> None:
        self._published = published
        self._own_servers = own_servers

    def concern(self, crew: Crew, before: Crew | None) -> bool:
        """Say whether `faults` has to look at what is published, which takes a while at first."""
        if _limited(crew) and crew != before:
            return any(_paid(name) for name in named_models(crew).values())
        held = _known_models(before)
        return any(self._strange(name) for name in named_models(crew).values() if name not in held)

    def faults(
        self, crew: Crew, before: Crew | None, own: Sequence[OwnModelAccess] = ()
    ) -> list[dict[str, str]]:
        """Return a fault for each model new in `crew` that is misspelt, or whose cost cannot be bounded.

        `own` is what the crew's workspace has set.
        """
        held, by_name = _known_models(before), {one.name: one for one in own}
        return [
            *self._spelling_faults(crew, held, by_name),
            *self._price_faults(crew, before, held, by_name),
        ]

    def unknown_prices(
        self, crew: Crew, own: Sequence[OwnModelAccess] = ()
    ) -> list[dict[str, str]]:
        """Return a fault for each model of `crew` whose price is not known. It may take a while at first."""
        by_name = {one.name: one for one in own}
        found = []
        for field, name in named_models(crew).items():
            why = self._without_price(name, by_name.get(access_name(name))) if _paid(name) else None
            if why is not None:
                reason = f"What the model {name} costs is not known ({why})"
                found.append({"field": field, "reason": reason})
        return found

    def _spelling_faults(
        self, crew: Crew, held: Collection[str], own: Mapping[str, OwnModelAccess]
    ) -> Iterable[dict[str, str]]:
        for field, name in named_models(crew).items():
            there = own.get(access_name(name))
            served = there is not None and there.base_url is not None
            meant = None if name in held or served else self._likely_name(name)
            if meant is not None:
                insisted = f"{provider_of(name)[0]}:{name}"
                reason = (
                    f"The model {name} is not known; did you mean {meant}? If this model "
                    f"exists, write {insisted}"
                )
                yield {"field": field, "reason": reason}

    def _price_faults(
        self,
        crew: Crew,
        before: Crew | None,
        held: Collection[str],
        own: Mapping[str, OwnModelAccess],
    ) -> Iterable[dict[str, str]]:
        if not _limited(crew):
            return
        limited = before is not None and _limited(before)
        for field, name in named_models(crew).items():
            if (limited and name in held) or not _paid(name):
                continue
            why = self._without_price(name, own.get(access_name(name)))
            if why is not None:
                reason = (
                    f"What the model {name} costs is not known ({why}), so max_cost_usd cannot bound a "
                    "run: name another model, or set max_tokens instead, or no budget"
                )
                yield {"field": field if limited else _BUDGET, "reason": reason}

    def _without_price(self, name: str, own: OwnModelAccess | None) -> str | None:
        if endpoint_of(name) is not None:
            priced = own is not None and own.price is not None
            return None if priced else f"PUT /models/endpoints/{endpoint_of(name)} sets its price"
        provider, model = provider_of(name)
        if own is not None and own.base_url is not None:
            return "its address is your own server's; an endpoint may have a price"
        if provider is None:
            return self._price_fault(re.split("[:/]", name, maxsplit=1)[0], name.partition(":")[2])
        declared = PROVIDERS_BY_NAME[provider]
        if not declared.priced:
            return "models that you host have no published price"
        if provider in self._own_servers and own is None:
            return f"KASAL_{declared.own_server.upper()} points to your own server"
        return self._price_fault(provider, model)

    def _price_fault(self, provider: str, model: str) -> str | None:
        return None if self._published.priced(provider, model) else "no price is published"

    def _strange(self, name: str) -> bool:
        """Say whether a name has unusual words, and no provider in front."""
        provider = provider_of(name)[0]
        if provider is None or _PREFIXED.match(name) or provider in self._own_servers:
            return False
        if not PROVIDERS_BY_NAME[provider].priced:
            return False
        return not _COMMON.issuperset(_WORD.findall(name))

    def _likely_name(self, name: str) -> str | None:
        if not self._strange(name):
            return None
        names = self._published.names(str(provider_of(name)[0]))
        words = _COMMON.union(*(_WORD.findall(known) for known in names))
        if words.issuperset(_WORD.findall(name)):
            return None
        return _nearest(name, names)


_BUDGET = "configuration.budget.max_cost_usd"


def _nearest(name: str, names: Iterable[str]) -> str | None:
    """Return which of `names` differs from `name` in a letter or two, whatever its numbers are."""
    shape = _shape(name)
    near: list[tuple[int, int, str]] = []
    for known in names:
        letters = _distance(shape, _shape(known), 2)
        if 0 < letters <= 2 and _alike(shape, _shape(known), letters):
            near.append((letters, _distance(name, known, 9), known))
    return min(near)[2] if near else None


def _shape(name: str) -> str:
    return _DIGITS.sub("0", name)


def _alike(written: str, known: str, letters: int) -> bool:
    """Say whether two shapes with equally many numbers differ too little for two names."""
    if written.count("0") != known.count("0"):
        return False
    if letters == 1:
        return True
    there = set(_WORD.findall(known))
    strange = [word for word in _WORD.findall(written) if word not in there]
    return all(len(word) > _SHORT for word in strange)


def _distance(name: str, other: str, most: int) -> int:
    """Return how many letters differ, are missing, are too many or are swapped; over `most`, `most + 1`."""
    if abs(len(name) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(name, 1):
        above, row_before = row, before
        row = [i]
        for j, against in enumerate(other, 1):
            cost = min(above[j] + 1, row[-1] + 1, above[j - 1] + (letter != against))
            if i > 1 and j > 1 and letter == other[j - 2] and name[i - 2] == against:
                cost = min(cost, row_before[j - 2] + 1)
            row.append(cost)
        before = above
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)


def named_models(crew: Crew) -> Mapping[str, str]:
    """Return the models that `crew` names, by the dotted paths of their fields."""
    found = {f"agents.{index}.model": agent.model for index, agent in enumerate(crew.agents)}
    for index, agent in enumerate(crew.agents):
        for place, name in enumerate(agent.fallback_models):
            found[f"agents.{index}.fallback_models.{place}"] = name
    if crew.configuration.manager_model is not None:
        found["configuration.manager_model"] = crew.configuration.manager_model
    for place, name in enumerate(crew.configuration.manager_fallback_models):
        found[f"configuration.manager_fallback_models.{place}"] = name
    return found


def _known_models(before: Crew | None) -> Collection[str]:
    return set(named_models(before).values()) if before is not None else set()


def _limited(crew: Crew) -> bool:
    return crew.configuration.budget.max_cost_usd is not None


def _paid(name: str) -> bool:
    return name != OFFLINE
