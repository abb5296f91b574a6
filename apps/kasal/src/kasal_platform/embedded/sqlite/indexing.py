"""Makes, drops and lists indexes and collections, as the threads of a file run it."""

import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import bson
from pymongo.errors import OperationFailure

from kasal_platform.embedded.sqlite.catalog import PRIMARY, Table, TableIndex, index_of, same_index
from kasal_platform.embedded.sqlite.errors import INDEX_NOT_FOUND, INVALID_OPTIONS
from kasal_platform.embedded.sqlite.failures import refusal
from kasal_platform.embedded.sqlite.reading import View
from kasal_platform.embedded.sqlite.sending import DECODED, STORED
from kasal_platform.embedded.sqlite.session import WriteSession
from kasal_platform.embedded.sqlite.values import Document
from kasal_platform.embedded.sqlite.writer import MORE

_STEP = 0.02
"""Seconds for which one group of writes fills an index: the group's other writes wait as long."""


class CreateIndexes:
    """Makes the indexes that are missing, step by step, with other writes in between.

    How far an index has got is known to its table, so a call goes on where another one, of which nobody
    waits for the end any more, or which works beside it, has stopped.
    """

    def __init__(self, collection: str, wanted: Sequence[Mapping[str, Any]]) -> None:
        self._collection = collection
        self._wanted = [_plain(index) for index in wanted]

    def __call__(self, session: WriteSession) -> Any:
        for definition in self._wanted:
            index_of(0, definition)
        session.catalog.ensure(self._collection)
        until = time.monotonic() + _STEP
        for definition in self._wanted:
            table = session.catalog.tables[self._collection]
            known = table.indexes.get(definition["name"])
            missing = known is None or not same_index(known, definition)
            if missing and not _make(session, table, definition, until):
                return MORE
        return None


def _plain(index: Mapping[str, Any]) -> Document:
    told = bson.decode(bson.encode({**index, "key": dict(index["key"])}), DECODED)
    return {"v": 2, **told}


def _make(session: WriteSession, table: Table, definition: Mapping[str, Any], until: float) -> bool:
    """Make an index, or go on making it; say whether it is complete. Raises `OperationFailure`."""
    index = table.building.get(definition["name"])
    if index is None or not same_index(index, definition):
        index = session.catalog.begin_index(table, definition)
        table = session.catalog.tables[table.name]
    try:
        complete = _fill(session, table, index, until)
    except OperationFailure:  # duplicates, or what no index can hold
        session.undo()
        session.catalog.give_up(table, index)
        raise
    session.begin_operation()
    if complete:
        session.catalog.show(table, index)
    return complete


def _fill(session: WriteSession, table: Table, index: TableIndex, until: float) -> bool:
    """Add entries until then, of one document at least; say whether all documents have theirs."""
    last, complete = index.filled, True
    sql = f"SELECT row, doc FROM {table.table} WHERE row > ? ORDER BY row"
    with contextlib.closing(session.connection.execute(sql, (last,))) as rows:
        for last, raw in rows:
            session.fill(table, index, last, bson.decode(raw, STORED))
            if time.monotonic() >= until:
                complete = False
                break
    # Only now: what a fault takes back has to be filled again.
    index.filled = last
    return complete


class DropIndex:
    """Drops one index."""

    def __init__(self, collection: str, name: str) -> None:
        self._collection = collection
        self._name = name

    def __call__(self, session: WriteSession) -> None:
        if self._name in {PRIMARY, "*"}:
            raise refusal(
                INVALID_OPTIONS, "cannot drop _id index; others are dropped by their names"
            )
        table = session.catalog.tables.get(self._collection)
        index = table.indexes.get(self._name) if table else None
        if table is None or index is None:
            raise refusal(INDEX_NOT_FOUND, f"index not found with name [{self._name}]")
        session.catalog.drop_index(table, index)


class Drop:
    """Drops a collection."""

    def __init__(self, collection: str) -> None:
        self._collection = collection

    def __call__(self, session: WriteSession) -> None:
        table = session.catalog.tables.get(self._collection)
        if table is not None:
            session.drop(table)


def index_definitions(view: View, collection: str) -> list[Document]:
    """Return the definitions of a collection's indexes."""
    table = view.tables.get(collection)
    if table is None:
        return []
    primary: Document = {"v": 2, "key": {"_id": 1}, "name": PRIMARY}
    return [primary, *(dict(index.definition) for index in table.indexes.values())]
