"""A service's connections to its bus and its Redis, by the URLs of its settings.

There is one `Backends` per process. `kasal-platform run`, where all services share a process, passes them its
own, whose bus and Redis live in that process.
"""

import sys

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError  # noqa: A004 - Redis' own, not Python's

from common.bus import Bus
from common.settings import BusSettings, RedisSettings
from common.storage.mongo import is_away
from common.telemetry import Telemetry

IN_PROCESS = "memory://"
"""What the URL of a bus or a Redis inside the process begins with."""
_PROBE = "kasal:probe"


class Backends:
    """Creates a service's bus and Redis client."""

    def bus(self, settings: BusSettings, telemetry: Telemetry) -> Bus:
        """Return a bus that is not yet started."""
        if settings.amqp_url.startswith(IN_PROCESS):
            sys.exit(_refusal("KASAL_AMQP_URL", "a RabbitMQ (amqp://...)"))
        from common.bus.rabbitmq import RabbitBus

        return RabbitBus(settings.amqp_url, telemetry, is_away)

    def redis(self, settings: RedisSettings) -> Redis:
        """Return a client; it connects when first used, and a call times out after 0.5 s."""
        if settings.redis_url.startswith(IN_PROCESS):
            sys.exit(_refusal("KASAL_REDIS_URL", "a Redis (redis://...)"))
        return Redis.from_url(
            settings.redis_url,
            socket_timeout=0.5,
            socket_connect_timeout=0.5,
            decode_responses=True,
            # The default would wait for seconds. One retry, for a connection from before a restart.
            retry=Retry(NoBackoff(), 1, supported_errors=(ConnectionError,)),
        )


def _refusal(variable: str, server: str) -> str:
    return (
        f"{variable} is wrong: {IN_PROCESS} would be for this process alone; name {server}, "
        "or start all services in one process with `kasal-platform run`"
    )


async def takes_writes(redis: Redis) -> None:
    """Return if Redis accepts writes; otherwise raise what the client raises.

    A Redis that is full, a replica, or unable to save its data still answers a PING.
    """
    await redis.set(_PROBE, "1", px=1_000)
