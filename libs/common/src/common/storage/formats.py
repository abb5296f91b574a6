"""The format of single documents: one of a newer version is refused, lest it be mangled.

The rule is in docs/reference/schema.md. A document says its format in the field `format`; one that says
nothing is of format 1.
"""

from collections.abc import Mapping
from typing import Any

from common.errors import Unavailable

FIELD = "format"


class NewerFormat(Unavailable):
    """A document was written by a newer version of Kasal: leave it alone.

    To a client it is a 503 with `Retry-After`: in the middle of an upgrade, the next process that
    is asked may well be a newer one.
    """


def format_of(document: Mapping[str, Any], newest: int, what: str) -> int:
    """Return the format of `document`. Raises `NewerFormat` if it is above `newest`.

    `what` names the document in the message.
    """
    found = int(document.get(FIELD, 1))
    if found > newest:
        raise NewerFormat(
            f"{what} was written by a newer version of Kasal than this process (format {found};"
            f" it reads {newest}). Try again, or upgrade."
        )
    return found
