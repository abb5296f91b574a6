"""Where a service's connections come from: real backends by URL, or the embedded ones by `memory://`.

One `Backends` is made per process. In the embedded form all five services are handed the same one,
so that they share one in-process broker and one in-process Redis.
"""

from typing import TYPE_CHECKING

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError  # noqa: A004 - Redis' own, not Python's

from common.bus import Bus
from common.bus.memory import MemoryBroker, MemoryBus
from common.mongo import is_away
from common.settings import BusSettings, RedisSettings
from common.telemetry import Telemetry

if TYPE_CHECKING:
    from fakeredis import FakeServer


_PROBE = "kasal:probe"


class Backends:
    """Makes a bus and a Redis client for each service that asks."""

    def __init__(self) -> None:
        self._broker = MemoryBroker()
        self._redis: FakeServer | None = None

    def bus(self, settings: BusSettings, telemetry: Telemetry) -> Bus:
        """Return a bus that is not yet started."""
        if settings.amqp_url.startswith("memory://"):
            return MemoryBus(self._broker, telemetry, is_away)
        from common.bus.rabbitmq import RabbitBus

        return RabbitBus(settings.amqp_url, telemetry, is_away)

    def redis(self, settings: RedisSettings) -> Redis:
        """Return a client; it connects when first used, and gives up on a call after 0.5 s."""
        if settings.redis_url.startswith("memory://"):
            return self._in_process_redis()
        return Redis.from_url(
            settings.redis_url,
            socket_timeout=0.5,
            socket_connect_timeout=0.5,
            decode_responses=True,
            # The library's own would wait for seconds. Once: a connection kept from before a restart.
            retry=Retry(NoBackoff(), 1, supported_errors=(ConnectionError,)),
        )

    def _in_process_redis(self) -> Redis:
        from fakeredis import FakeAsyncRedis, FakeServer

        if self._redis is None:
            self._redis = FakeServer()
        client: Redis = FakeAsyncRedis(server=self._redis, decode_responses=True)
        return client


async def takes_writes(redis: Redis) -> None:
    """Return if Redis takes what is written; raises what it raises otherwise.

    One that is full, a replica, or cannot save its data answers a PING and refuses all else.
    """
    await redis.set(_PROBE, "1", px=1_000)
