"""A service's connections to its database, its bus and its Redis, by the URLs of its settings.

There is one `Backends` per process. `kasal-platform run`, where all services share a process, passes them its
own, whose database, bus and Redis live in that process.
"""

import sys

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError  # noqa: A004 - Redis' own, not Python's

from common.bus import Bus
from common.settings import BusSettings, MongoSettings, RedisSettings
from common.storage.mongo import is_away, open_mongo
from common.storage.ports import OpenDatabase
from common.telemetry import Telemetry

IN_PROCESS = "memory://"
"""What the URL of a bus or a Redis inside the process begins with."""
IN_FILES = "sqlite://"
"""What the URL of databases or a bus in files, which one process has to itself, begins with."""
_PROBE = "kasal:probe"
REDIS_ANSWERS_WITHIN = 0.5
"""Seconds after which a Redis that has not answered counts as away."""


class Backends:
    """Opens a service's database; creates its bus and its Redis client."""

    def database(
        self, settings: MongoSettings, service: str, telemetry: Telemetry | None = None
    ) -> OpenDatabase:
        """Return the database of a service; it connects when first used. With `telemetry`, failures are counted."""
        if settings.mongo_url.startswith(IN_FILES):
            sys.exit(_refusal("KASAL_MONGO_URL", IN_FILES, "a MongoDB (mongodb://...)"))
        return open_mongo(settings, service, telemetry)

    def bus(self, settings: BusSettings, telemetry: Telemetry) -> Bus:
        """Return a bus that is not yet started."""
        for scheme in (IN_PROCESS, IN_FILES):
            if settings.amqp_url.startswith(scheme):
                sys.exit(_refusal("KASAL_AMQP_URL", scheme, "a RabbitMQ (amqp://...)"))
        from common.bus.rabbitmq import RabbitBus

        return RabbitBus(settings.amqp_url, telemetry, is_away)

    def redis(self, settings: RedisSettings) -> Redis:
        """Return a client; it connects when first used, and a call times out after `REDIS_ANSWERS_WITHIN`."""
        if settings.redis_url.startswith(IN_PROCESS):
            sys.exit(_refusal("KASAL_REDIS_URL", IN_PROCESS, "a Redis (redis://...)"))
        return Redis.from_url(
            settings.redis_url,
            socket_timeout=REDIS_ANSWERS_WITHIN,
            socket_connect_timeout=REDIS_ANSWERS_WITHIN,
            decode_responses=True,
            # The default would wait for seconds. One retry, for a connection from before a restart.
            retry=Retry(NoBackoff(), 1, supported_errors=(ConnectionError,)),
        )


def _refusal(variable: str, scheme: str, server: str) -> str:
    return (
        f"{variable} is wrong: {scheme} would be for this process alone; name {server}, "
        "or start all services in one process with `kasal-platform run`"
    )


async def takes_writes(redis: Redis) -> None:
    """Return if Redis accepts writes; otherwise raise what the client raises.

    A Redis that is full, a replica, or unable to save its data still answers a PING.
    """
    await redis.set(_PROBE, "1", px=1_000)
