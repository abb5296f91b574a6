"""The format of single documents: documents of newer versions are refused, so that they are not damaged.

The rule is in docs/reference/schema.md. The field `format` of a document contains its format; without it
the format is 1.
"""

from collections.abc import Mapping
from typing import Any

from common.errors import Unavailable

FIELD = "format"


class NewerFormat(Unavailable):
    """A document was written by a newer version of Kasal: leave it alone.

    A client gets a 503 with `Retry-After`: during an upgrade, the next process may be a newer one.
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
