"""Save the databases in a folder, in the layout of mongodump.

Each database has a folder with each collection's documents as BSON and its indexes as JSON.
"""

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import bson
from bson import json_util

from kasal_platform.backup.contents import Digest, Facts, check_contents, note_contents
from kasal_platform.backup.plan import Beginning, Mend, collections_in_order, mends
from kasal_platform.backup.sites import Site
from kasal_platform.backup.sources import BackupSource, Document
from kasal_platform.console import say
from kasal_platform.databases import BackupRefused

_DECODED: bson.CodecOptions[Document] = bson.CodecOptions(tz_aware=True)


def save_site(site: Site, folder: Path) -> None:
    """Save the databases of `site` in `folder`, which appears only when it is complete.

    Raises `BackupRefused` if the folder exists, or a database is damaged.
    """
    with _new_folder(folder) as partial, _room_in(partial) as room, site.sources(room) as sources:
        save(sources.by_service, sources.beginning, partial)
    say(f"saved in {folder}; keep KASAL_SECRET_KEY too, and apart from it")


@contextlib.contextmanager
def _room_in(folder: Path) -> Iterator[Path]:
    """Yield a folder that is gone after the block."""
    room = folder / "room"
    room.mkdir(mode=0o700)
    try:
        yield room
    finally:
        shutil.rmtree(room)


@contextlib.contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """Yield a folder to fill: at the end of the block it becomes `folder`, after a fault it is removed.

    Raises `BackupRefused` if the folder exists.
    """
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


def save(sources: Mapping[str, BackupSource], beginning: Beginning, into: Path) -> None:
    """Write the databases of the services, by their names, into `into`, and read them again.

    Raises `BackupRefused` if what is read is not what was written.
    """
    rules = mends(beginning)
    facts: dict[str, Facts] = {}
    for service, source in sources.items():
        target = into / source.name
        target.mkdir(mode=0o700)
        for name in collections_in_order(service, source.collections()):
            documents: Iterable[bytes] = source.documents(name)
            if name == "counters":
                documents = beginning.counters
            saved = _write(target / f"{name}.bson", documents, rules.get((service, name)))
            (target / f"{name}.metadata.json").write_text(_metadata(source, name))
            facts[f"{source.name}/{name}.bson"] = saved
            say(f"{source.name}.{name}: {saved.documents} documents")
    note_contents(into, facts)
    check_contents(into)


def _write(path: Path, documents: Iterable[bytes], mend: Mend | None) -> Facts:
    digest = Digest()
    with path.open("wb") as file:
        for document in documents:
            kept = document if mend is None else _mend(document, mend)
            if kept is not None:
                file.write(kept)
                digest.add(kept)
        file.flush()
        os.fsync(file.fileno())
    return digest.facts


def _mend(document: bytes, mend: Mend) -> bytes | None:
    kept = mend(bson.decode(document, _DECODED))
    return None if kept is None else bson.encode(kept)


def _metadata(source: BackupSource, collection: str) -> str:
    known = {
        "indexes": source.indexes(collection),
        "collectionName": collection,
        "type": "collection",
    }
    return json_util.dumps({"options": {}, **known}, json_options=json_util.CANONICAL_JSON_OPTIONS)
