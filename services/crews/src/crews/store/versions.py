"""The versions of crews before the newest, in MongoDB.

A row has what lists show; what the version is made of is in it as compressed JSON, which only `find` reads.
"""

import asyncio
import zlib
from calendar import timegm
from collections.abc import Sequence
from datetime import datetime

from bson import Binary
from pymongo.errors import DuplicateKeyError

from common.storage.formats import FIELD as FORMAT
from common.storage.formats import format_of
from common.storage.ports import Database, Document
from common.storage.stores import mongo_store
from crews.domain.crew import Crew
from crews.domain.versions import VersionRow, row_of, too_many
from crews.store.documents import NEWEST, crew_format

_ROOM_EVERY = 16
"""After so many changes of a crew it is looked whether too many versions of it are kept."""
_ROW = {"content": 0}
_MOST_ROWS = 1_000
"""More than are ever kept: two hundred, and those of the last changes."""


@mongo_store
class MongoVersions:
    """The collection `crew_versions`. A document is written once; only `published_at` is added later."""

    def __init__(self, database: Database) -> None:
        self._versions = database["crew_versions"]

    async def keep(self, crew: Crew) -> None:
        content = await asyncio.to_thread(_pack, crew)
        row = row_of(crew, size=len(content))
        try:
            await self._versions.insert_one(
                {
                    "_id": _id(crew, crew.version),
                    "crew": _life(crew),
                    "crew_id": crew.id,
                    "workspace_id": crew.workspace_id,
                    "number": row.number,
                    "created_at": row.created_at,
                    "name": row.name,
                    "status": row.status,
                    "agents_count": row.agents_count,
                    "tasks_count": row.tasks_count,
                    "size": row.size,
                    "content": Binary(content),
                    FORMAT: crew_format(crew),
                }
            )
        except DuplicateKeyError:
            return

    async def find(self, crew: Crew, number: int) -> Crew | None:
        found = await self._versions.find_one({"_id": _id(crew, number)})
        if found is None:
            return None
        format_of(found, NEWEST, f"Version {number} of the crew {crew.id}")
        old = await asyncio.to_thread(_unpack, found["content"])
        return old.model_copy(update={"published_version": crew.published_version})

    async def of(self, crew: Crew) -> Sequence[VersionRow]:
        found = (
            self._versions.find({"crew": _life(crew)}, _ROW).sort("number", -1).limit(_MOST_ROWS)
        )
        return [_row(document) async for document in found]

    async def mark_published(self, crew: Crew, now: datetime) -> bool:
        kept = {"_id": _id(crew, crew.version)}
        marked = await self._versions.update_one(kept, {"$set": {"published_at": now}})
        return marked.matched_count == 1

    async def remove(self, crew: Crew) -> None:
        await self._versions.delete_many({"crew": _life(crew)})

    async def make_room(self, crew: Crew) -> None:
        """Remove the oldest versions of a crew that has many, now and then."""
        if crew.version % _ROOM_EVERY:
            return
        for row in too_many(await self.of(crew), crew.published_version):
            # One that is published at this moment stays.
            seen = {"$exists": False} if row.published_at is None else row.published_at
            await self._versions.delete_one({"_id": _id(crew, row.number), "published_at": seen})


def _life(crew: Crew) -> str:
    """Return what tells a crew from an earlier one of its id: the demo's ids come again."""
    born = timegm(crew.created_at.utctimetuple()) * 1000 + crew.created_at.microsecond // 1000
    return f"{crew.id}@{born}"


def _id(crew: Crew, number: int) -> str:
    return f"{_life(crew)}:{number}"


def _pack(crew: Crew) -> bytes:
    return zlib.compress(crew.model_dump_json(exclude={"published_version"}).encode(), 6)


def _unpack(content: bytes) -> Crew:
    return Crew.model_validate_json(zlib.decompress(content))


def _row(document: Document) -> VersionRow:
    return VersionRow(
        number=document["number"],
        created_at=document["created_at"],
        name=document["name"],
        status=document["status"],
        agents_count=document["agents_count"],
        tasks_count=document["tasks_count"],
        published_at=document.get("published_at"),
        size=document["size"],
    )
