"""Restore the databases from the folder of a backup."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bson

from common.storage import migrations
from common.storage.ports import Collection, Database, Document
from kasal_platform.backup.contents import Digest, Facts, check_contents, documents_in
from kasal_platform.backup.plan import LEFT_OUT, SERVICES
from kasal_platform.backup.sites import Site
from kasal_platform.console import say
from kasal_platform.databases import BackupRefused
from kasal_platform.schemas import SCHEMAS

_BATCH = 500
_BATCH_BYTES = 8 * 1024 * 1024
"""A write ends after so many documents, or after the one with which it holds so many bytes."""
_DECODED: bson.CodecOptions[Document] = bson.CodecOptions(tz_aware=True)


async def restore(folder: Path, site: Site, *, drop: bool) -> None:
    """Restore the databases in `folder` and migrate them to the schema of this code.

    No service starts on a database before it is complete. Raises `BackupRefused` before anything is
    changed if the databases are not empty, or the backup is incomplete, damaged or too new.
    """
    sources = checked_backup(folder)
    async with site.open_empty(drop=drop) as databases:
        for service, source in sources.items():
            await _fill(databases[service], source)
            await migrations.migrate(databases[service], SCHEMAS[service], say)


def checked_backup(folder: Path) -> Mapping[str, Path]:
    """Return the folder of each service's database in the backup, all of which has been read.

    Raises `BackupRefused` if it is incomplete, damaged or too new.
    """
    sources = {service: _source(folder, service) for service in SERVICES}
    for service, source in sources.items():
        for noted in documents_in(source / "schema.bson"):
            version = migrations.version_in(bson.decode(noted), SCHEMAS[service], source.name)
            if version > SCHEMAS[service].version:
                raise BackupRefused(f"{source} was saved by a newer version: restore it with that.")
    check_contents(folder)
    return sources


def _source(folder: Path, service: str) -> Path:
    found = [path for path in folder.glob(f"*{service}") if path.is_dir()]
    if len(found) != 1:
        raise BackupRefused(f"{folder} must hold one folder of the service {service}.")
    if not (found[0] / "schema.bson").exists():
        raise BackupRefused(
            f"{found[0]} has no schema.bson: it is not a complete backup of {service}."
        )
    return found[0]


async def _fill(database: Database, source: Path) -> None:
    """Insert the documents of a service; its version comes last."""
    paths = sorted(source.glob("*.bson"), key=lambda path: (path.stem == "schema", path.stem))
    for path in paths:
        if path.stem in LEFT_OUT:
            continue
        written = await _insert(database[path.stem], path)
        if await _facts(database[path.stem]) != written:
            raise BackupRefused(f"{database.name}.{path.stem} does not hold what {path} does.")
        say(f"{database.name}.{path.stem}: {written.documents} documents")


async def _insert(collection: Collection, path: Path) -> Facts:
    digest, batch, size = Digest(), list[dict[str, Any]](), 0
    for document in documents_in(path):
        digest.add(document)
        batch.append(bson.decode(document, _DECODED))
        size += len(document)
        if len(batch) == _BATCH or size >= _BATCH_BYTES:
            await collection.insert_many(batch)
            batch, size = [], 0
    if batch:
        await collection.insert_many(batch)
    return digest.facts


async def _facts(collection: Collection) -> Facts:
    digest = Digest()
    async for document in collection.find({}):
        digest.add(bson.encode(document))
    return digest.facts
