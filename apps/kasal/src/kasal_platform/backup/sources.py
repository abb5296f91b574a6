"""What a backup reads: the databases of the services, on a MongoDB or in copies of the embedded form's files."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import bson
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database

Document = dict[str, Any]
_RAW: bson.CodecOptions[RawBSONDocument] = bson.CodecOptions(document_class=RawBSONDocument)


class BackupSource(Protocol):
    """One database. Documents are BSON."""

    @property
    def name(self) -> str: ...

    def collections(self) -> Sequence[str]: ...

    def documents(self, collection: str) -> Iterator[bytes]: ...

    def indexes(self, collection: str) -> Sequence[Document]: ...


class MongoSource:
    """A database of a MongoDB, in which services may be writing. Fulfils `BackupSource`."""

    def __init__(self, database: Database[Document]) -> None:
        self._database = database
        self.name = database.name

    def collections(self) -> Sequence[str]:
        return self._database.list_collection_names()

    def documents(self, collection: str) -> Iterator[bytes]:
        for document in self._database[collection].with_options(_RAW).find():
            yield bytes(document.raw)

    def indexes(self, collection: str) -> Sequence[Document]:
        return [dict(index) for index in self._database[collection].list_indexes()]
