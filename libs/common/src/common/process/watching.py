"""Checks at intervals whether a process reaches its backends, and reports it in `/metrics`."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

from opentelemetry.metrics import CallbackOptions, Observation

from common.logs import get_logger
from common.process.background import Background
from common.process.health import Check, ask_all
from common.telemetry import Telemetry

log = get_logger(__name__)

EVERY = 15.0
"""Seconds between two checks; about as often as Prometheus reads the result."""

_AGAIN = 3.0
"""Seconds until the next check while a backend is down, to notice its return soon."""


class BackendWatch:
    """Runs the checks of `/readyz` at intervals, so that whoever reads metrics need not probe."""

    def __init__(self, telemetry: Telemetry, checks: Mapping[str, Check]) -> None:
        self._checks = checks
        self._up: dict[str, bool] = {}
        telemetry.meter.create_observable_gauge(
            "kasal.backend.up",
            [self._observe],
            description="1 where a backend or service answers this process, else 0",
        )

    async def look(self) -> None:
        """Ask all backends once, concurrently, and log what changed."""
        for name, reason in (await ask_all(self._checks)).items():
            before = self._up.get(name)
            self._up[name] = not reason
            if before and reason:
                log.warning("a backend is away", backend=name, reason=reason)
            elif before is False and not reason:
                log.info("a backend is back", backend=name)

    @asynccontextmanager
    async def looking(self) -> AsyncIterator[None]:
        """Check now, and every 15 seconds (3 while a backend is down) until the end of the block."""
        async with Background() as background:
            background.keep(self._keep_looking, name="backends")
            yield

    async def _keep_looking(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(EVERY if all(self._up.values()) else _AGAIN)

    def _observe(self, _: CallbackOptions) -> Iterable[Observation]:
        return [Observation(int(up), {"backend": name}) for name, up in self._up.items()]
