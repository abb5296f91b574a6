"""A collection with the methods of PyMongo's that stores use, and its results and exceptions."""

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from pymongo import DeleteOne, IndexModel, InsertOne, ReplaceOne, UpdateOne
from pymongo.errors import BulkWriteError, InvalidOperation, OperationFailure
from pymongo.results import (
    BulkWriteResult,
    DeleteResult,
    InsertManyResult,
    InsertOneResult,
    UpdateResult,
)

from kasal_platform.embedded.sqlite import bulk, indexing, reading, writing
from kasal_platform.embedded.sqlite.cursor import SqliteCursor, order_of
from kasal_platform.embedded.sqlite.errors import write_error
from kasal_platform.embedded.sqlite.reading import Find
from kasal_platform.embedded.sqlite.sending import Packed, pack, pack_change, to_insert
from kasal_platform.embedded.sqlite.values import Document

if TYPE_CHECKING:
    from kasal_platform.embedded.sqlite.client import SqliteDatabase

Order = str | Sequence[tuple[str, int]]


class SqliteCollection:
    """One collection. It is made when the first document or index is."""

    def __init__(self, database: "SqliteDatabase", name: str) -> None:
        self._database = database
        self.name = name

    @property
    def full_name(self) -> str:
        return f"{self._database.name}.{self.name}"

    async def _read(self, operation: str, work: Any) -> Any:
        return await self._database.read(operation, work)

    async def _write(self, operation: str, work: Any, size: int = 0) -> Any:
        return await self._database.write(operation, work, size)

    def find(
        self,
        query: Mapping[str, Any] | None = None,
        fields: Mapping[str, Any] | None = None,
        /,
        *,
        sort: Order | None = None,
        limit: int = 0,
        skip: int = 0,
    ) -> SqliteCursor:
        """Return a cursor of the documents that match."""
        found = self._find(query, fields, sort, limit, skip)
        return SqliteCursor(partial(self._read, "find"), found)

    async def find_one(
        self,
        query: Mapping[str, Any] | None = None,
        fields: Mapping[str, Any] | None = None,
        /,
        *,
        sort: Order | None = None,
    ) -> Document | None:
        """Return the first document that matches, or None."""
        found = self._find(query, fields, sort, 1)
        answer: Document | None = await self._read("find", partial(reading.find_one, find=found))
        return answer

    def _find(
        self,
        query: Mapping[str, Any] | None,
        fields: Mapping[str, Any] | None = None,
        sort: Order | None = None,
        limit: int = 0,
        skip: int = 0,
    ) -> Find:
        return Find(
            self.name,
            pack(q=query or {}, f=fields or None),
            order_of(sort) if sort else (),
            skip,
            limit,
        )

    async def count_documents(
        self, query: Mapping[str, Any], /, *, limit: int = 0, skip: int = 0
    ) -> int:
        """Return how many documents match, at most `limit` unless that is 0."""
        found = self._find(query, limit=limit, skip=skip)
        many: int = await self._read("count", partial(reading.count, find=found))
        return many

    async def distinct(self, field: str, query: Mapping[str, Any] | None = None, /) -> list[Any]:
        """Return the values that the field has in the documents that match."""
        found = self._find(query)
        work = partial(reading.distinct, find=found, field=field)
        values: list[Any] = await self._read("distinct", work)
        return values

    async def insert_one(self, document: MutableMapping[str, Any], /) -> InsertOneResult:
        """Insert a document, which gets an `_id` if it has none. Raises `DuplicateKeyError`."""
        raw = to_insert(document, alone=True)
        faults = await self._write(
            "insert", writing.Insert(self.name, [raw], ordered=True), len(raw)
        )
        if faults:
            raise write_error(faults[0])
        return InsertOneResult(document["_id"], True)

    async def insert_many(
        self, documents: Sequence[MutableMapping[str, Any]], /, *, ordered: bool = True
    ) -> InsertManyResult:
        """Insert documents; unless `ordered`, all that can be. Raises `BulkWriteError`."""
        if not documents:
            raise TypeError("documents must be a non-empty list")
        rows = [to_insert(document) for document in documents]
        faults: Mapping[int, OperationFailure] = await self._write(
            "insert", writing.Insert(self.name, rows, ordered=ordered), sum(map(len, rows))
        )
        if faults:
            last = min(faults) if ordered else len(rows)
            many = last if ordered else len(rows) - len(faults)
            raise BulkWriteError(
                bulk.totals(
                    {place: (fault, documents[place]) for place, fault in faults.items()},
                    inserted=many,
                )
            )
        return InsertManyResult([document["_id"] for document in documents], True)

    async def update_one(
        self, query: Mapping[str, Any], change: Mapping[str, Any], /, *, upsert: bool = False
    ) -> UpdateResult:
        """Update the first document that matches, or with `upsert` make one."""
        packed = pack_change(query, change)
        return await self._change(writing.Change(self.name, packed, upsert=upsert), packed)

    async def replace_one(
        self, query: Mapping[str, Any], document: Mapping[str, Any], /, *, upsert: bool = False
    ) -> UpdateResult:
        """Replace the first document that matches, or with `upsert` insert this one."""
        packed = pack_change(query, document, replacing=True)
        return await self._change(writing.Change(self.name, packed, upsert=upsert), packed)

    async def update_many(
        self, query: Mapping[str, Any], change: Mapping[str, Any], /
    ) -> UpdateResult:
        """Update all documents that match; each alone is changed as a whole or not at all."""
        packed = pack_change(query, change)
        return await self._change(writing.ChangeAll(self.name, packed), packed)

    async def _change(self, work: Any, packed: Packed) -> UpdateResult:
        try:
            done: writing.WriteOutcome = await self._write("update", work, len(packed.raw))
        except OperationFailure as fault:
            raise _as_write(fault) from None
        return UpdateResult(bulk.raw_result(done), True)

    async def delete_one(self, query: Mapping[str, Any], /) -> DeleteResult:
        """Delete the first document that matches."""
        work = writing.DeleteOne(self.name, pack(q=query))
        done: writing.WriteOutcome = await self._write("delete", work)
        return DeleteResult({"n": done.matched}, True)

    async def delete_many(self, query: Mapping[str, Any], /) -> DeleteResult:
        """Delete all documents that match."""
        work = writing.ChangeAll(self.name, pack(q=query))
        done: writing.WriteOutcome = await self._write("delete", work)
        return DeleteResult({"n": done.matched}, True)

    async def find_one_and_update(
        self,
        query: Mapping[str, Any],
        change: Mapping[str, Any],
        fields: Mapping[str, Any] | None = None,
        /,
        *,
        sort: Order | None = None,
        upsert: bool = False,
        return_document: bool = False,
    ) -> Document | None:
        """Update one document; return it as it was, or as `ReturnDocument.AFTER` says, as it is."""
        packed = pack_change(query, change, fields=fields)
        order = order_of(sort) if sort else ()
        work = writing.Change(self.name, packed, upsert=upsert, sort=order)
        found: Document | None = await self._write(
            "findAndModify",
            writing.FindAndChange(work, packed, return_document),
            len(packed.raw),
        )
        return found

    async def bulk_write(
        self,
        writes: Sequence[UpdateOne | InsertOne[Any] | ReplaceOne[Any] | DeleteOne],
        /,
        *,
        ordered: bool = True,
    ) -> BulkWriteResult:
        """Carry out writes, each alone; unless `ordered`, all that can be. Raises `BulkWriteError`."""
        if not writes:
            raise InvalidOperation("No operations to execute")
        prepared = [bulk.prepare(self.name, write) for write in writes]
        size = sum(one.size for one in prepared)
        work = writing.Bulk([one.work for one in prepared], ordered)
        done = await self._write("bulkWrite", work, size)
        return bulk.result(prepared, done)

    async def create_indexes(self, indexes: Sequence[IndexModel], /) -> list[str]:
        """Make the indexes that are missing. Raises `DuplicateKeyError`, or `OperationFailure` for others."""
        wanted = [dict(index.document) for index in indexes]
        await self._database.write(
            "createIndexes", indexing.CreateIndexes(self.name, wanted), unlimited=True
        )
        return [str(index["name"]) for index in wanted]

    async def create_index(self, keys: Order, /, **options: Any) -> str:
        """Make one index, with the options of `IndexModel`, and return its name."""
        return (await self.create_indexes([IndexModel(keys, **options)]))[0]

    async def drop_index(self, name: str, /) -> None:
        """Drop the index of this name. Raises `OperationFailure` if there is none."""
        await self._write("dropIndexes", indexing.DropIndex(self.name, name))

    async def drop(self) -> None:
        """Drop the collection with its indexes, if it is there."""
        await self._write("drop", indexing.Drop(self.name))

    async def list_indexes(self) -> list[Document]:
        """Return the indexes, `_id_` first; none if there is no collection."""
        found: list[Document] = await self._read(
            "listIndexes", partial(indexing.index_definitions, collection=self.name)
        )
        return found

    async def index_information(self) -> dict[str, Any]:
        """Return the keys and options of each index by its name."""
        return {
            index.pop("name"): {**index, "key": list(index["key"].items())}
            for index in await self.list_indexes()
        }


def _as_write(fault: OperationFailure) -> OperationFailure:
    away: Callable[[int | None], bool] = lambda code: code in {14_031, 24, 267, 1}  # noqa: E731
    return fault if away(fault.code) else write_error(fault)
