"""What stores need of a database: MongoDB's collections, with the methods and options that stores use.

PyMongo's asynchronous classes fit, and so does the embedded form's SQLite. Filters, updates and indexes are
MongoDB's, results and exceptions are PyMongo's, whatever is behind.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol, Self

from pymongo import IndexModel, UpdateOne
from pymongo.results import (
    BulkWriteResult,
    DeleteResult,
    InsertManyResult,
    InsertOneResult,
    UpdateResult,
)

Document = dict[str, Any]
Order = Sequence[tuple[str, int]]
"""Fields to sort by, each with 1 (ascending) or -1."""


class Cursor(Protocol):
    """The documents that a query finds. It is read once, by `async for` or `to_list`."""

    def sort(self, key: str | Order, direction: int | None = None, /) -> Self: ...

    def limit(self, most: int, /) -> Self: ...

    def batch_size(self, size: int, /) -> Self: ...

    def __aiter__(self) -> AsyncIterator[Document]: ...

    async def to_list(self) -> list[Document]: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None: ...


class Collection(Protocol):
    """One collection."""

    def find(
        self, query: Mapping[str, Any] = ..., fields: Mapping[str, Any] | None = None, /
    ) -> Cursor: ...

    async def find_one(
        self,
        query: Mapping[str, Any],
        fields: Mapping[str, Any] | None = None,
        /,
        *,
        sort: Order | None = None,
    ) -> Document | None: ...

    async def find_one_and_update(
        self,
        query: Mapping[str, Any],
        change: Mapping[str, Any],
        fields: Mapping[str, Any] | None = None,
        /,
        *,
        upsert: bool = False,
        return_document: bool = ...,
    ) -> Document | None: ...

    async def count_documents(self, query: Mapping[str, Any], /, *, limit: int) -> int: ...

    async def distinct(self, field: str, query: Mapping[str, Any], /) -> list[Any]: ...

    async def insert_one(self, document: Document, /) -> InsertOneResult: ...

    async def insert_many(
        self, documents: Sequence[Document], /, *, ordered: bool = True
    ) -> InsertManyResult: ...

    async def update_one(
        self, query: Mapping[str, Any], change: Mapping[str, Any], /, *, upsert: bool = False
    ) -> UpdateResult: ...

    async def update_many(
        self, query: Mapping[str, Any], change: Mapping[str, Any], /
    ) -> UpdateResult: ...

    async def replace_one(
        self, query: Mapping[str, Any], document: Document, /, *, upsert: bool = False
    ) -> UpdateResult: ...

    async def delete_one(self, query: Mapping[str, Any], /) -> DeleteResult: ...

    async def delete_many(self, query: Mapping[str, Any], /) -> DeleteResult: ...

    async def bulk_write(
        self, writes: Sequence[UpdateOne], /, *, ordered: bool = True
    ) -> BulkWriteResult: ...

    async def create_indexes(self, indexes: list[IndexModel], /) -> list[str]: ...

    async def index_information(self) -> Mapping[str, Any]: ...

    async def drop_index(self, name: str, /) -> None: ...

    async def drop(self) -> None: ...


class Database(Protocol):
    """The database of one service."""

    @property
    def name(self) -> str: ...

    def __getitem__(self, collection: str, /) -> Collection: ...

    async def list_collection_names(self) -> list[str]: ...

    async def command(self, command: str, /) -> Mapping[str, Any]:
        """Carry out `ping` or `buildInfo`, and return the answer."""


class OpenDatabase(Protocol):
    """A database and what keeps it open."""

    @property
    def database(self) -> Database: ...

    async def check(self) -> None:
        """Return if the database can be used; otherwise raise PyMongo's exception. A readiness check."""

    async def close(self) -> None:
        """Close it; the database must not be used any more."""
