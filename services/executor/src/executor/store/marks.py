"""Marks: a sample of the jobs, one in `MARKED`, in a collection of its own.

SecantusDB reads everything an index has for a query before it sorts or limits. The marks show roughly how
many jobs a time span has before they are read. An index on the executions would do too, but SecantusDB
rewrites all index entries of a document on every update. MongoDB needs no marks.
"""

import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pymongo import UpdateOne

from common.storage.mongo import is_secantus
from common.storage.ports import Database, Document

MARKED = 128
ORDER = [("created_at", -1), ("_id", -1)]


def is_marked(job_id: str) -> bool:
    """Say whether the job is one of the sample."""
    return zlib.crc32(job_id.encode()) % MARKED == 0


def marks_of(rows: Sequence[Mapping[str, Any]]) -> list[UpdateOne]:
    """Return idempotent writes that add marks for those executions that get one."""
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
        """Mark executions that are about to be stored. A mark without its execution does no harm."""
        writes = marks_of(rows)
        if writes and await self.needed():
            await self._marks.bulk_write(writes, ordered=False)

    async def needed(self) -> bool:
        """Say whether this database needs marks."""
        if self._needed is None:
            self._needed = await is_secantus(self._database)
        return self._needed

    async def newest(
        self, workspace_id: str, after: datetime, upto: datetime, limit: int
    ) -> list[datetime]:
        """Return when the newest marked jobs of a time span were made, newest first."""
        made = {"$gte": after, "$lt": upto}
        query = {"workspace_id": workspace_id, "created_at": made}
        rows = self._marks.find(query, {"created_at": 1}).sort(ORDER).limit(limit)
        return [row["created_at"] async for row in rows]
