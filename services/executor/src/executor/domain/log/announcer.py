"""Publishes one job's stored events in order, in the background of its writer."""

import asyncio
import contextvars
import time
from collections import deque
from collections.abc import Sequence

from common.errors import Unavailable
from common.logs import get_logger
from common.process.backoff import Backoff
from executor.domain.log.execution import Execution
from executor.domain.log.ports import Announcements, Executions
from executor.domain.log.records import Record

log = get_logger(__name__)

_BATCH = 100
_HELD = 1_000
"""Events kept in memory while the bus is down; the rest is read from the log again."""
_BACKOFF = Backoff((0.1, 0.5, 1.0, 2.0, 5.0))
"""Seconds between two tries while the bus is down."""


class Announcer:
    """The outbox of a job. `published` is the last `seq` that the bus has confirmed."""

    def __init__(self, job: Execution, executions: Executions, bus: Announcements) -> None:
        self._job = job
        self._executions = executions
        self._bus = bus
        self._held = deque(record for record in job.tail if record.seq > job.published)
        self._task: asyncio.Task[None] | None = None
        self._last = job.seq
        # The context of the run, not of whichever task's event is published first.
        self._context = contextvars.copy_context()
        self.published = job.published
        self.waits_since: float | None = None
        """Since when (`time.monotonic`) events have waited with no confirm from the bus."""

    @property
    def waiting(self) -> int:
        """How many events are stored but not confirmed by the bus."""
        return self._last - self.published

    def put(self, records: Sequence[Record]) -> None:
        """Queue stored events for publishing, in order. Returns at once."""
        # No gaps: once some events were left out, those after them are read from the log too.
        whole = not self._held or self._held[-1].seq == self._last
        if whole and len(self._held) < _HELD:
            self._held.extend(records)
        self._last = records[-1].seq if records else self._last
        if self._task is None and self.published < self._last:
            self.waits_since = time.monotonic()
            self._task = asyncio.create_task(
                self._publish(),
                name=f"announce {self._job.job_id}",
                context=self._context.copy(),
            )

    async def drained(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds for all events to be published; return whether they are."""
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=timeout)
        return self.published >= self._last

    def stop(self) -> None:
        """Stop publishing. Another process continues after `published`."""
        if self._task is not None:
            self._task.cancel()

    async def _publish(self) -> None:
        try:
            await self._until_all_is_out()
        finally:
            # Here, not in a done callback: that runs a turn later, after the next `put`.
            self._task = None

    async def _until_all_is_out(self) -> None:
        tries = 0
        while self.published < self._last:
            try:
                batch = await self._next()
                if not batch:
                    return
                await self._bus.publish_events(self._job, batch)
                self.published, tries = batch[-1].seq, 0
                self.waits_since = time.monotonic() if self.waiting else None
            except Unavailable as fault:
                self._tell(fault, tries)
                tries += 1
                await asyncio.sleep(_BACKOFF.pause(tries))

    def _tell(self, fault: Unavailable, tries: int) -> None:
        if not tries:  # once per outage, not once per try
            log.warning("events wait for the bus", job_id=self._job.job_id, reason=str(fault))

    async def _next(self) -> Sequence[Record]:
        while self._held and self._held[0].seq <= self.published:
            self._held.popleft()
        if self._held and self._held[0].seq == self.published + 1:
            return list(self._held)[:_BATCH]
        return await self._executions.records(self._job.job_id, self.published, _BATCH)
