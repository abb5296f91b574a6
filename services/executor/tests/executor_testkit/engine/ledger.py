"""A job's journal in memory."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import orjson

from common.contracts.events import TERMINAL_EVENTS, EventType
from executor.domain.log.events import Draft, Event
from executor.domain.log.records import json_bytes

START = datetime(2026, 1, 1, tzinfo=UTC)


class Ledger:
    """An in-memory journal. `writes` are the groups of events that went out together."""

    def __init__(self, history: Sequence[Event], attempt: int) -> None:
        self.events = list(history)
        self.attempt = attempt
        self.writes: list[list[Event]] = []
        self.flushes = 0
        self._open: list[Event] | None = None

    def append(self, *drafts: Draft) -> None:
        loop = asyncio.get_running_loop()
        if self._open is None:
            self._open = []
            self.writes.append(self._open)
            loop.call_soon(self._close)
        for draft in drafts:
            if self.events and self.events[-1].type in TERMINAL_EVENTS | {EventType.INPUT_REQUIRED}:
                return
            fields = orjson.loads(json_bytes(dict(draft.fields)))
            private = None if draft.private is None else orjson.loads(json_bytes(draft.private))
            seq = len(self.events) + 1
            at = START + timedelta(seconds=seq)
            event = Event(seq, draft.type, at, self.attempt, fields, private)
            self.events.append(event)
            self._open.append(event)

    def _close(self) -> None:
        self._open = None

    async def flush(self) -> None:
        self.flushes += 1
        await asyncio.sleep(0)

    @asynccontextmanager
    async def effect(self) -> AsyncIterator[None]:
        await self.flush()
        yield
