"""Finds the oldest of many waiting jobs in short time windows instead of with one large sort."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

from common.storage.ports import Document

Read = Callable[[datetime, datetime], Awaitable[Sequence[Document]]]
"""Returns the waiting jobs made after the first moment and not after the second, in any order."""

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_FIRST, _SHORTEST = timedelta(seconds=1), timedelta(milliseconds=10)
_GROWTH = 6
_DENSE = 2_000
"""Jobs in one window above which windows stop growing."""
_TICK = timedelta(milliseconds=1)


class WindowedQueue:
    """Remembers when the waiting jobs begin, so that the cost of a search depends on what it returns.

    It also reads the time before that moment, which holds next to nothing: so a job that was made
    earlier but stored late is found too.
    """

    def __init__(self, read: Read) -> None:
        self._read = read
        self._begins: datetime | None = None
        self._span = _FIRST

    async def oldest(self, before: datetime, limit: int) -> list[Document]:
        """Return at most `limit` of the jobs made by `before`, the oldest first."""
        if self._begins is None:
            self._begins = await self._first(before)
        after, span = min(self._begins, before), self._span
        found = _in_order(await self._read(_LONG_AGO, after))
        while len(found) < limit and after < before:
            upto = min(after + span, before)
            rows = await self._read(after, upto)
            found += _in_order(rows)
            if len(rows) > _GROWTH * limit:
                self._span = max(span / _GROWTH, _SHORTEST)
            if len(rows) < limit:
                span *= _GROWTH
            after = upto
        self._begins = min(found[0]["created_at"] - _TICK if found else before, before)
        return found[:limit]

    async def _first(self, before: datetime) -> datetime:
        """Return a moment before which no waiting job was made. Reads all, once, in bounded parts."""
        oldest, upto, span = before, before, _FIRST
        while upto > _LONG_AGO:
            after = max(upto - span, _LONG_AGO) if span.days < 365 else _LONG_AGO
            rows = await self._read(after, upto)
            oldest = min([oldest, *(row["created_at"] for row in rows)])
            span = span * _GROWTH if len(rows) < _DENSE else span / _GROWTH
            upto = after
        return oldest - _TICK


def _in_order(rows: Sequence[Document]) -> list[Document]:
    return sorted(rows, key=lambda row: (row["created_at"], row["_id"]))
