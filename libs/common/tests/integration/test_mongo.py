"""What was acknowledged outlives a kill; a database that hangs up on idle clients fails nobody."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from urllib.parse import urlsplit

import pytest

from common.settings import MongoSettings
from common.storage import mongo
from kasal_platform.local import secantus


@pytest.fixture
def program(tmp_path):
    program = secantus.program(tmp_path / "db")
    program.start()
    program.wait()
    yield program
    program.stop()


async def test_acknowledged_writes_outlive_a_kill(program):
    settings = MongoSettings(mongo_url=program.url)
    count = 0
    for _ in range(3):
        async with mongo.connect(settings) as client:
            jobs = mongo.database(client, settings, "tried")["jobs"]
            for _ in range(40):
                count += 1
                await jobs.insert_one({"_id": count, "seq": 0})
                await jobs.update_one({"_id": count, "seq": 0}, {"$set": {"seq": 1}})
            program.kill()
        program.start()
        await program.ready()
        async with mongo.connect(settings) as client:
            jobs = mongo.database(client, settings, "tried")["jobs"]
            assert await jobs.count_documents({"seq": 1}) == count


@asynccontextmanager
async def hanging_up(url: str) -> AsyncIterator[tuple[str, Callable[[], None]]]:
    """Stand before the database at `url`. Yields the address to use, and what hangs up on all that wrote."""
    wrote: list[asyncio.StreamWriter] = []
    target = urlsplit(url)

    async def replies(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            sink.write(data)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(target.hostname, target.port)
        back = asyncio.create_task(replies(up_reader, writer))
        with closing(writer), closing(up_writer):
            try:
                while data := await reader.read(65536):
                    if b"insert" in data:
                        wrote.append(writer)
                    up_writer.write(data)
            finally:
                back.cancel()

    def hang_up() -> None:
        assert wrote
        for writer in wrote:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield url.replace(f":{target.port}", f":{port}"), hang_up
    finally:
        server.close()


async def test_a_database_that_hangs_up_on_idle_clients_fails_no_write(program):
    async with hanging_up(program.url) as (url, hang_up):
        settings = MongoSettings(mongo_url=url)
        async with mongo.connect(settings, idle=0.1) as client:
            jobs = mongo.database(client, settings, "tried")["jobs"]
            await jobs.insert_one({"_id": 1})
            await asyncio.sleep(0.2)  # longer than it may lie idle
            hang_up()
            await jobs.insert_one({"_id": 2})
            assert await jobs.count_documents({}) == 2


async def test_connections_are_given_up_before_the_embedded_database_hangs_up():
    async with mongo.connect(MongoSettings(mongo_url="mongodb://127.0.0.1:1")) as client:
        assert 0 < client.options.pool_options.max_idle_time_seconds < 300
