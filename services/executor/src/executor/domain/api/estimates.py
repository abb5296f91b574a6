"""Estimates how long a crew's next run will take, from its past runs."""

import time
from collections.abc import Callable

from executor.domain.ending.ports import Counters
from executor.domain.ending.tallies import estimate

_KEPT = 10.0
"""Seconds for which an estimate is cached: one more run hardly changes it."""
_MOST = 10_000


class Estimates:
    """Estimates by crew, cached for a short time because every job needs one."""

    def __init__(self, counters: Counters, clock: Callable[[], float] = time.monotonic) -> None:
        self._counters = counters
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[int, float]] = {}

    async def of(self, workspace_id: str, crew_id: str) -> int:
        """Return the estimate in seconds. Raises `Unavailable`."""
        now = self._clock()
        seconds, until = self._known.get((workspace_id, crew_id), (0, now))
        if until > now:
            return seconds
        stats = await self._counters.of_crew(workspace_id, crew_id)
        seconds = estimate(stats)
        if stats is not None:
            self._keep((workspace_id, crew_id), seconds, now)
        return seconds

    def _keep(self, crew: tuple[str, str], seconds: int, now: float) -> None:
        if len(self._known) >= _MOST:
            self._known = {c: kept for c, kept in self._known.items() if kept[1] > now}
        if len(self._known) < _MOST:
            self._known[crew] = (seconds, now + _KEPT)
