"""The names and prices of models as genai-prices has them, which is part of the installation.

Loading takes half a second and 30 MB, so it happens on first use, on a thread.
"""

from collections.abc import Collection, Iterator
from functools import cache
from typing import Any


class PriceList:
    """Fulfils `PublishedModels` with the lookup by which runs are priced."""

    def names(self, provider: str) -> Collection[str]:
        """Return the names of the provider's models; none for an unknown provider."""
        return _names(provider)

    def priced(self, provider: str, model: str) -> bool:
        """Say whether a run's requests to `model` can be priced."""
        try:
            _snapshot().find_provider_model(model, None, provider, None)
        except LookupError:
            return False
        return True


def _snapshot() -> Any:
    from genai_prices import data_snapshot

    return data_snapshot.get_snapshot()


@cache
def _names(provider: str) -> frozenset[str]:
    found = [entry for entry in _snapshot().providers if entry.id == provider]
    return frozenset(
        name
        for entry in found
        for model in entry.models
        for name in (model.id, *_spellings(model.match))
        if not name.startswith("ft:")
    )


def _spellings(rule: Any) -> Iterator[str]:
    """Yield the names that a rule matches exactly, and the beginnings that it matches."""
    for kind in ("equals", "starts_with"):
        if (name := getattr(rule, kind, None)) is not None:
            yield name.rstrip("-")
    for inner in (*(getattr(rule, "or_", None) or ()), *(getattr(rule, "and_", None) or ())):
        yield from _spellings(inner)
