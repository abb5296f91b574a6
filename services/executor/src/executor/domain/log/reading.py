"""Reads the events of one job with their private parts, in bounded parts, forwards and backwards."""

import asyncio
from collections.abc import AsyncIterator

from executor.domain.log.execution import Execution
from executor.domain.log.ports import Executions
from executor.domain.log.records import Record

_FIRST, _MOST = 32, 256
"""Events of the first window, and of the largest."""
_SMALL = 256 * 1024
"""Bytes of a window below which the next one may be larger."""
_BYTES = 4 * 2**20
"""Bytes of events that are read at once. An event alone may be larger."""
MOST_EVENTS, MOST_BYTES = 50_000, 256 * 2**20
"""How long a log may be that is worked on as a whole."""
_PAUSE = 128 * 1024
"""Bytes after which others run."""


class JobLog:
    """The log of `job`, as long as it was when the job was read."""

    def __init__(self, executions: Executions, job: Execution) -> None:
        self.job = job
        self._executions = executions
        self._tail = {record.seq: record for record in job.tail}
        self._passed = 0

    async def forwards(self, after: int) -> AsyncIterator[Record]:
        """Yield the events after `after`, ascending."""
        size = _FIRST
        while after < self.job.seq:
            part = await self._part(after, min(after + size, self.job.seq))
            if not part:
                return
            for record in part:
                await self._pause(record)
                yield record
            after, size = part[-1].seq, _next(size, part)

    async def backwards(self, upto: int) -> AsyncIterator[Record]:
        """Yield the events up to `upto`, descending."""
        size = _FIRST
        while upto > 0:
            after = max(0, upto - size)
            window: list[Record] = []
            while (read := window[-1].seq if window else after) < upto:
                part = await self._part(read, upto)
                if not part:
                    return
                window += part
            for record in reversed(window):
                await self._pause(record)
                yield record
            upto, size = after, _next(size, window)

    async def _part(self, after: int, upto: int) -> list[Record]:
        """Return events from `after` + 1 on with no gap, up to `upto` or to what may be read at once."""
        found = {seq: record for seq, record in self._tail.items() if after < seq <= upto}
        if len(found) < upto - after:
            traced = await self._executions.whole_records(self.job.job_id, after, upto, _BYTES)
            found.update((record.seq, record) for record in traced)
        part: list[Record] = []
        for seq in range(after + 1, upto + 1):
            if seq not in found:
                break
            part.append(found[seq])
        return part

    async def _pause(self, record: Record) -> None:
        self._passed += record.size
        if self._passed > _PAUSE:
            self._passed = 0
            await asyncio.sleep(0)


def _next(size: int, part: list[Record]) -> int:
    return min(2 * size, _MOST) if sum(record.size for record in part) < _SMALL else size
