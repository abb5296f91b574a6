"""Operations on documents, as the writer's thread runs them: each is a callable that takes a `WriteSession`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import bson
from pymongo.errors import OperationFailure

from kasal_platform.embedded.sqlite.catalog import Table
from kasal_platform.embedded.sqlite.errors import INVALID_ID, OBJECT_TOO_LARGE, TOO_LARGE
from kasal_platform.embedded.sqlite.failures import refusal
from kasal_platform.embedded.sqlite.matching import EVERY, Query, compile_query
from kasal_platform.embedded.sqlite.planning import Order
from kasal_platform.embedded.sqlite.projecting import compile_projection
from kasal_platform.embedded.sqlite.reading import Find, View, found_in_order, point_of
from kasal_platform.embedded.sqlite.scanning import Examined
from kasal_platform.embedded.sqlite.sending import DECODED, LARGEST, STORED, Packed
from kasal_platform.embedded.sqlite.session import Stored, WriteSession
from kasal_platform.embedded.sqlite.updating import Update, compile_update
from kasal_platform.embedded.sqlite.values import Document, sort_key
from kasal_platform.embedded.sqlite.writer import MORE

_AT_ONCE = 200
"""Documents that one group changes for an operation on many."""
_BYTES_AT_ONCE = 8 * 1024 * 1024


class Insert:
    """Inserts documents, given as BSON. Answers with the faults by their places."""

    def __init__(self, collection: str, rows: Sequence[bytes], *, ordered: bool) -> None:
        self._collection = collection
        self._rows = rows
        self._ordered = ordered
        self._next = 0
        self._faults: dict[int, OperationFailure] = {}

    def __call__(self, session: WriteSession) -> Any:
        table = session.catalog.ensure(self._collection)
        size = 0
        for place in range(self._next, min(len(self._rows), self._next + _AT_ONCE)):
            self._next = place + 1
            try:
                insert(session, table, self._rows[place])
            except OperationFailure as fault:
                session.undo()
                self._faults[place] = fault
                if self._ordered:
                    return self._faults
            session.begin_operation()
            size += len(self._rows[place])
            if size >= _BYTES_AT_ONCE:
                break
        return self._faults if self._next == len(self._rows) else MORE


def insert(session: WriteSession, table: Table, raw: bytes) -> Document:
    """Insert one document, and return it as it is stored."""
    if len(raw) > LARGEST:
        raise refusal(OBJECT_TOO_LARGE, f"object to insert too large. size in bytes: {len(raw)}")
    document = bson.decode(raw, STORED)
    session.insert(table, _id_key(document["_id"]), raw, document)
    return document


def _id_key(value: Any) -> bytes:
    if isinstance(value, list):
        raise refusal(INVALID_ID, "The '_id' value cannot be of type array")
    return sort_key(value)


@dataclass(frozen=True, slots=True)
class WriteOutcome:
    """What a write did: documents that matched and changed, and the `_id` of one that was made."""

    matched: int = 0
    modified: int = 0
    upserted: Any = None
    """In a list of its own, because an `_id` may be null."""


class Change:
    """Updates or replaces the first document that matches `q`, as `u` says, or makes one."""

    def __init__(
        self,
        collection: str,
        packed: Packed,
        *,
        upsert: bool = False,
        sort: Order = (),
    ) -> None:
        self._collection = collection
        self._packed = packed
        self._upsert = upsert
        self._sort = sort

    def __call__(self, session: WriteSession) -> WriteOutcome:
        return self.carry_out(session)[0]

    def carry_out(
        self, session: WriteSession
    ) -> tuple[WriteOutcome, Document | None, Document | None]:
        """Return what was done, and the document before and after."""
        sent = self._packed["q"]
        query, update = compile_query(sent), compile_update(self._packed["u"])
        table = session.catalog.tables.get(self._collection)
        old = _target(session, table, self._packed, query, self._sort)
        if table is not None and old is not None:
            new = update.apply(old.document)
            modified = put(session, table, old, new)
            return WriteOutcome(1, int(modified)), old.document, new
        if not self._upsert:
            return WriteOutcome(), None, None
        new = update.apply({}, inserting=True, query=query)
        insert(session, session.catalog.ensure(self._collection), encode(new))
        return WriteOutcome(upserted=[new["_id"]]), None, new


def put(session: WriteSession, table: Table, old: Stored, new: Document) -> bool:
    """Store `new` in the place of `old`; say whether it differs."""
    if next(iter(new)) != "_id":
        new = {"_id": new["_id"], **new}
    raw = encode(new)
    if raw == old.raw:
        return False
    session.replace(table, old, raw, new)
    return True


def encode(document: Document) -> bytes:
    """Return `document` as BSON. Raises `OperationFailure` if it is too large."""
    raw = bson.encode(document, codec_options=DECODED)
    if len(raw) > LARGEST:
        raise refusal(TOO_LARGE, f"Resulting document after update is larger than {LARGEST}")
    return raw


def _target(
    session: WriteSession, table: Table | None, packed: Packed, query: Query, sort: Order
) -> Stored | None:
    if table is None:
        return None
    sent = packed["q"]
    key = point_of(sent)
    if key is None:
        view = View(session.connection, session.catalog.tables, session.observe)
        key = _first_key(view, Find(table.name, packed, sort=sort, limit=1))
        return None if key is None else session.fetch(table, key)
    stored = session.fetch(table, key)
    if stored is not None and not query.matches(stored.document):
        stored = None
    if session.observe is not None:
        session.observe(Examined.of_one("write", table.name, sent, stored is not None))
    return stored


def _first_key(view: View, find: Find) -> bytes | None:
    slices = found_in_order(view, find, "write")
    for found in slices:
        if found:
            slices.close()
            return sort_key(found[0][1]["_id"])
    return None


class ChangeAll:
    """Updates, or without `u` deletes, all documents that match `q`; a part in each group."""

    def __init__(self, collection: str, packed: Packed) -> None:
        self._collection = collection
        self._packed = packed
        self._query = EVERY
        self._change: Update | None = None
        self._left: list[bytes] | None = None
        self._matched = self._modified = 0

    def __call__(self, session: WriteSession) -> Any:
        if self._left is None:
            self._query = compile_query(self._packed["q"])
            change = self._packed["u"]
            self._change = None if change is None else compile_update(change)
        table = session.catalog.tables.get(self._collection)
        if table is None:
            return WriteOutcome(self._matched, self._modified)
        if self._left is None:
            self._left = self._keys(session, table)
        size = 0
        done = 0
        while self._left and done < _AT_ONCE and size < _BYTES_AT_ONCE:
            stored = session.fetch(table, self._left.pop())
            done += 1
            if stored is not None and self._query.matches(stored.document):
                size += len(stored.raw)
                session.begin_operation()
                self._one(session, table, stored)
        return MORE if self._left else WriteOutcome(self._matched, self._modified)

    def _keys(self, session: WriteSession, table: Table) -> list[bytes]:
        """Return the documents to change: found first, since a change can move one within an index."""
        view = View(session.connection, session.catalog.tables, session.observe)
        keys = [
            sort_key(document["_id"])
            for found in found_in_order(view, Find(table.name, self._packed), "write")
            for _, document in found
        ]
        keys.reverse()
        return keys

    def _one(self, session: WriteSession, table: Table, stored: Stored) -> None:
        self._matched += 1
        if self._change is None:
            session.remove(table, stored)
            return
        new = self._change.apply(stored.document)
        self._modified += put(session, table, stored, new)


@dataclass(frozen=True, slots=True)
class DeleteOne:
    """Deletes the first document that matches."""

    collection: str
    packed: Packed

    def __call__(self, session: WriteSession) -> WriteOutcome:
        table = session.catalog.tables.get(self.collection)
        sent = self.packed["q"]
        stored = _target(session, table, self.packed, compile_query(sent), ())
        if table is None or stored is None:
            return WriteOutcome()
        session.remove(table, stored)
        return WriteOutcome(1)


@dataclass(frozen=True, slots=True)
class FindAndChange:
    """Changes one document and returns it as it was, or with `after` as it is."""

    change: Change
    packed: Packed
    after: bool

    def __call__(self, session: WriteSession) -> Document | None:
        _, before, after = self.change.carry_out(session)
        shown = after if self.after else before
        if shown is None:
            return None
        copied = bson.decode(bson.encode(shown, codec_options=DECODED), DECODED)
        return compile_projection(self.packed["f"]).apply(copied, self.packed["q"])


@dataclass(slots=True)
class Bulk:
    """Several writes, one after the other. Answers with what each did, or its fault."""

    writes: Sequence[Any]
    ordered: bool
    done: list[Any] = field(default_factory=list)

    def __call__(self, session: WriteSession) -> Any:
        upto = min(len(self.writes), len(self.done) + _AT_ONCE)
        for write in self.writes[len(self.done) : upto]:
            session.begin_operation()
            try:
                self.done.append(write(session))
            except OperationFailure as fault:
                session.undo()
                self.done.append(fault)
                if self.ordered:
                    return self.done
        return self.done if len(self.done) == len(self.writes) else MORE
