"""What callers hand over, as BSON keeps it: a copy that nobody else holds, with milliseconds and plain types."""

from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

import bson
from bson import ObjectId
from pymongo.common import validate_ok_for_replace, validate_ok_for_update
from pymongo.errors import DocumentTooLarge

from kasal_platform.embedded.sqlite.errors import OVERFLOW
from kasal_platform.embedded.sqlite.failures import refusal
from kasal_platform.embedded.sqlite.session import DECODED
from kasal_platform.embedded.sqlite.values import Document
from kasal_platform.embedded.sqlite.writing import LARGEST

DEEPEST = 100
"""Documents and arrays within one another, as in MongoDB."""


def bson_copy(document: Mapping[str, Any]) -> Document:
    """Return `document` as it would be read from a file. Raises what `bson` raises for other types."""
    check_depth(document)
    return bson.decode(bson.encode(document, codec_options=DECODED), DECODED)


def to_insert(document: MutableMapping[str, Any]) -> bytes:
    """Return `document` as BSON; give it an `_id` if it has none, as PyMongo does.

    Raises `DocumentTooLarge`.
    """
    if "_id" not in document:
        document["_id"] = ObjectId()
    check_depth(document)
    raw = bson.encode(document, codec_options=DECODED)
    if len(raw) > LARGEST:
        raise DocumentTooLarge(
            f"BSON document too large ({len(raw)} bytes): the most is {LARGEST} bytes."
        )
    return raw


def check_kind(change: Mapping[str, Any], *, replacing: bool = False) -> None:
    """Raise `ValueError`, as PyMongo does, for an update without operators or a replacement with them."""
    if replacing:
        validate_ok_for_replace(change)
    else:
        validate_ok_for_update(change)


def check_depth(value: Any, most: int = DEEPEST) -> None:
    """Raise `OperationFailure` if documents and arrays lie deeper than `most` in one another."""
    level: Iterable[Any] = (value,)
    for _ in range(most + 1):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise refusal(OVERFLOW, f"the document has more than {most} levels of nesting")


def _inside(value: Any) -> Iterable[Any]:
    found = value.values() if isinstance(value, Mapping) else value
    return [one for one in found if isinstance(one, (dict, list, tuple, Mapping))]
