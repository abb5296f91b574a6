"""Workers over a test's backends."""

import asyncio
from typing import Any

from common.backends import Backends
from executor.config import Settings
from executor.process.worker import WorkerProcess
from executor.wiring import build_worker


class Workers:
    """Starts workers over the test's backends."""

    def __init__(self, settings: Settings, backends: Backends) -> None:
        self._settings = settings
        self._backends = backends
        self._running: list[tuple[asyncio.Event, asyncio.Task[None]]] = []

    async def start(self, runner: Any, **changes: Any) -> tuple[WorkerProcess, asyncio.Event]:
        settings = self._settings.model_copy(update=changes)
        process = build_worker(settings, self._backends, runner=runner)
        stop = asyncio.Event()
        self._running.append((stop, asyncio.create_task(process.run(stop))))
        return process, stop

    async def stopped(self, stop: asyncio.Event) -> None:
        """Stop that worker and wait until it has handed its jobs back."""
        stop.set()
        await next(task for event, task in self._running if event is stop)

    async def close(self) -> None:
        for stop, _ in self._running:
            stop.set()
        await asyncio.gather(*(task for _, task in self._running))
