"""The joining of stored and live events, under every mishap that can be drawn.

Covers: events.domain.watch
"""

import asyncio
import gc
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from hypothesis import example, given, settings
from hypothesis import strategies as st

from common.errors import InvalidRequest, NotFound, Unavailable
from common.telemetry import Telemetry
from events.domain.event import Batch, EventFrame
from events.domain.feed import Feed
from events.domain.ports import LogHead, LogPage, TooSlow
from events.domain.relay import Relay
from events.process.meters import OpenTelemetryRelayMeters

WORKSPACE, JOB = "ws_1", "job_1"
KEY = f"{WORKSPACE}.{JOB}.progress"


@dataclass
class Log:
    """A store that answers a little later, with what was there when it was asked."""

    events: list[EventFrame] = field(default_factory=list)
    away: bool = False
    page_size: int = 3
    reads: int = 0
    over: bool = False

    def append(self, kind: str) -> None:
        seq = len(self.events) + 1
        body = orjson.dumps({"type": kind, "job_id": JOB, "seq": seq})
        self.events.append(EventFrame(seq, kind, body))
        self.over = self.events[-1].terminal

    @property
    def _head(self) -> LogHead:
        return LogHead("completed" if self.over else "running", len(self.events))

    async def _answer(self) -> None:
        if self.away:
            raise Unavailable("the store is away")

    async def page(self, workspace_id: str, job_id: str, after_seq: int, limit: int) -> LogPage:
        await self._answer()
        if (workspace_id, job_id) != (WORKSPACE, JOB):
            raise NotFound
        self.reads += 1
        page = LogPage(self.events[after_seq : after_seq + min(limit, self.page_size)], self._head)
        await asyncio.sleep(0)
        return page

    async def heads(self, job_ids: Any) -> dict[str, LogHead]:
        await self._answer()
        return {JOB: self._head} if JOB in job_ids else {}


@dataclass
class Bindings:
    away: bool = False
    bound: list[str] = field(default_factory=list)
    tries: int = 0

    async def bind(self, key: str) -> None:
        self.tries += 1
        await asyncio.sleep(0)
        if self.away:
            raise Unavailable("the broker is away")
        self.bound.append(key)

    async def unbind(self, key: str) -> None:
        await asyncio.sleep(0)
        self.bound.remove(key)


class Client:
    """A sink whose reader may stand still for a while."""

    def __init__(self, after_seq: int) -> None:
        self.after_seq = after_seq
        self.got: list[int] = []
        self.reading = asyncio.Event()
        self.reading.set()
        self.ends: list[Exception | None] = []
        self.overfilled = False
        self.joined: Any = None

    @property
    def ready(self) -> bool:
        return self.reading.is_set()

    def write(self, batch: Batch) -> None:
        self.overfilled |= not self.ready
        self.got += [event.seq for event in batch.events]

    async def wait_until_ready(self) -> None:
        await self.reading.wait()

    async def join(self, relay: Relay) -> None:
        self.joined = await relay.join(WORKSPACE, JOB, self.after_seq, self, self.ends.append)
        self.joined.watch.start(self.joined.first)


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - it is the relay's tasks that make it so
            await asyncio.sleep(0)


class Scene:
    def __init__(self) -> None:
        self.log = Log()
        self.bindings = Bindings()
        self.telemetry = Telemetry("test")
        self.relay = Relay(
            self.log,
            self.bindings,
            self.bindings,
            OpenTelemetryRelayMeters(self.telemetry.meter),
            patience=0,
        )
        self.clients: list[Client] = []

    async def do(self, step: tuple[str, int]) -> None:  # noqa: C901 - a list of steps
        what, number = step
        client = self.clients[number % len(self.clients)] if self.clients else Client(0)
        match what:
            case "store":
                self.log.append("progress")
            case "deliver":
                self.deliver(self.log.events[number % len(self.log.events) :][:1])
            case "deliver in order":
                self.deliver(self.log.events[-(number % 5) :])
            case "join":
                await self.join(number)
            case "stand still":
                client.reading.clear()
            case "read":
                client.reading.set()
            case "store away":
                self.log.away = bool(number % 2)
            case "bus away":
                self.bindings.away = bool(number % 2)
            case "look":
                await self.relay.look_safely()
        for _ in range(number % 4):
            await asyncio.sleep(0)

    def deliver(self, events: list[EventFrame]) -> None:
        for event in events:
            self.relay.deliver(KEY, None, event.body)

    async def join(self, number: int) -> None:
        client = Client(number % (len(self.log.events) + 1))
        try:
            await client.join(self.relay)
        except Unavailable:
            return
        self.clients.append(client)

    async def settle(self) -> None:
        """Let everything come back, end the job, and look at the heads: nothing over the bus."""
        self.log.append("execution_complete")
        self.log.away = self.bindings.away = False
        for client in self.clients:
            client.reading.set()
        async with asyncio.timeout(60):
            while not all(client.ends for client in self.clients):
                await self.relay.look_safely()
                await asyncio.sleep(0)

    async def leave(self) -> None:
        for client in self.clients:
            self.relay.leave(WORKSPACE, JOB, client.joined.watch)
        await self.relay.close()
        self.telemetry.close()


STEPS = st.tuples(
    st.sampled_from(
        ["store"] * 3
        + ["deliver"] * 3
        + ["deliver in order"] * 2
        + ["join", "stand still", "read", "store away", "bus away", "look"]
    ),
    st.integers(0, 60),
)


BACK = [("store away", 0), ("bus away", 0)]

JOIN_AS_A_READ_FAILS = [*[("store", 0)] * 4, ("store away", 1), ("deliver", 19), ("read", 1)]
"""The last join wants what the first client's read, which has just failed, wanted."""
FULL_AGAIN_BEFORE_IT_WRITES = [("stand still", 1), ("read", 0), ("stand still", 1)]


@example(JOIN_AS_A_READ_FAILS)
@example(FULL_AGAIN_BEFORE_IT_WRITES)
@given(st.lists(STEPS, max_size=60))
@settings(max_examples=400)
def test_each_client_gets_every_event_after_its_own_once_and_in_order(steps) -> None:
    async def play() -> None:
        scene = Scene()
        for step in [("store", 0), ("join", 0), *steps, *BACK, ("join", 7)]:
            await scene.do(step)
        await scene.settle()
        last = len(scene.log.events)
        assert len(scene.clients) >= 2
        for client in scene.clients:
            assert client.got == list(range(client.after_seq + 1, last + 1))
            assert client.ends == [None]
            assert not client.overfilled, "nothing is written past the bound"
        await scene.leave()
        assert scene.bindings.bound == [], "the last one has unbound"

    asyncio.run(play())


async def test_many_clients_that_miss_the_same_events_cost_one_read():
    scene = Scene()
    scene.log.append("progress")
    scene.clients = [Client(1) for _ in range(50)]
    for client in scene.clients:
        await client.join(scene.relay)
    reads = scene.log.reads
    for _ in range(3):
        scene.log.append("progress")
    scene.relay.deliver(KEY, None, scene.log.events[-1].body)
    await until(lambda: all(client.got == [2, 3, 4] for client in scene.clients))
    assert scene.log.reads == reads + 1
    await scene.leave()


async def test_the_last_event_is_passed_on_at_once_with_what_waits_before_it():
    scene = Scene()
    scene.log.append("progress")
    scene.clients = [Client(1) for _ in range(3)]
    for client in scene.clients:
        await client.join(scene.relay)
    for kind in ("progress", "execution_complete"):
        scene.log.append(kind)
    scene.relay.deliver(KEY, None, scene.log.events[-2].body)
    assert scene.relay.deliver_last(KEY, None, scene.log.events[-1].body) == 6
    assert [client.got for client in scene.clients] == [[2, 3]] * 3
    assert scene.relay.deliver_last(KEY, None, scene.log.events[-1].body) == 0, "twice is once"
    await until(lambda: all(client.ends == [None] for client in scene.clients))
    await scene.leave()
    assert scene.relay.deliver_last(KEY, None, scene.log.events[-1].body) == 0, "nobody watches"


async def test_a_client_that_never_reads_is_reported_once():
    class Stuck(Client):
        async def wait_until_ready(self) -> None:
            if not self.ready:
                raise TooSlow("it does not read")

    scene = Scene()
    scene.log.append("progress")
    client = Stuck(1)
    scene.clients = [client]
    await client.join(scene.relay)
    client.reading.clear()
    for _ in range(3):
        scene.log.append("progress")
        scene.relay.deliver(KEY, None, scene.log.events[-1].body)
        for _ in range(5):
            await asyncio.sleep(0.001)
    assert [type(end) for end in client.ends] == [TooSlow]
    assert client.got == []
    await scene.leave()


async def test_jobs_that_cannot_be_joined_leave_nothing_bound():
    scene = Scene()
    scene.log.append("progress")
    for job_id, after_seq, fault in ((JOB, 2, InvalidRequest), ("job_2", 0, NotFound)):
        client = Client(after_seq)
        try:
            await scene.relay.join(WORKSPACE, job_id, after_seq, client, client.ends.append)
        except fault:
            pass
        else:
            raise AssertionError(f"{job_id} was joined")
    await scene.relay.close()
    assert scene.bindings.bound == []
    scene.telemetry.close()


async def test_a_client_that_left_is_sent_nothing_more():
    scene = Scene()
    scene.log.append("progress")
    stays, leaves = Client(1), Client(1)
    scene.clients = [stays]
    await stays.join(scene.relay)
    await leaves.join(scene.relay)
    scene.log.append("progress")
    scene.relay.deliver(KEY, None, scene.log.events[-1].body)
    scene.relay.leave(WORKSPACE, JOB, leaves.joined.watch)
    await until(lambda: stays.got)
    assert (stays.got, leaves.got, leaves.ends) == ([2], [], [])
    await scene.leave()


async def test_kept_events_with_a_hole_between_them_are_not_passed_on_as_if_there_were_none():
    scene = Scene()
    client = Client(0)
    scene.clients = [client]
    await client.join(scene.relay)
    client.reading.clear()
    for seq in range(1, 6):
        scene.log.append("progress")
        if seq in {1, 2, 5}:
            scene.relay.deliver(KEY, None, scene.log.events[-1].body)
            await asyncio.sleep(0.001)
    client.reading.set()
    await until(lambda: len(client.got) == 5)
    assert client.got == [1, 2, 3, 4, 5]
    await scene.leave()


async def test_a_broker_that_is_away_is_asked_once_a_look_however_many_jobs_are_watched() -> None:
    scene = Scene()
    scene.bindings.away = True
    jobs = [f"job_{number}" for number in range(5)]

    async def page(*_: Any) -> LogPage:
        return LogPage([], LogHead("running", 0))

    scene.log.page = page
    joined = [await scene.relay.join(WORKSPACE, j, 0, Client(0), lambda _: None) for j in jobs]
    before = scene.bindings.tries
    await scene.relay.look()
    assert scene.bindings.tries == before + 1
    scene.bindings.away = False
    await scene.relay.look()
    assert sorted(scene.bindings.bound) == [f"{WORKSPACE}.{job}.#" for job in jobs]
    for job, each in zip(jobs, joined, strict=True):
        scene.relay.leave(WORKSPACE, job, each.watch)
    await scene.relay.close()
    scene.telemetry.close()


async def test_what_is_kept_for_clients_at_many_places_of_a_log_is_bounded():
    """Each place is a batch of its own, with all that follows it as it is sent."""
    scene = Scene()
    feed = Feed(WORKSPACE, JOB, scene.log, OpenTelemetryRelayMeters(scene.telemetry.meter))
    events = [EventFrame(seq, "progress", b"x" * 1_000) for seq in range(1, 251)]
    for event in events:
        feed.arrive(event)
    feed.flush()
    assert feed.recent(1) is feed.recent(1), "clients at one place share it"
    batches = [feed.recent(seq) for seq in range(1, 251)]
    assert [batch.first for batch in batches] == list(range(1, 251))
    for batch in batches:
        batch.encoding(lambda event: event.body)
    del batches
    held = [batch for batch in gc.get_objects() if type(batch) is Batch and batch._encoded]
    assert sum(len(part) for batch in held for part in batch._encoded.values()) < 8 * 250_000
    scene.telemetry.close()
