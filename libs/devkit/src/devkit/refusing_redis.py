"""A Redis that refuses commands: full, a replica, unable to save, or still loading its data."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from kasal_platform.local import redis as program

Fault = Callable[[Redis, Path], Awaitable[None]]


async def _full(redis: Redis, _: Path) -> None:
    await redis.config_set("maxmemory", 1)


async def _replica(redis: Redis, _: Path) -> None:
    await redis.replicaof("127.0.0.1", "1")


async def _without_its_master(redis: Redis, folder: Path) -> None:
    """Make it refuse reads too."""
    await redis.config_set("replica-serve-stale-data", "no")
    await _replica(redis, folder)


async def _unable_to_save(redis: Redis, folder: Path) -> None:
    (folder / "dump.rdb").mkdir(exist_ok=True)  # in the way of the file
    await redis.config_set("save", "3600 1")
    await redis.bgsave()
    info: dict[str, Any] = {}
    while info.get("rdb_last_bgsave_status") != "err":
        await asyncio.sleep(0.02)
        info = await redis.info("persistence")


FAULTS: dict[str, Fault] = {
    "OOM": _full,
    "READONLY": _replica,
    "MASTERDOWN": _without_its_master,
    "MISCONF": _unable_to_save,
}
"""By the first word of the error that Redis returns."""


async def heal(redis: Redis) -> None:
    """Undo any of `FAULTS`."""
    await redis.replicaof("NO", "ONE")
    await redis.config_set("save", "")
    await redis.config_set("maxmemory", 0)


@asynccontextmanager
async def private_redis(folder: Path) -> AsyncIterator[str]:
    """Start a Redis of our own; yield its URL."""
    server = program.program(folder)
    server.start()
    try:
        await server.ready()
        yield server.url
    finally:
        server.stop()


@asynccontextmanager
async def loading_redis(folder: Path) -> AsyncIterator[str]:
    """Start a Redis that takes a minute to load its data and says so; yield its URL."""
    async with private_redis(folder) as url, Redis.from_url(url) as redis:
        await redis.mset({f"key:{n}": os.urandom(1_500) for n in range(1_000)})
        await redis.save()
    server = program.program(folder)
    with (folder / "redis.conf").open("a") as config:
        config.write("key-load-delay 60000\nloading-process-events-interval-bytes 1024\n")
    server.start()
    try:
        await server.ready()
        yield server.url
    finally:
        server.stop(grace=0.1)
