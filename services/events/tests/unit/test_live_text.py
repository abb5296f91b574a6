"""Deltas: for those who want them, while somebody does, and never instead of an event."""

import asyncio

import pytest

from common.errors import Unavailable
from common.telemetry import Telemetry
from events.domain.event import EventFrame
from events.domain.ports import LogHead, LogPage
from events.domain.relay import Relay
from events.process.meters import OpenTelemetryRelayMeters

JOB, WORKSPACE = "job_1", "ws_1"
KEY = f"deltas.{WORKSPACE}.{JOB}"


class Log:
    def __init__(self):
        self.events = []
        self.status = "running"

    async def page(self, workspace_id, job_id, after_seq, limit):
        return LogPage(self.events[after_seq:], LogHead(self.status, len(self.events)))

    async def heads(self, job_ids):
        return {job_id: LogHead(self.status, len(self.events)) for job_id in job_ids}


class Bus:
    def __init__(self):
        self.bound = set()
        self.wanted = []
        self.workspaces = []
        self.away = False

    def _check(self):
        if self.away:
            raise Unavailable("The bus is away.")

    async def bind(self, key):
        self._check()
        self.bound.add(key)

    async def unbind(self, key):
        self._check()
        self.bound.discard(key)

    async def want(self, job_ids, workspace_ids):
        self._check()
        self.wanted += job_ids
        self.workspaces += workspace_ids


class Client:
    def __init__(self):
        self.got = []
        self.ready = True

    def write(self, batch):
        self.got += [event.seq for event in batch.events]

    def write_delta(self, delta):
        self.got.append(delta.body)

    async def wait_until_ready(self):
        raise AssertionError("nothing is to wait in these tests")


class Scene:
    def __init__(self):
        self.log, self.bus = Log(), Bus()
        self.telemetry = Telemetry("test")
        meters = OpenTelemetryRelayMeters(self.telemetry.meter)
        self.relay = Relay(self.log, self.bus, self.bus, meters, patience=0)

    async def join(self, *, deltas):
        client = Client()
        joined = await self.relay.join(WORKSPACE, JOB, 0, client, lambda _: None, deltas=deltas)
        joined.watch.start(joined.first)
        client.watch = joined.watch
        return client

    async def leave(self, client):
        self.relay.leave(WORKSPACE, JOB, client.watch)
        await self.relay.close()

    def event(self, seq):
        body = b'{"type":"progress","job_id":"job_1","seq":%d}' % seq
        self.log.events.append(EventFrame(seq, "progress", body))
        self.relay.deliver(f"{WORKSPACE}.{JOB}.progress", f"{JOB}:{seq}", body)


@pytest.fixture
def scene():
    scene = Scene()
    yield scene
    scene.telemetry.close()


async def test_who_asks_gets_deltas_and_who_does_not_gets_none(scene):
    plain = await scene.join(deltas=False)
    assert scene.bus.bound == {f"{WORKSPACE}.{JOB}.#"}
    assert scene.bus.wanted == []
    asks = await scene.join(deltas=True)
    assert KEY in scene.bus.bound
    assert scene.bus.wanted == [JOB]
    scene.relay.deliver_delta(KEY, b"one")
    assert (plain.got, asks.got) == ([], [b"one"])


async def test_the_wish_and_the_binding_go_with_the_last_who_has_it(scene):
    one, two = await scene.join(deltas=True), await scene.join(deltas=True)
    await scene.leave(one)
    assert KEY in scene.bus.bound
    scene.bus.wanted.clear()
    await scene.relay.live_text.renew()
    assert scene.bus.wanted == [JOB]
    await scene.leave(two)
    assert scene.bus.bound == set()
    scene.bus.wanted.clear()
    await scene.relay.live_text.renew()
    assert scene.bus.wanted == []
    scene.relay.deliver_delta(KEY, b"late")
    assert two.got == []


async def test_a_delta_comes_after_the_events_before_it(scene):
    client = await scene.join(deltas=True)
    scene.event(1)
    scene.relay.deliver_delta(KEY, b"after 1")
    scene.event(2)
    scene.relay.deliver_delta(KEY, b"after 2")
    assert client.got == [1, b"after 1", 2, b"after 2"]


async def test_a_slow_client_loses_deltas_and_no_events(scene):
    slow, quick = await scene.join(deltas=True), await scene.join(deltas=True)
    slow.ready = False
    scene.relay.deliver_delta(KEY, b"lost")
    slow.ready = True
    scene.event(1)
    scene.relay.deliver_delta(KEY, b"seen")
    assert slow.got == [1, b"seen"]
    assert quick.got == [b"lost", 1, b"seen"]


async def test_without_the_bus_deltas_begin_when_it_is_back(scene):
    scene.bus.away = True
    client = await scene.join(deltas=True)
    await scene.relay.live_text.renew()
    assert scene.bus.wanted == []
    scene.bus.away = False
    await scene.relay.live_text.renew()
    assert KEY in scene.bus.bound
    assert scene.bus.wanted == [JOB]
    scene.relay.deliver_delta(KEY, b"now")
    assert client.got == [b"now"]


async def test_a_job_that_has_ended_is_not_wished_for(scene):
    scene.event(1)
    scene.log.status = "completed"
    await scene.join(deltas=True)
    assert KEY not in scene.bus.bound
    assert scene.bus.wanted == []
    await asyncio.sleep(0)


async def test_new_jobs_of_a_workspace_may_be_watched_for_a_while_after_one_was(scene):
    now = [0.0]
    scene.relay.live_text._clock = lambda: now[0]
    client = await scene.join(deltas=True)
    now[0] = 1_000.0
    await scene.relay.live_text.renew()
    await scene.leave(client)
    assert scene.bus.workspaces == [WORKSPACE, WORKSPACE]
    now[0] = 1_599.0
    await scene.relay.live_text.renew()
    assert scene.bus.workspaces == [WORKSPACE] * 3
    now[0] = 1_601.0
    await scene.relay.live_text.renew()
    assert scene.bus.workspaces == [WORKSPACE] * 3
