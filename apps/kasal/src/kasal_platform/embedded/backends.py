"""A bus and a Redis inside this process, shared by the services that are handed one `Backends`."""

from fakeredis import FakeAsyncRedis, FakeServer
from redis.asyncio import Redis

from common.backends import IN_PROCESS, Backends
from common.bus import Bus
from common.settings import BusSettings, RedisSettings
from common.storage.mongo import is_away
from common.telemetry import Telemetry
from kasal_platform.embedded.bus import InProcessBroker, InProcessBus


class InProcessBackends(Backends):
    """Serves `memory://` URLs from this process, and all others as `Backends` does."""

    def __init__(self) -> None:
        self._broker = InProcessBroker()
        self._server = FakeServer()

    def bus(self, settings: BusSettings, telemetry: Telemetry) -> Bus:
        if settings.amqp_url.startswith(IN_PROCESS):
            return InProcessBus(self._broker, telemetry, is_away)
        return super().bus(settings, telemetry)

    def redis(self, settings: RedisSettings) -> Redis:
        if settings.redis_url.startswith(IN_PROCESS):
            client: Redis = FakeAsyncRedis(server=self._server, decode_responses=True)
            return client
        return super().redis(settings)
