"""The newest closed executions that match a filter: one query that an index answers in order.

SecantusDB reads everything an index has for a query before it sorts or limits. There, the same query runs
on one time window after the other, newest first. Marks (`store.marks`) determine the width of a window.
"""

import itertools
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from common.storage.cursors import Place
from common.storage.ports import Database, Document
from common.times import utc_now
from executor.store.marks import ORDER, Marks

_PLACE = {"created_at": 1}
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(minutes=10)
"""How far the clocks of processes that make jobs may be ahead."""
_FIRST_SPAN = timedelta(milliseconds=250)
_GROWTH = 6
_FEW, _MANY = 2, 512
"""Marks in the first window, and at most in one after windows with hardly any match."""


def just_after(moment: datetime) -> datetime:
    """Return the next moment that the store can distinguish from `moment`.

    SecantusDB misses the upper bound of a `$lte` if the index has more fields after this one.
    """
    return moment + timedelta(milliseconds=1)


class Newest:
    """Reads the places of closed executions (times and ids), newest first."""

    def __init__(self, database: Database) -> None:
        self._executions = database["executions"]
        self._marks = Marks(database)
        self._by_windows = False

    async def places(
        self, equal: Document, statuses: Sequence[str], before: Place | None, limit: int
    ) -> list[Place]:
        """Return at most `limit` places of closed jobs with these fields, after `before`."""
        self._by_windows = await self._marks.needed()
        closed = {**equal, "open": None}
        found: list[Place] = []
        upto = None
        if before is not None:
            upto, last = before
            found = await self._places_in_order(
                closed, statuses, {"created_at": upto, "_id": {"$lt": last}}, limit
            )
        if len(found) >= limit:
            return found
        if not self._by_windows:
            older = {} if upto is None else {"created_at": {"$lt": upto}}
            return found + await self._places_in_order(closed, statuses, older, limit - len(found))
        async for rows in self._windows(closed, statuses, upto, limit):
            found += rows
            if len(found) >= limit:
                break
        return found[:limit]

    async def _places_in_order(
        self, closed: Document, statuses: Sequence[str], place: Document, limit: int
    ) -> list[Place]:
        if not self._by_windows:
            return await self._query({**closed, "status": {"$in": [*statuses]}, **place}, limit)
        found = [await self._query({**closed, "status": one, **place}, limit) for one in statuses]
        return sorted(itertools.chain(*found), reverse=True)[:limit]

    async def _query(self, query: Document, limit: int) -> list[Place]:
        rows = self._executions.find(query, _PLACE).sort(ORDER).limit(limit)
        return [(row["created_at"], row["_id"]) async for row in rows]

    async def _windows(
        self, closed: Document, statuses: Sequence[str], before: datetime | None, limit: int
    ) -> AsyncIterator[list[Place]]:
        upto, span, marks = before or utc_now() + _AHEAD, _FIRST_SPAN, _FEW
        if before is None:
            span += _AHEAD
        while upto > _LONG_AGO:
            after = max(upto - span, _LONG_AGO) if span.days < 3_650 else _LONG_AGO
            after = max(after, await self._dense(closed["workspace_id"], after, upto, marks))
            made: dict[str, Any] = {"created_at": {"$gte": after, "$lt": upto}}
            rows = await self._places_in_order(closed, statuses, made, limit)
            yield rows
            upto, span = after, min(max(upto - after, _FIRST_SPAN) * _GROWTH, timedelta(days=7_300))
            if len(rows) < limit / 2:
                marks = min(marks * 4, _MANY)

    async def _dense(
        self, workspace_id: str, after: datetime, upto: datetime, marks: int
    ) -> datetime:
        """Return the time since which `marks` marked jobs were made, or `after` if there are fewer."""
        found = await self._marks.newest(workspace_id, after, upto, marks)
        return found[-1] if len(found) == marks else after
