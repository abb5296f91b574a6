"""Thins out what schemathesis makes of a document, so that trying every route stays affordable."""

import random
from collections.abc import Callable
from typing import Any

from schemathesis.generation.meta import CoveragePhaseData

_SHARE = 0.1
"""How many are kept of the further values of a kind at a place: each place is tried with six wrong types."""


def make_thinning(seed: int) -> Callable[[Any, Any], bool]:
    """Return a `filter_case` hook that keeps each kind of value at each place of each route once, and some more.

    A place is a part of the schema. Values that are tried at random are all kept.
    """
    chance = random.Random(seed)
    seen: set[tuple[Any, ...]] = set()

    def is_kept(context: Any, case: Any) -> bool:
        data = case.meta.phase.data
        if not isinstance(data, CoveragePhaseData):
            return True
        kind = (case.operation.label, data.scenario, data.location, data.parameter)
        if kind not in seen:
            seen.add(kind)
            return True
        return chance.random() < _SHARE

    return is_kept
