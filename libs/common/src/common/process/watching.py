"""Whether a process reaches its backends, asked at intervals and told in `/metrics`."""

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
"""Seconds between two looks; about as often as Prometheus reads what was seen."""

_AGAIN = 3.0
"""Seconds until the next look while something is away: its return is to be seen soon."""


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
        """Ask every backend once, all at the same time. What has changed since is logged."""
        for name, reason in (await ask_all(self._checks)).items():
            before = self._up.get(name)
            self._up[name] = not reason
            if before and reason:
                log.warning("a backend is away", backend=name, reason=reason)
            elif before is False and not reason:
                log.info("a backend is back", backend=name)

    @asynccontextmanager
    async def looking(self) -> AsyncIterator[None]:
        """Look now, and every 15 seconds (3 while something is away) until the end of the block."""
        async with Background() as background:
            background.keep(self._keep_looking, name="backends")
            yield

    async def _keep_looking(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(EVERY if all(self._up.values()) else _AGAIN)

    def _observe(self, _: CallbackOptions) -> Iterable[Observation]:
        return [Observation(int(up), {"backend": name}) for name, up in self._up.items()]
