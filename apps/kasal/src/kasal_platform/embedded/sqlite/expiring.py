"""Removes documents whose time is over, by the TTL indexes: what MongoDB does once a minute."""

from datetime import UTC, datetime, timedelta
from typing import Any

import bson

from kasal_platform.embedded.sqlite.catalog import Table, TableIndex
from kasal_platform.embedded.sqlite.sending import STORED
from kasal_platform.embedded.sqlite.session import Stored, WriteSession
from kasal_platform.embedded.sqlite.values import sort_key, type_bounds
from kasal_platform.embedded.sqlite.writer import MORE

_AT_ONCE = 200


class Sweep:
    """A chore of the writer: each group removes some documents, until none is left that has expired."""

    def __call__(self, session: WriteSession) -> Any:
        left = _AT_ONCE
        for table in session.catalog.tables.values():
            for index in table.indexes.values():
                if index.expires_after is not None and left > 0:
                    left -= _sweep(session, table, index, index.expires_after, left)
        return MORE if left <= 0 else None


def _sweep(session: WriteSession, table: Table, index: TableIndex, seconds: int, most: int) -> int:
    now = datetime.now(UTC) - timedelta(seconds=seconds)
    low, _ = type_bounds(now)
    rows = session.connection.execute(
        f"SELECT DISTINCT c.row, c.key, c.doc FROM {index.table} i CROSS JOIN {table.table} c"
        " ON c.row = i.row WHERE i.entry >= ? AND i.entry < ? LIMIT ?",
        (low, sort_key(now), most),
    ).fetchall()
    for row, key, raw in rows:
        session.begin_operation()
        session.remove(table, Stored(row, key, raw, bson.decode(raw, STORED)))
    return len(rows)
