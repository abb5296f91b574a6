"""Refuses unknown query parameters: a misspelt filter would silently filter nothing."""

import difflib
from collections.abc import Collection
from urllib.parse import parse_qsl

from common.errors import several

_MOST_NAMED = 20
_LONGEST_NAME = 100


def check(given: Collection[str], known: Collection[str]) -> None:
    """Raise `InvalidRequest` if some of `given` are not `known`; it names them and the known ones."""
    unknown = sorted(set(given) - set(known))
    if not unknown:
        return
    faults = [
        {"field": name[:_LONGEST_NAME], "reason": _reason(name, known)}
        for name in unknown[:_MOST_NAMED]
    ]
    first = faults[0]
    raise several(faults, f"Unknown query parameter {first['field']!r}: {first['reason']}")


def check_none(query: bytes) -> None:
    """Raise `InvalidRequest` if a route without parameters is given any."""
    if query:
        check([name for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True)], ())


def _reason(name: str, known: Collection[str]) -> str:
    if not known:
        return "This route has no query parameters."
    meant = difflib.get_close_matches(name[:_LONGEST_NAME], known, 1)
    guess = f"Did you mean {meant[0]}? " if meant else ""
    return f"{guess}This route knows {', '.join(sorted(known))}."
