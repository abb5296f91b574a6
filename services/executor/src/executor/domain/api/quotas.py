"""Limits on a workspace's queued jobs and storage, checked without locks or writes.

Each process counts from time to time, so the limits can be exceeded: the queue's by the jobs all
processes have accepted since they counted, each at most half of the room it saw; the store's by the jobs
that end within half a minute.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from common.bounded_dict import BoundedDict
from common.errors import Conflict, RateLimited
from executor.domain.ending.ports import Counters
from executor.domain.log.ports import Executions

_REMEMBERED = 10_000
"""Workspaces remembered. Those not used for longest are forgotten, and counted again."""
_FULL_FOR = 1.0
"""Seconds before a queue that was full is counted again."""
_STORED_FOR = 30.0
"""Seconds before the stored bytes are summed up again."""
_RETRY_AFTER = 10.0
_MB = 1_000_000


@dataclass(slots=True)
class _Seen:
    """What is known of a workspace. `room`: jobs to accept before its queue is counted again."""

    room: int = 0
    full_until: float = float("-inf")
    stored: int = 0
    added_up: float = float("-inf")
    counting: asyncio.Lock = field(default_factory=asyncio.Lock)


class Quotas:
    """Refuses jobs of workspaces that are at their limit of queued jobs or of storage.

    `queued` counts jobs; `stored_mb` is in millions of bytes, 0 for no limit.
    """

    def __init__(
        self,
        executions: Executions,
        counters: Counters,
        *,
        queued: int,
        stored_mb: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._executions = executions
        self._counters = counters
        self._queued = queued
        self._stored_mb = stored_mb
        self._clock = clock
        self._seen: BoundedDict[str, _Seen] = BoundedDict(_REMEMBERED)

    async def check(self, workspace_id: str) -> None:
        """Count a job that is about to be stored. Raises `RateLimited` or `Conflict` at a limit."""
        seen = self._seen[workspace_id] = self._seen.get(workspace_id) or _Seen()
        async with seen.counting:  # concurrent requests wait for the same count
            if self._stored_mb:
                await self._check_store(workspace_id, seen)
            await self._check_queue(workspace_id, seen)
            seen.room -= 1

    async def _check_queue(self, workspace_id: str, seen: _Seen) -> None:
        now = self._clock()
        if now < seen.full_until:
            raise self._queue_full()
        if seen.room <= 0:
            left = self._queued - await self._executions.count_queued(workspace_id, self._queued)
            if left <= 0:
                seen.full_until = now + _FULL_FOR
                raise self._queue_full()
            seen.room = max(1, left // 2)

    async def _check_store(self, workspace_id: str, seen: _Seen) -> None:
        now = self._clock()
        if now >= seen.added_up + _STORED_FOR:
            seen.stored = await self._counters.stored_size(workspace_id)
            seen.added_up = now
        if seen.stored >= self._stored_mb * _MB:
            raise self._store_full(seen.stored)

    def _queue_full(self) -> RateLimited:
        return RateLimited(
            f"This workspace has {self._queued:,} jobs waiting, as many as it may have"
            " (KASAL_QUEUE_LIMIT). Send this one again when some have started, or stop some.",
            reason="too many jobs of this workspace are queued",
            details={"setting": "KASAL_QUEUE_LIMIT", "limit": self._queued},
            retry_after=_RETRY_AFTER,
        )

    def _store_full(self, stored: int) -> Conflict:
        return Conflict(
            f"This workspace's executions take about {stored // _MB:,} MB, and it may store"
            f" {self._stored_mb:,} MB (KASAL_WORKSPACE_STORAGE_MB). The operator can raise that.",
            reason="the workspace's executions take as much as they may",
            details={"setting": "KASAL_WORKSPACE_STORAGE_MB", "limit": self._stored_mb},
        )
