"""The newest executions that fit a filter: one query that an index answers in order.

SecantusDB reads all that an index has for a query before it sorts or limits. So there the same query
is asked for windows of time, from the newest on. How wide one may be is told by marks: one job in
`MARKED` has one, and so the marks of a stretch tell how many jobs are in it, before they are read.
"""

import zlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

from common.cursors import Place
from common.mongo import Database, Document, is_secantus
from common.times import utc_now

ORDER = [("created_at", -1), ("_id", -1)]
MARKED = 128
_PLACE = {"created_at": 1}
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(minutes=10)
"""How far the clocks of those who make jobs may be ahead."""
_FIRST_SPAN = timedelta(milliseconds=250)
_GROWTH = 6
_FEW, _MANY = 2, 512
"""Marks in the first window, and in one that follows windows in which hardly anything fits."""


def marked(job_id: str) -> bool:
    """Say whether the job's document gets a mark."""
    return zlib.crc32(job_id.encode()) % MARKED == 0


class Newest:
    """Reads where a page of executions is: ids and times, the newest first."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._executions = database["executions"]
        self._by_windows: bool | None = None

    async def places(
        self, equal: Document, before: Place | None, *, skip: int, limit: int
    ) -> list[Place]:
        """Return at most `limit` places of jobs with these fields, behind `before` and `skip` more."""
        wanted = skip + limit
        found: list[Place] = []
        upto = None
        if before is not None:
            upto, last = before
            same = {**equal, "created_at": upto, "_id": {"$lt": last}}
            found = await self._ordered(same, 0, wanted)
            if len(found) >= wanted:
                return found[skip:]
        if self._by_windows is None:
            self._by_windows = await is_secantus(self._database)
        if self._by_windows:
            async for rows in self._windows(equal, upto, wanted):
                found += rows
                if len(found) >= wanted:
                    break
            return found[skip:wanted]
        older = equal if upto is None else {**equal, "created_at": {"$lt": upto}}
        left = max(0, skip - len(found))
        return found[skip:] + await self._ordered(older, left, wanted - max(skip, len(found)))

    async def _ordered(self, query: Document, skip: int, limit: int) -> list[Place]:
        rows = self._executions.find(query, _PLACE).sort(ORDER).skip(skip).limit(limit)
        return [_place(row) async for row in rows]

    async def _windows(
        self, equal: Document, before: datetime | None, limit: int
    ) -> AsyncIterator[list[Place]]:
        upto, span, marks = before or utc_now() + _AHEAD, _FIRST_SPAN, _FEW
        if before is None:
            span += _AHEAD
        while upto > _LONG_AGO:
            after = max(upto - span, _LONG_AGO) if span.days < 3_650 else _LONG_AGO
            after = max(after, await self._dense(equal["workspace_id"], after, upto, marks))
            made: dict[str, Any] = {"$gte": after, "$lt": upto}
            rows = await self._ordered({**equal, "created_at": made}, 0, limit)
            yield rows
            upto, span = after, min(max(upto - after, _FIRST_SPAN) * _GROWTH, timedelta(days=7_300))
            if len(rows) < limit / 2:
                marks = min(marks * 4, _MANY)

    async def _dense(
        self, workspace_id: str, after: datetime, upto: datetime, marks: int
    ) -> datetime:
        """Return the moment since which so many marked jobs have been made, `after` if fewer were."""
        query = {
            "workspace_id": workspace_id,
            "mark": True,
            "created_at": {"$gte": after, "$lt": upto},
        }
        rows = self._executions.find(query, _PLACE).sort(ORDER).limit(marks)
        found = [row["created_at"] async for row in rows]
        return found[-1] if len(found) == marks else after


def _place(row: Document) -> Place:
    return row["created_at"], row["_id"]
