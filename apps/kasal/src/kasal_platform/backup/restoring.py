"""Restore the databases from the folder of a backup."""

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import bson
from bson.errors import InvalidBSON
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.database import Database

from common.settings import MongoSettings
from common.storage import migrations
from kasal_platform.backup.plan import LEFT_OUT, SERVICES, Document
from kasal_platform.console import say
from kasal_platform.databases import BackupRefused
from kasal_platform.schemas import SCHEMAS, migrate_all

_BATCH = 500
"""Documents per write."""
_RAW: bson.CodecOptions[RawBSONDocument] = bson.CodecOptions(document_class=RawBSONDocument)


def restore(
    client: MongoClient[Document], settings: MongoSettings, folder: Path, *, drop: bool
) -> None:
    """Restore the databases in `folder` and migrate them to the schema of this code.

    No service starts on a database before it is complete. Raises `BackupRefused` before anything is
    written if the databases are not empty, or the backup is incomplete, damaged or too new.
    """
    sources = {service: _source(folder, service) for service in SERVICES}
    databases = {name: client[settings.mongo_database_prefix + name] for name in SERVICES}
    for service, source in sources.items():
        for noted in _read(source / "schema.bson"):
            version = migrations.version_in(noted, SCHEMAS[service], source.name)
            if version > SCHEMAS[service].version:
                raise BackupRefused(f"{source} was saved by a newer version: restore it with that.")
    for path in (path for source in sources.values() for path in source.glob("*.bson")):
        for _ in _read(path):
            pass  # a damaged file must not cost the data that it would replace
    for database in databases.values():
        _make_room(client, database, drop=drop)
    for service, source in sources.items():
        paths = sorted(source.glob("*.bson"), key=lambda path: (path.stem == "schema", path.stem))
        for path in paths:
            if path.stem not in LEFT_OUT:
                count = _insert(databases[service][path.stem], _read(path))
                say(f"{databases[service].name}.{path.stem}: {count} documents")
    asyncio.run(migrate_all(settings, say))


def _source(folder: Path, service: str) -> Path:
    found = [path for path in folder.glob(f"*{service}") if path.is_dir()]
    if len(found) != 1:
        raise BackupRefused(f"{folder} must hold one folder of the service {service}.")
    if not (found[0] / "schema.bson").exists():
        raise BackupRefused(
            f"{found[0]} has no schema.bson: it is not a complete backup of {service}."
        )
    return found[0]


def _make_room(client: MongoClient[Document], database: Database[Document], *, drop: bool) -> None:
    filled = [
        name
        for name in database.list_collection_names()
        if name != "schema" and database[name].find_one({}, {"_id": 1}) is not None
    ]
    if filled and not drop:
        raise BackupRefused(
            f"{database.name} is not empty ({', '.join(sorted(filled))}): end all services and drop"
            " it, or say DROP=1 (--drop)."
        )
    client.drop_database(database.name)


def _read(path: Path) -> Iterator[RawBSONDocument]:
    try:
        with path.open("rb") as file:
            yield from bson.decode_file_iter(file, _RAW)
    except InvalidBSON as fault:
        raise BackupRefused(f"{path} is damaged: {fault}") from None


def _insert(collection: Collection[Any], documents: Iterable[RawBSONDocument]) -> int:
    count, batch = 0, []
    for document in documents:
        batch.append(document)
        if len(batch) == _BATCH:
            collection.insert_many(batch)
            count, batch = count + len(batch), []
    if batch:
        collection.insert_many(batch)
    return count + len(batch)
