"""What callers hand over, as BSON: on its way it is shared with nobody, and the thread that works on it decodes it."""

from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

import bson
from bson import ObjectId
from bson.codec_options import CodecOptions
from pymongo.common import validate_ok_for_replace, validate_ok_for_update
from pymongo.errors import DocumentTooLarge

from kasal_platform.embedded.sqlite.errors import OVERFLOW
from kasal_platform.embedded.sqlite.failures import refusal
from kasal_platform.embedded.sqlite.values import Document

DECODED: CodecOptions[Document] = CodecOptions(tz_aware=True)
"""How callers get documents."""
STORED: CodecOptions[Document] = CodecOptions()
"""How documents are read where no caller sees them: an aware time takes ten times as long to make."""
LARGEST = 16 * 1024 * 1024
"""Bytes of a document, as in MongoDB."""
DEEPEST = 100
"""Documents and arrays within one another, as in MongoDB."""
_LEVELS = (b"\x03", b"\x04", b".")
"""What each level has at least one of in BSON (bsonspec.org): the type of a document or an array, or a dot in a path."""


class Packed:
    """Documents on their way to a thread, by name."""

    __slots__ = ("_documents", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._documents: Document | None = None

    def __getitem__(self, name: str) -> Any:
        if self._documents is None:
            self._documents = bson.decode(self.raw, DECODED)
            self.raw = b""
        return self._documents.get(name)


def pack(**documents: Mapping[str, Any] | None) -> Packed:
    """Return the documents packed. Raises what `bson` raises for other types, `OperationFailure` if too deep."""
    raw = _as_bson(documents)
    if _may_be_too_deep(raw):
        for document in documents.values():
            check_depth(document or {})
    return Packed(raw)


def pack_change(
    query: Mapping[str, Any],
    change: Mapping[str, Any],
    *,
    replacing: bool = False,
    fields: Mapping[str, Any] | None = None,
) -> Packed:
    """Return `q` and `u` packed, an update or if `replacing` a document, and the projection `f`.

    Raises `ValueError`, as PyMongo does, for an update without operators or a replacement with them.
    """
    if replacing:
        validate_ok_for_replace(change)
    else:
        validate_ok_for_update(change)
    return pack(q=query, u=change, f=fields or None)


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
    if _may_be_too_deep(raw):
        check_depth(document)
    return raw


def _as_bson(document: Mapping[str, Any]) -> bytes:
    try:
        return bson.encode(document, codec_options=DECODED)
    except RecursionError:
        raise _too_deep() from None


def _may_be_too_deep(raw: bytes) -> bool:
    """Say quickly, for most documents, that they are not: counting bytes is not walking through values."""
    return sum(map(raw.count, _LEVELS)) >= DEEPEST


def check_depth(document: Mapping[str, Any]) -> None:
    """Raise `OperationFailure` if documents and arrays lie too deep in one another, or a path leads too deep."""
    operators = next(iter(document), "").startswith("$")
    level: list[tuple[Any, int]] = [(document, 0 if operators else 1)]
    while level:
        level = [inner for outer, depth in level for inner in _levels_in(outer, depth)]


def _levels_in(value: Any, depth: int) -> Iterable[tuple[Any, int]]:
    """Yield the containers in a container, each with its depth. Raises `OperationFailure`."""
    named = value.items() if isinstance(value, Mapping) else (("", inner) for inner in value)
    for name, inner in named:
        below = depth + name.count(".")
        if isinstance(inner, (dict, list, tuple)):
            below += 1
            yield inner, below
        if below > DEEPEST:
            raise _too_deep()


def _too_deep() -> Exception:
    return refusal(OVERFLOW, f"the document has more than {DEEPEST} levels of nesting")
