"""What the writer's thread does to a file: documents and their index entries, all or nothing.

Documents that were written lately are kept decoded, so that the next update of one reads nothing.
"""

import sqlite3
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import bson

from kasal_platform.embedded.sqlite.catalog import PRIMARY, Catalog, Table, TableIndex
from kasal_platform.embedded.sqlite.errors import duplicate_key
from kasal_platform.embedded.sqlite.keys import (
    Entries,
    entries,
    error_values,
    key_of,
    values,
    with_row,
)
from kasal_platform.embedded.sqlite.scanning import Observe
from kasal_platform.embedded.sqlite.sending import DECODED, STORED
from kasal_platform.embedded.sqlite.values import Document

_MOST_KEPT = 4 * 1024 * 1024
"""Bytes of the documents that are kept, as BSON; decoded they take a few times as many."""
_SECONDS_KEPT = 3.0
"""Seconds after its last write that a document is kept: one whose job waits is read again when the job goes on."""
_LARGEST_KEPT = 128 * 1024


class Stored:
    """A document as it is stored: its row, the key of its `_id`, its bytes, and what they say.

    `written` is when, on the monotonic clock, if it is kept.
    """

    __slots__ = ("document", "key", "raw", "row", "written")

    def __init__(self, row: int, key: bytes, raw: bytes, document: Document) -> None:
        self.row = row
        self.key = key
        self.raw = raw
        self.document = document
        self.written = 0.0


class WriteSession:
    """Reads and writes within the writer's transaction. Raises `sqlite3.Error` if the file fails."""

    def __init__(
        self, connection: sqlite3.Connection, database: str, observe: Observe | None = None
    ) -> None:
        self.connection = connection
        self.observe = observe
        self.catalog = Catalog(connection)
        self._database = database
        self._undo: list[tuple[str, tuple[Any, ...]]] = []
        self._touched: list[tuple[int, bytes]] = []
        self._kept: OrderedDict[tuple[int, bytes], Stored] = OrderedDict()
        self._kept_bytes = 0
        self._now = 0.0
        self._begun = False

    def begin(self) -> None:
        """Begin the transaction of a group."""
        self._now = time.monotonic()
        self.connection.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        self.connection.execute("COMMIT")
        self._forget_idle()

    def roll_back(self) -> None:
        """Forget the group, and what was kept of it."""
        self._undo.clear()
        self._touched.clear()
        self._kept.clear()
        self._kept_bytes = 0
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")
        self.catalog.load()

    def begin_operation(self) -> None:
        """Begin one operation, of which `undo` takes back everything."""
        self._undo.clear()
        self._touched.clear()

    def undo(self) -> None:
        """Take back what the operation has written so far."""
        for sql, parameters in reversed(self._undo):
            self.connection.execute(sql, parameters)
        for place in self._touched:
            self._forget(place)
        self.begin_operation()

    def fetch(self, table: Table, key: bytes) -> Stored | None:
        """Return the document whose `_id` has this key."""
        kept = self._kept.get((table.number, key))
        if kept is not None:
            return kept
        found = self.connection.execute(
            f"SELECT row, doc FROM {table.table} WHERE key = ?", (key,)
        ).fetchone()
        if found is None:
            return None
        return Stored(found[0], key, found[1], bson.decode(found[1], STORED))

    def insert(self, table: Table, key: bytes, raw: bytes, document: Document) -> Stored:
        """Add a document. Raises `DuplicateKeyError`."""
        try:
            row = self.connection.execute(
                f"INSERT INTO {table.table} (key, doc) VALUES (?, ?)", (key, raw)
            ).lastrowid
        except sqlite3.IntegrityError:
            raise self._duplicate(table, PRIMARY, {"_id": 1}, {"_id": document["_id"]}) from None
        assert row is not None  # noqa: S101 - it was inserted
        self._undo.append((f"DELETE FROM {table.table} WHERE row = ?", (row,)))
        for index in table.indexes_at(row):
            self._add(table, index, entries(index, document), row, document)
        stored = Stored(row, key, raw, document)
        self._keep(table, stored)
        return stored

    def replace(self, table: Table, old: Stored, raw: bytes, document: Document) -> Stored:
        """Put `document` in the place of `old`. Raises `DuplicateKeyError`."""
        for index in table.indexes_at(old.row):
            if _changes(index, old.document, document):
                self._move(table, index, old, document)
        update = f"UPDATE {table.table} SET doc = ? WHERE row = ?"
        self.connection.execute(update, (raw, old.row))
        self._undo.append((update, (old.raw, old.row)))
        stored = Stored(old.row, old.key, raw, document)
        self._keep(table, stored)
        return stored

    def remove(self, table: Table, old: Stored) -> None:
        """Remove a document."""
        for index in table.indexes_at(old.row):
            self._remove(index, entries(index, old.document).keys, old.row)
        self.connection.execute(f"DELETE FROM {table.table} WHERE row = ?", (old.row,))
        self._undo.append(
            (
                f"INSERT INTO {table.table} (row, key, doc) VALUES (?, ?, ?)",
                (old.row, old.key, old.raw),
            )
        )
        self._forget((table.number, old.key))

    def fill(self, table: Table, index: TableIndex, row: int, document: Document) -> None:
        """Add the entries of a document that was there before the index."""
        self._add(table, index, entries(index, document), row, document)

    def drop(self, table: Table) -> None:
        """Drop a collection, and forget its documents."""
        self.catalog.drop(table)
        for place in [place for place in self._kept if place[0] == table.number]:
            self._forget(place)

    def _add(
        self, table: Table, index: TableIndex, added: Entries, row: int, document: Document
    ) -> None:
        if added.multikey and not index.multikey:
            self.catalog.mark_multikey(index)
        for entry in with_row(index, added.keys, row):
            try:
                self.connection.execute(f"INSERT INTO {index.table} VALUES (?, ?)", (entry, row))
            except sqlite3.IntegrityError:
                raise self._duplicate_of(table, index, entry, document) from None
            self._undo.append((f"DELETE FROM {index.table} WHERE entry = ?", (entry,)))

    def _move(self, table: Table, index: TableIndex, old: Stored, document: Document) -> None:
        before, after = entries(index, old.document), entries(index, document)
        gone, new = before.keys - after.keys, after.keys - before.keys
        if len(gone) != 1 or len(new) != 1 or after.multikey:
            self._remove(index, gone, old.row)
            self._add(table, index, Entries(new, after.multikey), old.row, document)
            return
        (left,), (entry,) = with_row(index, gone, old.row), with_row(index, new, old.row)
        update = f"UPDATE {index.table} SET entry = ? WHERE entry = ?"
        try:
            self.connection.execute(update, (entry, left))
        except sqlite3.IntegrityError:
            raise self._duplicate_of(table, index, entry, document) from None
        self._undo.append((update, (left, entry)))

    def _remove(self, index: TableIndex, keys: frozenset[bytes], row: int) -> None:
        for entry in with_row(index, keys, row):
            self.connection.execute(f"DELETE FROM {index.table} WHERE entry = ?", (entry,))
            self._undo.append((f"INSERT INTO {index.table} VALUES (?, ?)", (entry, row)))

    def _duplicate_of(
        self, table: Table, index: TableIndex, entry: bytes, document: Document
    ) -> Exception:
        for value in values(index, document):
            if key_of(value) == entry:
                named = dict(zip(index.fields, error_values(value), strict=True))
                return self._duplicate(table, index.name, index.pattern, named)
        raise AssertionError(f"{index.name} has no such entry of this document")

    def _duplicate(
        self, table: Table, index: str, pattern: Mapping[str, Any], value: Document
    ) -> Exception:
        seen = bson.decode(bson.encode(value), DECODED)
        return duplicate_key(f"{self._database}.{table.name}", index, pattern, seen)

    def _keep(self, table: Table, stored: Stored) -> None:
        place = table.number, stored.key
        self._touched.append(place)
        self._forget(place)
        if len(stored.raw) > _LARGEST_KEPT:
            return
        stored.written = self._now
        self._kept[place] = stored
        self._kept_bytes += len(stored.raw)
        while self._kept_bytes > _MOST_KEPT:
            _, oldest = self._kept.popitem(last=False)
            self._kept_bytes -= len(oldest.raw)

    def _forget_idle(self) -> None:
        while self._kept:
            place = next(iter(self._kept))
            if self._kept[place].written > self._now - _SECONDS_KEPT:
                return
            self._forget(place)

    def _forget(self, place: tuple[int, bytes]) -> None:
        kept = self._kept.pop(place, None)
        if kept is not None:
            self._kept_bytes -= len(kept.raw)


_SCALARS = frozenset({str, int, bool, bytes, float, type(None)})
_GONE = object()


def _changes(index: TableIndex, before: Document, after: Document) -> bool:
    """Say whether the entries may differ: whether a field that they depend on does."""
    for name in index.touched_by:
        old, new = before.get(name, _GONE), after.get(name, _GONE)
        if old is new:
            continue
        if type(old) is not type(new) or type(old) not in _SCALARS or old != new:
            return True
    return False
