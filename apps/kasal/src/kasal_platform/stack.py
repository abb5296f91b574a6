"""The distributed form without containers: one process per service and two workers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Self

from common.settings import CommonSettings, load
from executor.config import Settings as ExecutorSettings
from kasal_platform.config import Settings, secrets_in
from kasal_platform.keeping import KeptPart
from kasal_platform.local import finding
from kasal_platform.local.program import free_port
from kasal_platform.parts import Backend, Process, StackPart
from kasal_platform.services import services

_LEAST_WORKERS = 2
_DRAIN = ExecutorSettings.model_fields["drain_seconds"]


class _Draining(CommonSettings):
    """What the stack must know of its workers, to wait long enough for them."""

    drain_seconds: float = _DRAIN  # type: ignore[assignment]


class Stack:
    """The processes of the distributed form.

    `urls` has the address of each backend and service; several of a service are separated by commas.
    `counts` is the number of processes of a service, or of `worker`; a single one is named `events`, two
    are `events-1` and `events-2`. `backends` contains those of `mongo`, `amqp` and `redis` that the stack
    started as programs: with `own_backends` all of them, whatever the environment names.
    """

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        environment: Mapping[str, str],
        extra: Mapping[str, str],
        counts: Mapping[str, int] | None = None,
        *,
        own_backends: bool = False,
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._environment = dict(environment)
        self._extra = dict(extra)
        self._counts = dict(counts or {})
        self._own_backends = own_backends
        self._found = contextlib.ExitStack()
        self.urls: dict[str, str] = {}
        self.processes: dict[str, Process] = {}
        self.backends: dict[str, Backend] = {}

    async def __aenter__(self) -> Self:
        try:
            self._find_backends()
            for process in self._plan():
                self.processes[process.name] = process
                await process.start()
            await asyncio.gather(*(self.ready(name) for name in self.processes))
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _find_backends(self) -> None:
        # On the main thread, since on Linux a child ends with the thread that started it.
        for name, find in (
            ("mongo", finding.mongo),
            ("amqp", finding.amqp),
            ("redis", finding.redis),
        ):
            variable = f"KASAL_{name.upper()}_URL"
            given = "" if self._own_backends else self._environment.get(variable)
            if given:
                self.urls[variable] = given
                continue
            found = self._found.enter_context(
                find(self._folder / name, program_only=self._own_backends)
            )
            self.urls[variable] = found.url
            if found.program is not None:
                self.backends[name] = Backend(found.program)

    def _plan(self) -> list[Process]:
        ports = {name: [free_port() for _ in range(self._count(name))] for name in services()}
        ports["gateway"][0] = self._settings.port or ports["gateway"][0]
        for name, several in ports.items():
            urls = [f"http://127.0.0.1:{port}" for port in several]
            self.urls[f"KASAL_{name.upper()}_URL"] = ",".join(urls)
        ports["worker"] = [free_port() for _ in range(self._count("worker"))]
        held = secrets_in(self._folder)
        shared = {
            "KASAL_MIGRATE_ON_START": "true",
            "KASAL_ALLOWED_HOSTS": self._settings.hosts,
            "KASAL_CONSOLE_DIR": str(self._settings.console or ""),
            **self._environment,
            **self.urls,
            "KASAL_SERVICE_SECRET": held.service_secret,
            "KASAL_SECRET_KEY": held.secret_key,
            **self._extra,
        }
        planned = [
            process for kind in ports for process in self._processes_of(kind, ports[kind], shared)
        ]
        self._give_metrics(planned)
        return planned

    def _count(self, kind: str) -> int:
        usual = max(_LEAST_WORKERS, self._settings.workers) if kind == "worker" else 1
        return self._counts.get(kind, usual)

    def _processes_of(
        self, kind: str, ports: list[int], shared: Mapping[str, str]
    ) -> list[Process]:
        arguments = ("executor", "work") if kind == "worker" else (kind, "serve")
        alone = len(ports) == 1 and kind != "worker"
        told = shared.get("KASAL_DRAIN_SECONDS") or _DRAIN.default
        drain = load(_Draining, drain_seconds=told).drain_seconds
        names = [kind] if alone else [f"{kind}-{number}" for number in range(1, len(ports) + 1)]
        return [
            Process(
                name,
                arguments,
                {**shared, "KASAL_PORT": str(port)},
                self._folder / f"{name}.log",
                port,
                drain=drain if kind == "worker" else 0.0,
            )
            for name, port in zip(names, ports, strict=True)
        ]

    def _give_metrics(self, planned: list[Process]) -> None:
        """Let each process serve metrics on its own port, from KASAL_METRICS_PORT upwards."""
        first = planned[0].environment.get("KASAL_METRICS_PORT", "")
        if not first:
            return
        for place, process in enumerate(planned):
            process.metrics_port = int(first) + place if int(first) else free_port()
            process.environment["KASAL_METRICS_PORT"] = str(process.metrics_port)

    def part(self, name: str) -> StackPart:
        """Return the process or backend `name`."""
        return self.processes[name] if name in self.processes else self.backends[name]

    def names_of(self, kind: str) -> list[str]:
        """Return the names of all processes of a service, or of `worker`."""
        return [n for n in self.processes if n == kind or n.startswith(f"{kind}-")]

    async def start(self, name: str) -> None:
        """Start the process or backend `name` (again)."""
        await self.part(name).start()

    async def ready(self, name: str) -> None:
        """Wait until the process or backend is ready."""
        await self.part(name).ready()

    async def signal(self, name: str, number: int) -> None:
        """Send a signal to the process; after SIGKILL and SIGTERM wait for its end."""
        await self.processes[name].send(number)

    async def stop(self, name: str) -> None:
        """Ask the process or backend to end, and wait for that."""
        await self.part(name).stop()

    async def kill(self, name: str) -> None:
        """End the process or backend at once, as a crash would."""
        await self.part(name).kill()

    def pause(self, name: str) -> None:
        """Stop the execution of the process or backend until `resume`."""
        self.part(name).pause()

    def resume(self, name: str) -> None:
        """Continue a paused process or backend."""
        self.part(name).resume()

    def kept_parts(self) -> list[KeptPart]:
        """Return what `Keeper` needs to keep each process and each backend of its own running."""
        processes = [
            KeptPart(name, part.wait_for_exit, part.start, part.ready)
            for name, part in self.processes.items()
        ]
        return processes + [
            KeptPart(name, part.program.wait_for_exit, part.start, part.ready)
            for name, part in self.backends.items()
        ]

    def hasten(self) -> None:
        """Make stopping processes stop waiting for calls."""
        for process in self.processes.values():
            process.terminate()

    async def close(self) -> None:
        """Stop the services, so that workers hand their jobs back, then the backends."""
        for name in (*self.processes, *self.backends):
            self.resume(name)
        await asyncio.gather(*(process.stop() for process in self.processes.values()))
        self._found.close()


@contextlib.asynccontextmanager
async def stack_in(
    settings: Settings,
    folder: Path,
    environment: Mapping[str, str],
    extra: Mapping[str, str] | None = None,
    counts: Mapping[str, int] | None = None,
    *,
    own_backends: bool = False,
) -> AsyncIterator[Stack]:
    """Run a stack with its data in `folder`.

    Backends that `environment` names are used, the others are started (with `own_backends` all of them, so
    that they can be stopped and killed). `extra` is added to every process's environment. `counts` is the
    number of processes by kind, such as `{"worker": 3, "events": 2}`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    async with Stack(
        settings, folder, environment, extra or {}, counts, own_backends=own_backends
    ) as stack:
        yield stack
