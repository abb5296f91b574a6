"""A job's journal in memory."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson

from common.contracts.events import TERMINAL_EVENTS
from devkit.published import check_event
from executor.domain.log.events import EventDraft, LogEntry
from executor.domain.log.projection import parks
from executor.domain.log.records import number

START = datetime(2026, 1, 1, tzinfo=UTC)


class Ledger:
    """An in-memory journal. `writes` are the groups of events that went out together."""

    def __init__(self, history: Sequence[LogEntry], attempt: int) -> None:
        self.events = list(history)
        self.attempt = attempt
        self.writes: list[list[LogEntry]] = []
        self.flushes = 0
        self._open: list[LogEntry] | None = None

    def append(self, *drafts: EventDraft) -> None:
        loop = asyncio.get_running_loop()
        if self._open is None:
            self._open = []
            self.writes.append(self._open)
            loop.call_soon(self._close)
        for draft in drafts:
            if self.events and self._over(self.events[-1]):
                return
            seq = len(self.events) + 1
            at = START + timedelta(seconds=seq)
            (record,) = number([draft], "job_1", seq - 1, self.attempt, at)
            check_event(orjson.loads(record.frame))
            event = replace(record, known=None).entry()  # as another worker reads it
            self.events.append(event)
            self._open.append(event)

    @staticmethod
    def _over(newest: LogEntry) -> bool:
        return newest.type in TERMINAL_EVENTS or parks(newest.body)

    def _close(self) -> None:
        self._open = None

    async def flush(self) -> None:
        self.flushes += 1
        await asyncio.sleep(0)

    @asynccontextmanager
    async def effect(self) -> AsyncIterator[None]:
        await self.flush()
        yield
