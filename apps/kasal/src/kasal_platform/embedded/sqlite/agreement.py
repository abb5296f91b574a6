"""Checks that the indexes of a file say what its documents say."""

import sqlite3
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import bson
from bson.errors import InvalidBSON

from kasal_platform.embedded.sqlite.catalog import Catalog, Table
from kasal_platform.embedded.sqlite.errors import pymongo_error
from kasal_platform.embedded.sqlite.keys import entries, with_row
from kasal_platform.embedded.sqlite.sending import STORED
from kasal_platform.embedded.sqlite.values import Document, sort_key

MOST_TOLD = 20


def disagreements_in(path: Path, most: int = MOST_TOLD) -> list[str]:
    """Return a line for each fault of the file `path`, at most `most`; none if all is well.

    It reads the whole file, as it was at one moment, also while it is in use. Raises `PyMongoError` if it
    cannot be read.
    """
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
    except sqlite3.Error as fault:
        raise pymongo_error(fault, path) from fault
    try:
        connection.execute("BEGIN")
        tables = Catalog(connection).tables.values()
        found = (line for table in tables for line in _faults(connection, table))
        return list(islice(found, most))
    except sqlite3.Error as fault:
        raise pymongo_error(fault, path) from fault
    finally:
        connection.close()


def _faults(connection: sqlite3.Connection, table: Table) -> Iterator[str]:
    expected = dict.fromkeys(table.indexes, 0)
    rows = connection.execute(f"SELECT row, key, doc FROM {table.table} ORDER BY row")
    for row, key, raw in rows:
        try:
            document = bson.decode(raw, STORED)
        except InvalidBSON as fault:
            yield f"{table.name}: the document in row {row} cannot be read: {fault}"
            continue
        if sort_key(document["_id"]) != key:
            yield f"{table.name}: {document['_id']!r} lies under another key"
        yield from _missing(connection, table, row, document, expected)
    for name, index in table.indexes.items():
        (many,) = connection.execute(f"SELECT count(*) FROM {index.table}").fetchone()
        if many != expected[name]:
            yield f"{table.name}: {name} has {many} entries, and the documents {expected[name]}"


def _missing(
    connection: sqlite3.Connection,
    table: Table,
    row: int,
    document: Document,
    expected: dict[str, int],
) -> Iterator[str]:
    for name, index in table.indexes.items():
        for entry in with_row(index, entries(index, document).keys, row):
            expected[name] += 1
            known = connection.execute(
                f"SELECT row FROM {index.table} WHERE entry = ?", (entry,)
            ).fetchone()
            if known != (row,):
                yield f"{table.name}: {name} has no entry of {document['_id']!r}"
