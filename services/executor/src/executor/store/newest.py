"""The newest closed executions that match a filter: one query that an index answers in order."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from common.storage.cursors import Place
from common.storage.ports import Database, Document

ORDER = [("created_at", -1), ("_id", -1)]
_PLACE = {"created_at": 1}


def just_after(moment: datetime) -> datetime:
    """Return the next moment that the store can distinguish from `moment`.

    SecantusDB misses the upper bound of a `$lte` if the index has more fields after this one.
    """
    return moment + timedelta(milliseconds=1)


class Newest:
    """Reads the places of closed executions (times and ids), newest first."""

    def __init__(self, database: Database) -> None:
        self._executions = database["executions"]

    async def places(
        self, equal: Document, statuses: Sequence[str], before: Place | None, limit: int
    ) -> list[Place]:
        """Return at most `limit` places of closed jobs with these fields, after `before`."""
        closed = {**equal, "open": None, "status": {"$in": [*statuses]}}
        if before is None:
            return await self._query(closed, limit)
        upto, last = before
        found = await self._query({**closed, "created_at": upto, "_id": {"$lt": last}}, limit)
        if len(found) >= limit:
            return found
        older = {**closed, "created_at": {"$lt": upto}}
        return found + await self._query(older, limit - len(found))

    async def _query(self, query: Document, limit: int) -> list[Place]:
        rows = self._executions.find(query, _PLACE).sort(ORDER).limit(limit)
        return [(row["created_at"], row["_id"]) async for row in rows]
