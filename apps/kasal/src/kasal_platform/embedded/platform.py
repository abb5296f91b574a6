"""All services in one process: the same applications, over Unix sockets and one event loop."""

import asyncio
import importlib
import shutil
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Self

from fastapi import FastAPI
from pymongo.errors import PyMongoError
from starlette.types import ASGIApp

import executor.config
import executor.wiring
from common.logs import bind_service, get_logger
from common.process.starting import CannotStart, refusal
from common.settings import MongoSettings, load
from common.storage.mongo import is_away
from common.storage.ports import OpenDatabase
from common.telemetry import Telemetry
from common.web.server import Server, bind_unix, metrics_app, server_for
from executor.process.worker import WorkerProcess
from kasal_platform.config import Secrets, Settings
from kasal_platform.data_folder import BUS, database_file, databases_url, sockets_for
from kasal_platform.embedded.backends import InProcessBackends
from kasal_platform.embedded.queue_file import damage_text
from kasal_platform.embedded.sqlite.checking import check_access, check_file, check_presence
from kasal_platform.embedded.sqlite.errors import FileDamaged
from kasal_platform.services import FRONT_DOOR, inner_services, keeping_services, services

_ENDING = 12.0
"""Seconds that a service may take to end. A worker hands its jobs back within 10, plus the time for calls
that must not be made twice."""
_CHECKING = 0.3
"""Seconds for the check of a file at the start: a small one is read as a whole. `doctor` reads all of any."""
log = get_logger(__name__)


class PlatformFailed(Exception):  # noqa: N818 - it says what happened
    """A service of the platform did not start or ended by itself; the text says which."""


def import_services() -> None:
    """Import what `Platform` runs; it would import each service when it starts it."""
    for name in services():
        importlib.import_module(f"{name}.wiring")


class Platform:
    """The running platform. `entry` is the bound socket the gateway answers on.

    `prepare` is called when all services but the gateway run, so that what it creates exists before the
    platform is ready. With `mongo_url` the databases are that server's; otherwise they are files in the data
    folder.
    """

    def __init__(
        self,
        settings: Settings,
        secrets: Secrets,
        entry: socket.socket,
        metrics: socket.socket | None,
        prepare: Callable[["Platform"], Awaitable[None]] | None = None,
        mongo_url: str | None = None,
    ) -> None:
        self._prepare = prepare
        self._mongo_url = mongo_url
        self.backends = InProcessBackends(durable=settings.durable)
        self._settings = settings
        self._entry = entry
        self._metrics = metrics
        self._sockets = sockets_for(settings.data_dir)
        self._given = self._shared_settings(secrets)
        self._servers: dict[str, Server] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._worker_stop = asyncio.Event()
        self._worker: WorkerProcess | None = None
        self._drain_seconds = 0.0
        self.on_wait: Callable[[Sequence[str]], None] = lambda _: None
        self.apps: dict[str, FastAPI] = {}
        self._databases: list[OpenDatabase] = []

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _shared_settings(self, secrets: Secrets) -> Mapping[str, Any]:
        urls = {f"{name}_url": f"unix://{self._sockets / name}.sock" for name in inner_services()}
        return {
            "mongo_url": self._mongo_url or databases_url(self._settings.data_dir),
            "amqp_url": databases_url(self._settings.data_dir),
            "redis_url": "memory://",
            "service_secret": secrets.service_secret,
            "secret_key": secrets.secret_key,
            "sandbox_token": self._settings.sandbox_token,
            "allowed_hosts": self._settings.hosts,
            "console_dir": self._settings.console,
            "model_fallback": "offline",
            "migrate_on_start": self._settings.migrate_on_start,
            **urls,
        }

    async def _start(self) -> None:
        await self._check_bus()
        if self._mongo_url is None:
            await self._open_files()
        executor_settings = load(executor.config.Settings, **self._given)
        self.apps = {name: self._build(name) for name in inner_services()}
        for name, app in self.apps.items():
            self._serve(name, app, bind_unix(self._sockets / f"{name}.sock"))
            if name == "auth":
                await (
                    self._wait_until_started()
                )  # the others ask it for keys and revocations when they start
        await self._wait_until_started()
        if self._prepare is not None:
            await self._prepare(self)
        door = self._build(FRONT_DOOR)
        self._serve("gateway", door, self._entry)
        # The lock on the data folder proves that no other process, and so no other worker, uses its files.
        alone = self._mongo_url is None
        worker = executor.wiring.build_worker(executor_settings, self.backends, alone=alone)
        worker.worker.runs.on_wait = lambda jobs: self.on_wait(jobs)
        self._worker, self._drain_seconds = worker, executor_settings.drain_seconds
        self._run("worker", worker.run(self._worker_stop))
        self._serve_metrics(door.state.telemetry, worker.telemetry)
        await self._wait_until_started()

    async def _check_bus(self) -> None:
        """Check the file of the bus. It may be missing: data of earlier releases has none, nor has a restored folder."""
        file = database_file(self._settings.data_dir, BUS)
        try:
            await asyncio.to_thread(check_access, file)
            if file.exists():
                await asyncio.to_thread(check_file, file, _CHECKING)
        except FileDamaged as fault:
            raise PlatformFailed(damage_text(file)) from fault
        except PyMongoError as fault:
            if not is_away(fault):
                raise PlatformFailed(str(fault)) from fault

    async def _open_files(self) -> None:
        """Open the file of each service, so that a faulty one refuses the start in one line."""
        settings = load(MongoSettings, **self._given)
        files = {one: database_file(self._settings.data_dir, one) for one in keeping_services()}
        try:
            await asyncio.to_thread(check_presence, tuple(files.values()))
        except PyMongoError as fault:
            raise PlatformFailed(str(fault)) from fault
        for service, file in files.items():
            opened = self.backends.database(settings, service)
            self._databases.append(opened)
            try:
                if file.exists():
                    await asyncio.to_thread(check_file, file, _CHECKING)
                await opened.database.command("ping")
            except PyMongoError as fault:
                if not is_away(fault):  # a full disk, for example, is waited for
                    raise PlatformFailed(str(fault)) from fault

    def _build(self, name: str) -> FastAPI:
        settings = load(importlib.import_module(f"{name}.config").Settings, **self._given)
        wiring = importlib.import_module(f"{name}.wiring")
        app: FastAPI = wiring.build_app(settings, self.backends)
        return app

    def _serve_metrics(self, *further: Telemetry) -> None:
        if self._metrics is not None:
            telemetries = [*(app.state.telemetry for app in self.apps.values()), *further]
            app = metrics_app(telemetry.registry for telemetry in telemetries)
            self._serve("metrics", app, self._metrics)

    def _serve(self, name: str, app: ASGIApp, bound: socket.socket) -> None:
        server = server_for(app, grace=self._settings.shutdown_grace)
        self._servers[name] = server
        self._run(name, server.serve(sockets=[bound]))

    def _run(self, name: str, work: Any) -> None:
        async def run_named() -> None:
            bind_service(name)
            try:
                await work
            except SystemExit as fault:  # uvicorn raises it when a lifespan fails
                raise PlatformFailed(f"The service {name} did not start; see the log.") from fault

        self._running[name] = asyncio.create_task(run_named(), name=name)

    async def _wait_until_started(self) -> None:
        while not all(server.started for server in self._servers.values()):
            done, _ = await asyncio.wait(self._running.values(), timeout=0.01)
            for task in done:
                self._check(task)

    def _check(self, task: asyncio.Task[None]) -> None:
        fault = None if task.cancelled() else task.exception()
        if isinstance(fault, PlatformFailed):
            raise fault
        refused = fault if isinstance(fault, CannotStart) else self._refusal(task.get_name())
        if refused is not None:
            raise PlatformFailed(str(refused)) from fault
        raise PlatformFailed(f"The service {task.get_name()} ended by itself.") from fault

    def _refusal(self, name: str) -> str | None:
        server = self._servers.get(name)
        return None if server is None else refusal(server.config.app)

    async def wait_for_failure(self) -> None:
        """Wait until a service ends by itself, then raise `PlatformFailed`."""
        done, _ = await asyncio.wait(self._running.values(), return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            self._check(task)

    async def close(self) -> None:
        """Stop: the worker hands its jobs back, then the gateway stops, then the services behind it."""
        self._worker_stop.set()
        await self._wait_for_end("worker", self._drain_seconds + _ENDING)
        for name in ("metrics", *reversed(tuple(services()))):
            if name in self._servers:
                self._servers[name].stop()
                await self._wait_for_end(name)
        for database in self._databases:
            await database.close()
        shutil.rmtree(self._sockets, ignore_errors=True)

    def hasten(self) -> None:
        """Stop waiting for calls while closing."""
        if self._worker is not None:
            self._worker.hasten()

    async def _wait_for_end(self, name: str, within: float = _ENDING) -> None:
        task = self._running.pop(name, None)
        if task is None:
            return
        done, _ = await asyncio.wait({task}, timeout=within)
        if not done:
            task.cancel()
            log.warning("a service did not end in time", ended=name, seconds=within)
        elif not task.cancelled() and task.exception() is not None:
            log.warning("a service did not end cleanly", ended=name, reason=repr(task.exception()))
