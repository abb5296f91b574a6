"""The collections of a file and their indexes, as its table `catalog` keeps them."""

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import bson

from kasal_platform.embedded.sqlite.errors import (
    CANNOT_CREATE_INDEX,
    INDEX_OPTIONS_CONFLICT,
    INVALID_NAMESPACE,
)
from kasal_platform.embedded.sqlite.failures import refusal, unknown_here
from kasal_platform.embedded.sqlite.matching import Query, compile_query

Document = dict[str, Any]

PRIMARY = "_id_"
_KNOWN = frozenset(
    {"key", "name", "v", "unique", "sparse", "expireAfterSeconds", "partialFilterExpression"}
)
SCHEMA = """
CREATE TABLE IF NOT EXISTS catalog (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  collection TEXT NOT NULL,
  definition BLOB,
  multikey INTEGER NOT NULL DEFAULT 0
) STRICT;
"""
"""A row without a definition is a collection, `c<number>`; one with it is an index, `i<number>`."""
_BUILDING = "CREATE TABLE IF NOT EXISTS building (number INTEGER PRIMARY KEY) STRICT"
"""The indexes that are not in the catalog because they have not all entries yet. What a process that died
leaves here goes when the next index is made."""


@dataclass(slots=True)
class TableIndex:
    """An index and its table. `partial` is its filter; a `multikey` one has several entries a document."""

    number: int
    name: str
    fields: tuple[str, ...]
    parts: tuple[tuple[str, ...], ...]
    """The names in each field's path."""
    definition: Document
    unique: bool
    sparse: bool
    expires_after: int | None
    partial: Query | None
    multikey: bool = False
    touched_by: frozenset[str] = frozenset()
    """The top-level fields that its entries depend on."""
    filled: int = 0
    """The last row with entries, while it is built."""

    @property
    def table(self) -> str:
        return f"i{self.number}"

    @property
    def pattern(self) -> Mapping[str, Any]:
        return dict(self.definition["key"])


@dataclass(slots=True)
class Table:
    """A collection and its indexes by name; `_id` needs none beside the table itself."""

    number: int
    name: str
    indexes: dict[str, TableIndex] = field(default_factory=dict)
    building: dict[str, TableIndex] = field(default_factory=dict)
    """Indexes that no query uses yet: writes keep their entries up to the row that they are filled to."""

    @property
    def table(self) -> str:
        return f"c{self.number}"

    def indexes_at(self, row: int) -> Iterable[TableIndex]:
        """Return the indexes that have to have entries of the document in this row."""
        if not self.building:
            return self.indexes.values()
        building = (index for index in self.building.values() if row <= index.filled)
        return (*self.indexes.values(), *building)


def index_of(number: int, definition: Mapping[str, Any], multikey: bool = False) -> TableIndex:
    """Return the index of MongoDB's `definition`. Raises `OperationFailure` for what is not known."""
    if unknown := definition.keys() - _KNOWN:
        raise unknown_here(f"these options of an index: {sorted(unknown)}")
    partial = definition.get("partialFilterExpression")
    paths = tuple(definition["key"])
    _check(definition, paths)
    return TableIndex(
        number=number,
        name=definition["name"],
        fields=paths,
        parts=tuple(tuple(path.split(".")) for path in paths),
        definition=dict(definition),
        unique=bool(definition.get("unique")),
        sparse=bool(definition.get("sparse")),
        expires_after=definition.get("expireAfterSeconds"),
        partial=None if partial is None else compile_query(partial),
        multikey=multikey,
        touched_by=frozenset(path.partition(".")[0] for path in (*paths, *(partial or ()))),
    )


def _check(definition: Mapping[str, Any], paths: tuple[str, ...]) -> None:
    ways = list(definition["key"].values())
    if not paths or any(type(way) is bool or way != 1 for way in ways):
        raise unknown_here(f"an index with other keys than 1: {definition['key']}")
    if any(part.isdigit() or part.startswith("$") for path in paths for part in path.split(".")):
        raise unknown_here(f"an index of a place in an array: {paths}")
    if "expireAfterSeconds" in definition and len(paths) > 1:
        raise refusal(CANNOT_CREATE_INDEX, "TTL indexes are single-field indexes")
    for name in definition.get("partialFilterExpression", ()):
        if name.startswith("$"):
            raise unknown_here(f"{name} in the filter of an index")


class Catalog:
    """What a file holds. Only the writer's thread changes it; readers see whole changes."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.tables: dict[str, Table] = {}
        self.changes = 0
        """Counts tables made and dropped."""
        self._connection = connection
        self.load()

    def load(self) -> None:
        """Read it anew, as after a change that was rolled back."""
        rows = self._connection.execute(
            "SELECT number, collection, definition, multikey FROM catalog ORDER BY number"
        ).fetchall()
        tables: dict[str, Table] = {}
        for number, name, definition, multikey in rows:
            if definition is None:
                tables[name] = Table(number, name)
            else:
                index = index_of(number, bson.decode(definition), bool(multikey))
                tables[name].indexes[index.name] = index
        self.tables = tables

    def ensure(self, name: str) -> Table:
        """Return the table of the collection `name`; make it if there is none."""
        table = self.tables.get(name)
        if table is not None:
            return table
        self._check_name(name)
        number = self._add(name, None)
        self._connection.execute(
            f"CREATE TABLE c{number} ("
            "row INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, doc BLOB NOT NULL) STRICT"
        )
        self.tables = {**self.tables, name: Table(number, name)}
        return self.tables[name]

    @staticmethod
    def _check_name(name: str) -> None:
        if not name or "$" in name or "\x00" in name or name.startswith("."):
            raise refusal(INVALID_NAMESPACE, f"Invalid collection name: {name!r}")

    def begin_index(self, table: Table, definition: Mapping[str, Any]) -> TableIndex:
        """Make the table of a new index, without entries. It is used once it is complete (`show`)."""
        index_of(0, definition)
        self._drop_leftovers()
        number = self._add(table.name, None)
        self._connection.execute("DELETE FROM catalog WHERE number = ?", (number,))
        self._connection.execute("INSERT INTO building VALUES (?)", (number,))
        # A unique index has the values alone as its key; another adds the document's row.
        self._connection.execute(
            f"CREATE TABLE i{number} (entry BLOB PRIMARY KEY, row INTEGER NOT NULL)"
            " WITHOUT ROWID, STRICT"
        )
        index = index_of(number, definition)
        self._put(table, table.indexes, {**table.building, index.name: index})
        return index

    def _drop_leftovers(self) -> None:
        self._connection.execute(_BUILDING)
        tables = self.tables.values()
        known = {index.number for table in tables for index in table.building.values()}
        found = self._connection.execute("SELECT number FROM building").fetchall()
        for (number,) in found:
            if number not in known:
                self._drop_building(number)

    def _drop_building(self, number: int) -> None:
        self._connection.execute("DELETE FROM building WHERE number = ?", (number,))
        self._connection.execute(f"DROP TABLE i{number}")

    def _add(self, name: str, definition: bytes | None) -> int:
        self.changes += 1
        number = self._connection.execute(
            "INSERT INTO catalog (collection, definition) VALUES (?, ?)", (name, definition)
        ).lastrowid
        assert number is not None  # noqa: S101 - it was inserted
        return number

    def mark_multikey(self, index: TableIndex) -> None:
        """Note that the index has a document with several entries, or an array."""
        self._connection.execute(
            "UPDATE catalog SET multikey = 1 WHERE number = ?", (index.number,)
        )
        index.multikey = True

    def show(self, table: Table, index: TableIndex) -> None:
        """Have queries use an index that has its entries."""
        self.changes += 1
        self._connection.execute("DELETE FROM building WHERE number = ?", (index.number,))
        self._connection.execute(
            "INSERT INTO catalog (number, collection, definition, multikey) VALUES (?, ?, ?, ?)",
            (index.number, table.name, bson.encode(index.definition), int(index.multikey)),
        )
        self._put(table, {**table.indexes, index.name: index}, _without(table.building, index))

    def give_up(self, table: Table, index: TableIndex) -> None:
        """Drop an index that is being built."""
        self.changes += 1
        self._drop_building(index.number)
        self._put(table, table.indexes, _without(table.building, index))

    def drop_index(self, table: Table, index: TableIndex) -> None:
        """Drop an index and its entries."""
        self.changes += 1
        self._connection.execute("DELETE FROM catalog WHERE number = ?", (index.number,))
        self._connection.execute(f"DROP TABLE {index.table}")
        self._put(table, _without(table.indexes, index), table.building)

    def drop(self, table: Table) -> None:
        """Drop the collection and its indexes."""
        self.changes += 1
        for index in table.indexes.values():
            self._connection.execute("DELETE FROM catalog WHERE number = ?", (index.number,))
            self._connection.execute(f"DROP TABLE {index.table}")
        for index in table.building.values():
            self._drop_building(index.number)
        self._connection.execute("DELETE FROM catalog WHERE number = ?", (table.number,))
        self._connection.execute(f"DROP TABLE {table.table}")
        self.tables = {name: one for name, one in self.tables.items() if name != table.name}

    def _put(
        self, table: Table, indexes: dict[str, TableIndex], building: dict[str, TableIndex]
    ) -> None:
        # A new table and a new mapping: readers hold the old ones.
        changed = Table(table.number, table.name, indexes, building)
        self.tables = {**self.tables, table.name: changed}


def _without(indexes: Mapping[str, TableIndex], gone: TableIndex) -> dict[str, TableIndex]:
    return {name: one for name, one in indexes.items() if one is not gone}


def same_index(known: TableIndex, wanted: Mapping[str, Any]) -> bool:
    """Say whether the index exists as `wanted`. Raises `OperationFailure` if it differs."""
    given = {name: value for name, value in wanted.items() if name != "v"}
    have = {name: value for name, value in known.definition.items() if name != "v"}
    if list(given["key"].items()) == list(have["key"].items()) and given == have:
        return True
    raise refusal(
        INDEX_OPTIONS_CONFLICT,
        f"An index with the name {known.name} exists with other fields or options",
    )
