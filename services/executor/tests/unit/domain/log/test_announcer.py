"""The outbox of a job: every event is published, in order, however long the bus was away."""

import asyncio
import time

import pytest

from common.contracts.events import ProgressUpdate
from common.errors import Unavailable
from common.process.backoff import Backoff
from common.times import utc_now
from devkit.stores.executions import MemoryExecutions
from executor.domain.log import announcer
from executor.domain.log.announcer import Announcer
from executor.domain.log.events import EventDraft
from executor.domain.log.execution import Execution
from executor.domain.log.records import number


class Bus:
    def __init__(self):
        self.seqs: list[int] = []
        self.here = asyncio.Event()

    async def publish_events(self, job, records):
        if not self.here.is_set():
            raise Unavailable("away")
        self.seqs += [record.seq for record in records]
        await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(announcer, "_BACKOFF", Backoff((0.001,)))
    monkeypatch.setattr(announcer, "_HELD", 10)
    monkeypatch.setattr(announcer, "_BATCH", 4)


async def test_no_event_is_left_out_when_more_came_than_are_kept_while_the_bus_was_away():
    store, bus, now = MemoryExecutions(), Bus(), utc_now()
    job = Execution("job_1", "ws_1", "crew_1", now)
    drafts = [EventDraft(ProgressUpdate(progress=n)) for n in range(40)]
    events = number(drafts, "job_1", 0, 1, now)
    await store.copy({"job_1": events})
    store.jobs["job_1"] = Execution("job_1", "ws_1", "crew_1", now, seq=len(events))
    outbox = Announcer(job, store, bus)
    for first in range(0, 15, 3):  # more than are kept
        outbox.put(events[first : first + 3])
    bus.here.set()
    for first in range(15, 40, 3):  # and more, while the backlog is worked off
        while first > 20 and len(bus.seqs) < first - 9:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)
        outbox.put(events[first : first + 3])
    assert await outbox.drained(5.0)
    assert bus.seqs == list(range(1, 41))


async def test_the_announcer_tells_how_much_waits_and_since_when():
    store, bus, now = MemoryExecutions(), Bus(), utc_now()
    events = number([EventDraft(ProgressUpdate(progress=n)) for n in range(3)], "j", 0, 1, now)
    outbox = Announcer(Execution("job_1", "ws_1", "crew_1", now), store, bus)
    assert (outbox.waiting, outbox.waits_since) == (0, None)
    before = time.monotonic()
    outbox.put(events)
    since = outbox.waits_since
    assert since is not None
    assert before <= since <= time.monotonic()
    assert outbox.waiting == 3
    assert not await outbox.drained(0.01)
    assert outbox.waits_since == since
    bus.here.set()
    assert await outbox.drained(5.0)
    assert (outbox.waiting, outbox.waits_since) == (0, None)


async def test_an_event_that_is_stored_as_the_last_one_is_confirmed_is_published_too():
    """Both come in the same turn of the loop: the one before it is through, its task not yet gone."""
    store, bus, now = MemoryExecutions(), Bus(), utc_now()
    drafts = [EventDraft(ProgressUpdate(progress=n)) for n in range(2)]
    first, second = number(drafts, "job_1", 0, 1, now)
    outbox = Announcer(Execution("job_1", "ws_1", "crew_1", now), store, bus)
    confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def publish_events(job, records):
        bus.seqs += [record.seq for record in records]
        if not confirmed.done():
            await confirmed

    bus.publish_events = publish_events
    outbox.put([first])
    await asyncio.sleep(0)
    confirmed.set_result(None)  # wakes the announcer up, and then the writer of the next event
    asyncio.get_running_loop().call_soon(outbox.put, [second])
    for _ in range(5):
        await asyncio.sleep(0)
    assert bus.seqs == [1, 2]
