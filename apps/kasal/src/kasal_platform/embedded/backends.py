"""Databases, a bus and a Redis inside this process, shared by the services that are handed one `Backends`."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from redis.asyncio import Redis

from common.backends import IN_FILES, IN_PROCESS, Backends
from common.bus import Bus
from common.settings import BusSettings, MongoSettings, RedisSettings
from common.storage.mongo import is_away
from common.storage.ports import OpenDatabase
from common.telemetry import Telemetry
from kasal_platform.data_folder import BUS
from kasal_platform.embedded.broker import InProcessBroker
from kasal_platform.embedded.bus import InProcessBus
from kasal_platform.embedded.queue_file import QueueFile

if TYPE_CHECKING:
    from fakeredis import FakeServer

    from kasal_platform.embedded.databases import SharedFiles


_PATIENCE = 5.0
"""Seconds that a publisher waits for the file of the bus, as it would for RabbitMQ."""


class InProcessBackends(Backends):
    """Serves `memory://` and `sqlite://` URLs from this process, and all others as `Backends` does.

    With `durable`, what databases in files acknowledge is on the disk.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self._durable = durable
        self._broker = InProcessBroker()
        self._brokers: dict[str, InProcessBroker] = {}
        self._files: dict[Path, SharedFiles] = {}

    @cached_property
    def _server(self) -> "FakeServer":
        from fakeredis import FakeServer  # 14 MB, which a worker or a relay need not hold

        return FakeServer()

    def database(
        self, settings: MongoSettings, service: str, telemetry: Telemetry | None = None
    ) -> OpenDatabase:
        if not settings.mongo_url.startswith(IN_FILES):
            return super().database(settings, service, telemetry)
        files = self._files_of(settings.mongo_url)
        return files.open(service, settings.mongo_timeout_ms / 1000, telemetry)

    def _files_of(self, url: str) -> "SharedFiles":
        from kasal_platform.embedded.databases import SharedFiles, folder_of

        folder = folder_of(url)
        return self._files.setdefault(folder, SharedFiles(folder, durable=self._durable))

    def bus(self, settings: BusSettings, telemetry: Telemetry) -> Bus:
        if settings.amqp_url.startswith(IN_FILES):
            return InProcessBus(self._broker_of(settings.amqp_url), telemetry, is_away)
        if settings.amqp_url.startswith(IN_PROCESS):
            return InProcessBus(self._broker, telemetry, is_away)
        return super().bus(settings, telemetry)

    def _broker_of(self, url: str) -> InProcessBroker:
        if url not in self._brokers:
            file = QueueFile(lambda: self._files_of(url).open(BUS, _PATIENCE, None))
            self._brokers[url] = InProcessBroker(file)
        return self._brokers[url]

    def redis(self, settings: RedisSettings) -> Redis:
        if settings.redis_url.startswith(IN_PROCESS):
            from fakeredis import FakeAsyncRedis

            client: Redis = FakeAsyncRedis(server=self._server, decode_responses=True)
            return client
        return super().redis(settings)
