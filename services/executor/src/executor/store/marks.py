"""Marks: one job in so many has one, in a collection of its own.

SecantusDB reads all that an index has for a query before it sorts or limits. The marks of a stretch of time
tell how many jobs are in it, before they are read. An index of the executions would do, but SecantusDB
writes all of a document's index entries anew with each of a job's updates. A MongoDB needs no marks.
"""

import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pymongo import UpdateOne

from common.storage.mongo import Database, Document, is_secantus

MARKED = 128
ORDER = [("created_at", -1), ("_id", -1)]


def is_marked(job_id: str) -> bool:
    """Say whether the job gets a mark."""
    return zlib.crc32(job_id.encode()) % MARKED == 0


def marks_of(rows: Sequence[Mapping[str, Any]]) -> list[UpdateOne]:
    """Return the writes, which may be repeated, that mark those of the executions that get a mark."""
    return [
        UpdateOne(
            {"_id": row["_id"]},
            {"$set": {"workspace_id": row["workspace_id"], "created_at": row["created_at"]}},
            upsert=True,
        )
        for row in rows
        if is_marked(row["_id"])
    ]


class Marks:
    """The collection `marks`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._marks = database["marks"]
        self._needed: bool | None = None

    async def add(self, rows: Sequence[Document]) -> None:
        """Mark executions that are about to be stored; one too many harms nobody."""
        writes = marks_of(rows)
        if writes and await self.needed():
            await self._marks.bulk_write(writes, ordered=False)

    async def needed(self) -> bool:
        """Say whether the database is one that needs them."""
        if self._needed is None:
            self._needed = await is_secantus(self._database)
        return self._needed

    async def newest(
        self, workspace_id: str, after: datetime, upto: datetime, limit: int
    ) -> list[datetime]:
        """Return when the newest marked jobs made in a stretch were made, the newest first."""
        made = {"$gte": after, "$lt": upto}
        query = {"workspace_id": workspace_id, "created_at": made}
        rows = self._marks.find(query, {"created_at": 1}).sort(ORDER).limit(limit)
        return [row["created_at"] async for row in rows]
