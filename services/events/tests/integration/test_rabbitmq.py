"""The relay over a real broker.

Covers: events.messaging.consumers
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from common.bus import BusUnavailable


async def test_many_sockets_on_many_jobs_each_get_their_own_without_a_hole(
    world_of, amqp_url, talk
):
    async with world_of(amqp_url=amqp_url) as world:
        jobs = [f"job_{number}" for number in range(4)]
        for job_id in jobs:
            world.platform.job(job_id)

        async def client(job_id: str, after: int) -> list[int]:
            async with world.connect(max_queue=None) as socket:
                await talk.until(lambda: len(world.platform.jobs[job_id].events) >= after)
                await talk.say(socket, type="subscribe", job_id=job_id)
                return [f["seq"] for f in await talk.hear_end(socket) if "seq" in f]

        async def run(job_id: str) -> None:
            for _ in range(99):
                await world.emit(job_id)
            await world.emit(job_id, "execution_complete")

        async with asyncio.timeout(120):
            clients = [client(job_id, after) for job_id in jobs for after in (0, 30, 99)]
            heard = await asyncio.gather(*clients, *map(run, jobs))
        assert [seqs for seqs in heard if seqs is not None] == [list(range(1, 101))] * 12


class Wire:
    """A TCP connection to the broker that can be cut."""

    def __init__(self, url: str) -> None:
        self._to = urlsplit(url)
        self._open: set[asyncio.StreamWriter] = set()
        self.cut_off = False

    @asynccontextmanager
    async def laid(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        host = f"{self._to.username}:{self._to.password}@" if self._to.username else ""
        try:
            yield self._to._replace(netloc=f"{host}127.0.0.1:{port}").geturl()
        finally:
            server.close()
            self.cut()

    def cut(self) -> None:
        for writer in self._open:
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.cut_off:
            writer.transport.abort()
            return
        there = await asyncio.open_connection(self._to.hostname, self._to.port or 5672)
        self._open |= {writer, there[1]}
        await asyncio.gather(_copy(reader, there[1]), _copy(there[0], writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def test_a_lost_connection_to_the_broker_delays_and_loses_nothing(
    world_of, amqp_url, talk, monkeypatch
):
    wire = Wire(amqp_url)
    async with (
        wire.laid() as url,
        world_of(amqp_url=url, heads_seconds=0.2) as world,
        world.connect() as socket,
    ):
        world.platform.job("job_1")
        await talk.say(socket, type="subscribe", job_id="job_1")
        await talk.hear(socket)
        await world.emit("job_1")
        assert (await talk.hear(socket))["seq"] == 1
        with monkeypatch.context() as patience:  # a binding waits that long for a connection
            patience.setattr("common.bus.rabbitmq.ANSWER_WITHIN", 0.5)
            wire.cut_off = True
            wire.cut()
            world.platform.append("job_1")
            assert (await talk.hear(socket))["seq"] == 2, "by the heads"
            world.platform.job("job_2", events=1)
            await talk.say(socket, type="subscribe", job_id="job_2")
            assert [(await talk.hear(socket)).get("seq") for _ in range(2)] == [None, 1]
        wire.cut_off = False
        async with asyncio.timeout(60):
            while True:
                with contextlib.suppress(BusUnavailable):
                    await world.bus.ping()
                    break
                await asyncio.sleep(0.1)
        for job_id in ("job_1", "job_2"):
            await world.emit(job_id, "execution_complete")
        last = {(await talk.hear(socket))["job_id"] for _ in range(2)}
        assert last == {"job_1", "job_2"}
