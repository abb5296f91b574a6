"""`make stack`: the distributed form without containers, one process per service and two workers.

RabbitMQ, Redis and MongoDB come from KASAL_AMQP_URL, KASAL_REDIS_URL and KASAL_MONGO_URL where they
are set, else from where `make test` finds them (SecantusDB stands in for MongoDB).
"""

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import aiohttp

from common.local import finding
from common.local.program import ProgramFailed, free_port
from common.logs import configure_logging
from common.server import on_stop_signal, run
from common.settings import load
from embedded.config import Settings, secrets_in

_READY_WITHIN = 60.0
_SERVICES = ("auth", "crews", "executor", "events", "gateway")


@dataclass
class Process:
    """One process of the stack: its name (`worker-1`), its arguments, and what it listens on."""

    name: str
    arguments: tuple[str, ...]
    environment: dict[str, str]
    port: int | None = None
    metrics_port: int | None = None
    child: asyncio.subprocess.Process | None = field(default=None, repr=False)


class Stack:
    """The processes of the distributed form. `urls` has each backend's and service's address."""

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        environment: Mapping[str, str],
        extra: Mapping[str, str],
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._environment = dict(environment)
        self._extra = dict(extra)
        self._backends = contextlib.ExitStack()
        self.urls: dict[str, str] = {}
        self.processes: dict[str, Process] = {}

    async def __aenter__(self) -> Self:
        try:
            self._find_backends()
            for process in self._planned():
                self.processes[process.name] = process
                await self.start(process.name)
            await asyncio.gather(*(self.ready(name) for name in self.processes))
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _find_backends(self) -> None:
        # From the main thread: Linux ends a child with the thread that started it.
        found = {
            "KASAL_MONGO_URL": finding.mongo_url,
            "KASAL_AMQP_URL": finding.amqp_url,
            "KASAL_REDIS_URL": finding.redis_url,
        }
        for variable, find in found.items():
            given = self._environment.get(variable)
            folder = self._folder / variable.split("_")[1].lower()
            self.urls[variable] = given or self._backends.enter_context(find(folder))

    def _planned(self) -> list[Process]:
        ports = {name: free_port() for name in _SERVICES}
        ports["gateway"] = self._settings.port or free_port()
        for name in _SERVICES:
            self.urls[f"KASAL_{name.upper()}_URL"] = f"http://127.0.0.1:{ports[name]}"
        held = secrets_in(self._folder)
        shared = {
            **self._environment,
            **self.urls,
            "KASAL_SERVICE_SECRET": held.service_secret,
            "KASAL_SECRET_KEY": held.secret_key,
            "KASAL_FILES_DIR": str(self._folder / "files"),
            **self._extra,
        }
        served = [
            Process(n, (n, "serve"), {**shared, "KASAL_PORT": str(ports[n])}, ports[n])
            for n in _SERVICES
        ]
        workers = max(2, self._settings.workers)
        planned = served + [self._worker(number, shared) for number in range(1, workers + 1)]
        self._give_metrics(planned)
        return planned

    def _give_metrics(self, planned: list[Process]) -> None:
        """Have each process serve metrics on a port of its own, from KASAL_METRICS_PORT upwards."""
        first = planned[0].environment.get("KASAL_METRICS_PORT", "")
        if not first:
            return
        for place, process in enumerate(planned):
            process.metrics_port = int(first) + place if int(first) else free_port()
            process.environment["KASAL_METRICS_PORT"] = str(process.metrics_port)

    def _worker(self, number: int, shared: Mapping[str, str]) -> Process:
        port = free_port()
        environment = {**shared, "KASAL_PORT": str(port)}
        return Process(f"worker-{number}", ("executor", "work"), environment, port)

    async def start(self, name: str) -> None:
        """Start the process `name` (again)."""
        process = self.processes[name]
        log = (self._folder / f"{name}.log").open("ab")
        with log:
            process.child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                *process.arguments,
                env=process.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def ready(self, name: str) -> None:
        """Wait until the process answers that it is ready."""
        process = self.processes[name]
        url = f"http://127.0.0.1:{process.port}/readyz"
        async with asyncio.timeout(_READY_WITHIN), aiohttp.ClientSession() as http:
            while not await _is_ready(http, url):
                if process.child is None or process.child.returncode is not None:
                    raise StackFailed(f"{name} ended while starting; see {self._folder / name}.log")
                await asyncio.sleep(0.05)

    async def signal(self, name: str, number: int) -> None:
        """Send a signal to the process; after SIGKILL and SIGTERM wait for its end."""
        child = self.processes[name].child
        if child is None or child.returncode is not None:
            return
        child.send_signal(number)
        if number in {signal.SIGKILL, signal.SIGTERM}:
            await child.wait()

    async def died(self) -> str:
        """Wait until a process ends by itself and return its name."""
        waits = {
            asyncio.create_task(process.child.wait()): name
            for name, process in self.processes.items()
            if process.child is not None
        }
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            return waits[done.pop()]
        finally:
            for task in waits:
                task.cancel()

    async def close(self) -> None:
        """Stop the services (workers first, so that they hand their jobs back), then the backends."""
        names = sorted(self.processes, key=lambda name: not name.startswith("worker"))
        await asyncio.gather(*(self._end(name) for name in names))
        self._backends.close()

    async def _end(self, name: str) -> None:
        child = self.processes[name].child
        if child is None or child.returncode is not None:
            return
        child.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(child.wait(), timeout=15)
        except TimeoutError:
            child.kill()
            await child.wait()


class StackFailed(Exception):  # noqa: N818 - it says what happened
    """A process of the stack did not start; the text says which and where its log is."""


async def _is_ready(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


@contextlib.asynccontextmanager
async def stack_in(
    settings: Settings,
    folder: Path,
    environment: Mapping[str, str],
    extra: Mapping[str, str] | None = None,
) -> AsyncIterator[Stack]:
    """Run a stack with its data in `folder`.

    Backends that `environment` names are used, the others are started; `extra` goes to every
    process on top of it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    async with Stack(settings, folder, environment, extra or {}) as stack:
        yield stack


async def main() -> None:
    settings = load(Settings)
    configure_logging(settings.log_level, settings.log_format)
    stopped = asyncio.Event()
    on_stop_signal(stopped.set)
    folder = Path(os.environ.get("KASAL_DATA_DIR") or tempfile.mkdtemp(prefix="kasal-stack-"))
    try:
        async with stack_in(settings, folder.resolve(), os.environ) as stack:
            _show(stack, folder)
            await _until(stopped, stack)
    except (StackFailed, ProgramFailed) as fault:
        sys.exit(str(fault))


async def _until(stopped: asyncio.Event, stack: Stack) -> None:
    waits = [asyncio.create_task(stopped.wait()), asyncio.create_task(stack.died())]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    ended = waits[1].result() if waits[1].done() else None
    for task in waits:
        task.cancel()
    if ended is not None and not stopped.is_set():
        raise StackFailed(f"{ended} ended by itself.")


def _show(stack: Stack, folder: Path) -> None:
    lines = [
        f"  {name:<10} pid {process.child.pid}  port {process.port}"
        + (f"  metrics {process.metrics_port}" if process.metrics_port else "")
        for name, process in stack.processes.items()
        if process.child is not None
    ]
    sys.stdout.write(
        "Kasal is up: one process per service.\n"
        + "\n".join(lines)
        + f"\n  API        {stack.urls['KASAL_GATEWAY_URL']}/api/v1"
        + f"\n  Logs       {folder}\nPress Ctrl-C to stop.\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    run(main)
