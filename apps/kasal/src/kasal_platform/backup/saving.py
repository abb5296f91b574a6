"""Save the databases in a folder, in the layout of mongodump.

Each database has a folder with each collection's documents as BSON and its indexes as JSON.
"""

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import bson
from bson import json_util
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.collection import Collection

from common.settings import MongoSettings
from kasal_platform.backup.plan import (
    SERVICES,
    Beginning,
    Document,
    Mend,
    collections_in_order,
    mends,
)
from kasal_platform.console import say
from kasal_platform.databases import BackupRefused

_RAW: bson.CodecOptions[RawBSONDocument] = bson.CodecOptions(document_class=RawBSONDocument)


def save(client: MongoClient[Document], settings: MongoSettings, folder: Path) -> None:
    """Write the databases into `folder`, which appears only when it is complete.

    Raises `BackupRefused` if the folder exists.
    """
    with _new_folder(folder) as partial:
        _save_all(client, settings, partial)
    say(f"saved in {folder}; keep KASAL_SECRET_KEY too, and apart from it")


@contextlib.contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """Yield a folder to fill: at the end of the block it becomes `folder`, after a fault it is removed."""
    if folder.exists():
        raise BackupRefused(f"{folder} exists already: name a new folder.")
    partial = folder.with_name(folder.name + ".partial")
    try:
        partial.mkdir(parents=True, mode=0o700)
    except FileExistsError:
        raise BackupRefused(
            f"{partial} exists: another backup is being saved there, or one was killed. "
            "Remove it, or name another folder."
        ) from None
    try:
        yield partial
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial)
        raise


def _save_all(client: MongoClient[Document], settings: MongoSettings, into: Path) -> None:
    databases = {name: client[settings.mongo_database_prefix + name] for name in SERVICES}
    rules = mends(beginning := Beginning.of(databases["executor"]))
    for service, database in databases.items():
        target = into / database.name
        target.mkdir(mode=0o700)
        for name in collections_in_order(service, database.list_collection_names()):
            source: Iterable[Document] = database[name].find()
            if name == "counters":
                source = beginning.counters
            elif (service, name) not in rules:
                source = database[name].with_options(_RAW).find()  # type: ignore[assignment]
            count = _write(target / f"{name}.bson", source, rules.get((service, name)))
            (target / f"{name}.metadata.json").write_text(_metadata(database[name]))
            say(f"{database.name}.{name}: {count} documents")


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
