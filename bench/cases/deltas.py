"""What live text costs: a delta on its way from the model to a client, and a job that nobody watches.

An endpoint in another process streams replies. Our side asks it as a worker does, publishes deltas on the bus
(memory) and passes them through a relay to one client; the peer is a bare proxy that passes the endpoint's bytes on.
Then the same replies are asked for by a worker that nobody watches, with and without live text.
"""

import asyncio
import resource
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2

from bench.harness.report import Report
from bench.harness.streaming_model import PIECES, StreamingModel
from common.contracts.deltas import deltas_key
from common.contracts.topology import EVENTS
from common.telemetry import Telemetry
from events.domain.event import Batch, DeltaFrame
from events.domain.ports import LogHead, LogPage
from events.domain.relay import Relay
from events.process.meters import OpenTelemetryRelayMeters
from executor.domain.log.journal import Job
from executor.domain.worker.wishes import Wishes
from executor.engine.live_text import LiveText
from executor.messaging.deltas import BusDeltas
from executor.models.catalogue import Models, ModelSettings
from executor.models.connections import Access
from executor.models.dialogue import Dialogue, Topic
from executor.models.draft import Draft
from executor.models.model import SilentListener
from kasal_platform.embedded.broker import InProcessBroker
from kasal_platform.embedded.bus import InProcessBus

_JOB, _WORKSPACE = "job_bench", "ws_bench"
_REPLIES = 10
_UNWATCHED = 60


class _Log:
    async def page(self, *_: Any) -> LogPage:
        return LogPage([], LogHead("running", 0))

    async def heads(self, _: Any) -> dict[str, LogHead]:
        return {}


class _Bindings:
    async def bind(self, key: str) -> None:
        pass

    async def unbind(self, key: str) -> None:
        pass

    async def want(self, job_ids: Any, workspace_ids: Any) -> None:
        pass


class _Client:
    """Notes when each piece arrived, by the time in it at which the endpoint wrote it."""

    ready = True

    def __init__(self) -> None:
        self.late: list[float] = []
        self.messages = 0

    def write(self, batch: Batch) -> None:
        pass

    def write_delta(self, delta: DeltaFrame) -> None:
        self.take(delta.body)

    async def wait_until_ready(self) -> None:
        pass

    def take(self, body: bytes) -> None:
        now = time.monotonic()
        self.messages += 1
        stamps = body.split(b"@")[1:]
        self.late += [now - float(stamp.split(b" ", 1)[0]) for stamp in stamps]


class _Listener(SilentListener):
    """A reply's listener, as a run has it; `live` is None where live text does not exist."""

    def __init__(self, live: LiveText | None) -> None:
        self._live = live
        self._turn = None if live is None else live.turn("task_1", "Ann")

    @property
    def watched(self) -> bool:  # type: ignore[override]
        return self._live is not None and self._live.watched

    def on_text(self, draft: Draft) -> None:
        if self._turn is not None:
            self._turn.show(draft)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def _replies(endpoint: StreamingModel, live: LiveText | None, count: int) -> float:
    """Ask for replies one after another; return the seconds of CPU."""
    models = Models(ModelSettings({"openai": Access(url=endpoint.url)}, timeout=30))
    try:
        model = await models.resolve("openai:bench")
        dialogue = Dialogue("Be kind.", "Say something", Topic("Ann", "Say something"))
        await model.request(dialogue, [], _Listener(live))
        began = _cpu()
        for _ in range(count):
            await model.request(dialogue, [], _Listener(live))
        return _cpu() - began
    finally:
        await models.close()


async def _measure_watched(endpoint: StreamingModel) -> tuple[float, _Client]:
    telemetry, wishes, client = Telemetry("bench"), Wishes(), _Client()
    bus = InProcessBus(InProcessBroker(), telemetry)
    await bus.start()
    meters = OpenTelemetryRelayMeters(telemetry.meter)
    relay = Relay(_Log(), _Bindings(), _Bindings(), meters)
    joined = await relay.join(_WORKSPACE, _JOB, 0, client, lambda _: None, deltas=True)
    joined.watch.start(None)

    async def handle(message: Any) -> None:
        relay.deliver_delta(message.routing_key, message.body)

    await (await bus.subscribe(EVENTS, handle)).bind(deltas_key(_WORKSPACE, _JOB))
    wishes.note([_JOB], 600)
    live = LiveText(_job(), BusDeltas(bus, wishes))
    used = await _replies(endpoint, live, _REPLIES)
    live.close()
    await bus.close()
    telemetry.close()
    return used, client


def _job() -> Job:
    snapshot: Any = None
    return Job(_JOB, _WORKSPACE, "crew_bench", 1, {}, snapshot, [])


async def _measure_proxy(endpoint: StreamingModel) -> tuple[float, _Client]:
    client = _Client()
    async with httpx2.AsyncClient(timeout=30) as http:

        async def ask() -> None:
            body = {"model": "bench", "messages": [], "stream": True}
            url = f"{endpoint.url}/chat/completions"
            async with http.stream("POST", url, json=body) as answer:
                async for chunk in answer.aiter_raw():
                    client.take(chunk)

        await ask()
        began = _cpu()
        for _ in range(_REPLIES):
            await ask()
        return _cpu() - began, client


async def _measure_unwatched(
    endpoint: StreamingModel, *, with_live_text: bool
) -> tuple[float, int, int]:
    """Return the CPU, the requests, and the messages on the bus of replies that nobody watches."""
    telemetry, client = Telemetry("bench"), _Client()
    bus = InProcessBus(InProcessBroker(), telemetry)
    await bus.start()

    async def handle(message: Any) -> None:
        client.take(message.body)

    await (await bus.subscribe(EVENTS, handle)).bind("#")
    live = LiveText(_job(), BusDeltas(bus, Wishes())) if with_live_text else None
    before = await endpoint.count()
    used = await _replies(endpoint, live, _UNWATCHED)
    asked = await endpoint.count() - before
    await bus.close()
    telemetry.close()
    return used, asked, client.messages


_Measure = Callable[[StreamingModel], Awaitable[tuple[float, _Client]]]


async def _measure(report: Report, rounds: int) -> None:
    sides: dict[str, _Measure] = {"Kasal": _measure_watched, "a bare proxy": _measure_proxy}
    cpu: dict[str, list[float]] = {side: [] for side in sides}
    late: dict[str, list[float]] = {side: [] for side in sides}
    messages: dict[str, list[float]] = {side: [] for side in sides}
    ratios: list[float] = []
    async with StreamingModel() as endpoint:
        for _ in range(rounds):
            for side, measure in sides.items():
                used, client = await measure(endpoint)
                cpu[side].append(used / (_REPLIES * PIECES) * 1e6)
                messages[side].append(client.messages / (_REPLIES + 1))
                late[side].append(statistics.median(client.late) * 1e3)
            without, asked, none = await _measure_unwatched(endpoint, with_live_text=False)
            beside, asked_too, sent = await _measure_unwatched(endpoint, with_live_text=True)
            if (asked, none) != (asked_too, sent):
                raise SystemExit("a job that nobody watches makes other requests or messages")
            ratios.append(beside / without)
    for side in sides:
        report.row(f"{side}: CPU a piece", "us", *cpu[side])
        report.row(f"{side}: latency of a piece", "ms", *late[side])
        report.row(f"{side}: messages to the client, a reply", "", *messages[side])
    pairs = zip(cpu["Kasal"], cpu["a bare proxy"], strict=True)
    report.row("CPU a piece, Kasal / a bare proxy", "", *(ours / theirs for ours, theirs in pairs))
    report.at_most("CPU of a reply that nobody watches, with / without live text", 1.05, *ratios)


def run(rounds: int) -> Report:
    report = Report("deltas", f"replies of {PIECES} pieces, one each 5 ms, to one client")
    asyncio.run(_measure(report, rounds))
    report.notes.append(
        "Pieces that arrive within 50 ms go out as one delta: latency is bought with messages."
    )
    report.notes.append("Unwatched, requests and messages were counted and are the same.")
    return report


if __name__ == "__main__":
    sys.stdout.write(run(1).text())
