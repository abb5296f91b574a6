"""Whether a process reaches its backends, asked at intervals and told in `/metrics`."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

from opentelemetry.metrics import CallbackOptions, Observation

from common.health import Check, answers
from common.telemetry import Telemetry

EVERY = 15.0
"""Seconds between two looks; about as often as Prometheus reads what was seen."""


class BackendWatch:
    """Runs the checks of `/readyz` by itself: who reads metrics need not also probe."""

    def __init__(self, telemetry: Telemetry, checks: Mapping[str, Check]) -> None:
        self._checks = checks
        self._up: dict[str, bool] = {}
        telemetry.meter.create_observable_gauge(
            "kasal.backend.up",
            [self._observe],
            description="1 where a backend or service answers this process, else 0",
        )

    async def look(self) -> None:
        """Ask every backend once, all at the same time."""
        self._up = await answers(self._checks)

    async def keep_looking(self) -> None:
        """Look now and then every 15 seconds, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY)

    def _observe(self, _: CallbackOptions) -> Iterable[Observation]:
        return [Observation(int(up), {"backend": name}) for name, up in self._up.items()]


@asynccontextmanager
async def watched(telemetry: Telemetry, checks: Mapping[str, Check]) -> AsyncIterator[None]:
    """Watch the backends until the end of the block."""
    task = asyncio.create_task(BackendWatch(telemetry, checks).keep_looking(), name="backends")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
