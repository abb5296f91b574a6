"""Makes, drops and lists indexes and collections, as the threads of a file run it."""

from collections.abc import Mapping, Sequence
from typing import Any

import bson

from kasal_platform.embedded.sqlite.catalog import PRIMARY, Table, TableIndex, index_of, same_index
from kasal_platform.embedded.sqlite.errors import INDEX_NOT_FOUND, INVALID_OPTIONS
from kasal_platform.embedded.sqlite.failures import refusal
from kasal_platform.embedded.sqlite.reading import View
from kasal_platform.embedded.sqlite.sending import DECODED, STORED
from kasal_platform.embedded.sqlite.session import WriteSession
from kasal_platform.embedded.sqlite.values import Document

_ROWS = 500


class CreateIndexes:
    """Makes the indexes that are missing, with their entries, in one transaction."""

    def __init__(self, collection: str, wanted: Sequence[Mapping[str, Any]]) -> None:
        self._collection = collection
        self._wanted = [_plain(index) for index in wanted]

    def __call__(self, session: WriteSession) -> None:
        for definition in self._wanted:
            index_of(0, definition)
        table = session.catalog.ensure(self._collection)
        for definition in self._wanted:
            known = table.indexes.get(definition["name"])
            if known is None or not same_index(known, definition):
                _make(session, session.catalog.tables[table.name], definition)
                table = session.catalog.tables[table.name]


def _plain(index: Mapping[str, Any]) -> Document:
    told = bson.decode(bson.encode({**index, "key": dict(index["key"])}), DECODED)
    return {"v": 2, **told}


def _make(session: WriteSession, table: Table, definition: Mapping[str, Any]) -> None:
    index = session.catalog.add_index(table, definition)
    try:
        _fill(session, table, index)
    except BaseException:
        session.catalog.drop_index(table, index)
        session.begin_operation()
        raise
    session.catalog.show(table, index)


def _fill(session: WriteSession, table: Table, index: TableIndex) -> None:
    last = 0
    sql = f"SELECT row, doc FROM {table.table} WHERE row > ? ORDER BY row LIMIT ?"
    while rows := session.connection.execute(sql, (last, _ROWS)).fetchall():
        for row, raw in rows:
            session.fill(table, index, row, bson.decode(raw, STORED))
        last = rows[-1][0]
        session.begin_operation()


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
