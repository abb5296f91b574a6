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
_BYTES_OF_LEVEL = 7
"""A level has a type, an empty name with its end, a length and an end: shorter documents are not too deep."""


def bson_copy(document: Mapping[str, Any]) -> Document:
    """Return `document` as it would be read from a file. Raises what `bson` raises for other types."""
    return bson.decode(_as_bson(document), DECODED)


def to_insert(document: MutableMapping[str, Any], *, alone: bool = False) -> bytes:
    """Return `document` as BSON; give it an `_id` if it has none, as PyMongo does.

    Raises `DocumentTooLarge` for one that is sent `alone`; among others, it is refused where it is inserted.
    """
    if "_id" not in document:
        document["_id"] = ObjectId()
    raw = _as_bson(document)
    if alone and len(raw) > LARGEST:
        raise DocumentTooLarge(
            f"BSON document too large ({len(raw)} bytes): the most is {LARGEST} bytes."
        )
    return raw


def _as_bson(document: Mapping[str, Any]) -> bytes:
    try:
        raw = bson.encode(document, codec_options=DECODED)
    except RecursionError:
        raise _too_deep() from None
    if len(raw) > _BYTES_OF_LEVEL * DEEPEST:
        check_depth(document)
    return raw


def check_kind(change: Mapping[str, Any], *, replacing: bool = False) -> None:
    """Raise `ValueError`, as PyMongo does, for an update without operators or a replacement with them."""
    if replacing:
        validate_ok_for_replace(change)
    else:
        validate_ok_for_update(change)


def check_depth(document: Mapping[str, Any]) -> None:
    """Raise `OperationFailure` if documents and arrays lie too deep in one another."""
    level = _containers(document.values())
    for _ in range(DEEPEST):
        if not level:
            return
        level = [
            inner
            for outer in level
            for inner in _containers(outer.values() if isinstance(outer, dict) else outer)
        ]
    if level:
        raise _too_deep()


def _containers(values: Iterable[Any]) -> list[Any]:
    return [one for one in values if isinstance(one, (dict, list, tuple))]


def _too_deep() -> Exception:
    return refusal(OVERFLOW, f"the document has more than {DEEPEST} levels of nesting")
