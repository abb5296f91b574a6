"""Save the databases into a folder, or bring them back: `make backup`, `make restore`.

The databases are those of `KASAL_MONGO_URL`; without one, those of `make run`, which must be stopped. The
folder is laid out as by mongodump: a folder for each database, in it each collection's documents as
BSON and its indexes as JSON. docs/how-to/backup.md says what belongs to a backup besides.
"""

import argparse
import asyncio
import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import bson
from backup_plan import LEFT_OUT, SERVICES, Beginning, Document, Mend, mends, ordered
from bson import json_util
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import PyMongoError

import auth.store.migrations
import crews.store.migrations
import executor.store.migrations
from common import migrations, mongo
from common.settings import MongoSettings, load
from kasal_platform.local import secantus
from kasal_platform.local.program import ProgramFailed

_SCHEMAS = {
    "auth": auth.store.migrations.SCHEMA,
    "crews": crews.store.migrations.SCHEMA,
    "executor": executor.store.migrations.SCHEMA,
}
_BATCH = 500
"""Documents that are written at once."""
_RAW: bson.CodecOptions[RawBSONDocument] = bson.CodecOptions(document_class=RawBSONDocument)


class CannotRestore(Exception):  # noqa: N818 - it says what happened
    """The folder or the databases are not as they must be; the text is one plain line."""


def main() -> None:
    parser = argparse.ArgumentParser(prog=Path(__file__).name, description=__doc__)
    parser.add_argument("verb", choices=["save", "restore"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--drop", action="store_true", help="restore over what there is")
    asked = parser.parse_args()
    try:
        with _settings() as settings, _client(settings) as client:
            if asked.verb == "save":
                save(client, settings, asked.folder)
            else:
                restore(client, settings, asked.folder, drop=asked.drop)
    except (CannotRestore, ProgramFailed, migrations.SchemaMismatch, OSError) as fault:
        sys.exit(str(fault))
    except PyMongoError as fault:
        sys.exit(f"The database refused or did not answer: {fault}")


@contextlib.contextmanager
def _settings() -> Iterator[MongoSettings]:
    if os.environ.get("KASAL_MONGO_URL"):
        yield load(MongoSettings)
        return
    folder = Path(os.environ.get("KASAL_DATA_DIR") or ".kasal") / "mongo"
    program = secantus.program(folder.resolve())
    program.start()
    try:
        program.wait()
        yield load(MongoSettings, mongo_url=program.url)
    finally:
        program.stop()


def _client(settings: MongoSettings) -> MongoClient[Document]:
    return MongoClient(settings.mongo_url, tz_aware=True, w="majority", journal=True)


def save(client: MongoClient[Document], settings: MongoSettings, folder: Path) -> None:
    """Write the databases into `folder`, which is there only when all of it is."""
    if folder.exists():
        raise CannotRestore(f"{folder} is there already: name a new folder.")
    partial = folder.with_name(folder.name + ".partial")
    databases = {name: client[settings.mongo_database_prefix + name] for name in SERVICES}
    rules = mends(beginning := Beginning.of(databases["executor"]))
    for service, database in databases.items():
        target = partial / database.name
        target.mkdir(parents=True, mode=0o700)
        for name in ordered(service, database.list_collection_names()):
            source: Iterable[Document] = database[name].find()
            if name == "counters":
                source = beginning.counters
            elif (service, name) not in rules:
                source = database[name].with_options(_RAW).find()  # type: ignore[assignment]
            count = _write(target / f"{name}.bson", source, rules.get((service, name)))
            (target / f"{name}.metadata.json").write_text(_metadata(database[name]))
            print(f"{database.name}.{name}: {count} documents")
    partial.rename(folder)
    print(f"saved in {folder}; keep KASAL_SECRET_KEY too, and apart from it")


def _write(path: Path, documents: Iterable[Document], mend: Mend | None) -> int:
    count = 0
    with path.open("wb") as file:
        for document in documents:
            kept = document if mend is None else mend(document)
            if kept is not None:
                file.write(bson.encode(kept))
                count += 1
        file.flush()
        os.fsync(file.fileno())
    return count


def _metadata(collection: Collection[Document]) -> str:
    indexes = [dict(index) for index in collection.list_indexes()]
    known = {"indexes": indexes, "collectionName": collection.name, "type": "collection"}
    return json_util.dumps({"options": {}, **known}, json_options=json_util.CANONICAL_JSON_OPTIONS)


def restore(
    client: MongoClient[Document], settings: MongoSettings, folder: Path, *, drop: bool
) -> None:
    """Bring the databases of `folder` back, and up to the schema of this code.

    Until its database is whole, no service starts on it. Raises `CannotRestore` before anything is
    written where the databases are not empty, or the backup is not whole or too new.
    """
    sources = {service: _source(folder, service) for service in SERVICES}
    databases = {name: client[settings.mongo_database_prefix + name] for name in SERVICES}
    for service, source in sources.items():
        for noted in _read(source / "schema.bson"):
            version = migrations.version_in(noted, _SCHEMAS[service], source.name)
            if version > _SCHEMAS[service].version:
                raise CannotRestore(f"{source} was saved by a newer version: restore it with that.")
    for database in databases.values():
        _make_room(client, database, drop=drop)
    for service, source in sources.items():
        paths = sorted(source.glob("*.bson"), key=lambda path: (path.stem == "schema", path.stem))
        for path in paths:
            if path.stem not in LEFT_OUT:
                count = _insert(databases[service][path.stem], _read(path))
                print(f"{databases[service].name}.{path.stem}: {count} documents")
    asyncio.run(_migrate(settings))


def _source(folder: Path, service: str) -> Path:
    found = [path for path in folder.glob(f"*{service}") if path.is_dir()]
    if len(found) != 1:
        raise CannotRestore(f"{folder} must hold one folder of the service {service}.")
    if not (found[0] / "schema.bson").exists():
        raise CannotRestore(f"{found[0]} has no schema.bson: it is no whole backup of {service}.")
    return found[0]


def _make_room(client: MongoClient[Document], database: Database[Document], *, drop: bool) -> None:
    filled = [
        name
        for name in database.list_collection_names()
        if name != "schema" and database[name].find_one({}, {"_id": 1}) is not None
    ]
    if filled and not drop:
        raise CannotRestore(
            f"{database.name} is not empty ({', '.join(sorted(filled))}): end all services and drop"
            " it, or say DROP=1 (--drop)."
        )
    client.drop_database(database.name)


def _read(path: Path) -> Iterator[RawBSONDocument]:
    with path.open("rb") as file:
        yield from bson.decode_file_iter(file, _RAW)


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


async def _migrate(settings: MongoSettings) -> None:
    async with mongo.connect(settings) as client:
        for service, schema in _SCHEMAS.items():
            await migrations.migrate(mongo.database(client, settings, service), schema, print)


if __name__ == "__main__":
    main()
