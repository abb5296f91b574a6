"""Detects dead workers: those whose counter stands still, by the observer's own clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Signs:
    """What the leases say: each worker's counter, and which workers can take no more jobs."""

    counters: Mapping[str, int]
    full: frozenset[str]


class Leases(Protocol):
    """The workers' counters."""

    async def beat(self, worker_id: str, counter: int, *, full: bool = False) -> Signs:
        """Store this worker's counter and whether it is full; return the signs of all workers."""

    async def counters(self) -> Mapping[str, int]:
        """Return the counters of all workers."""

    async def leave(self, worker_id: str) -> None:
        """Remove a lease."""


@dataclass(slots=True)
class _Sighting:
    counter: int
    still: float = 0.0


class LeaseWatch:
    """Watches the counters of all workers.

    `silence` is how many seconds a counter may stand still. Only time between two looks that both
    reached the store counts. A gap counts for at most `longest_gap` seconds: an observer that was
    paused did not see anybody stand still in the meantime.
    """

    def __init__(self, silence: float = 2.0, longest_gap: float = 1.0) -> None:
        self._silence = silence
        self._longest_gap = longest_gap
        self._seen: dict[str, _Sighting] = {}
        self._looked: float | None = None
        self._owners: frozenset[str] = frozenset()

    def look(self, counters: Mapping[str, int], now: float) -> frozenset[str]:
        """Record the counters read at the monotonic time `now`; return the dead workers."""
        passed = 0.0 if self._looked is None else min(now - self._looked, self._longest_gap)
        self._looked = now
        for worker, counter in counters.items():
            known = self._seen.get(worker)
            if known is None or known.counter != counter:
                self._seen[worker] = _Sighting(counter)
            else:
                known.still += passed
        for gone in self._seen.keys() - counters.keys():
            del self._seen[gone]
        return self.dead(now)

    def skip_look(self) -> None:
        """Skip a look that did not reach the store: the time since the last one does not count."""
        self._looked = None

    def accuse(self, owners: frozenset[str]) -> None:
        """Treat every owner without a lease as dead.

        A worker makes its lease before it owns anything. Without this, nobody would take over the jobs
        of a worker whose lease is gone.
        """
        self._owners = owners

    def dead(self, now: float) -> frozenset[str]:
        """Return the dead workers, or nobody if the last look is older than `longest_gap` seconds.

        An observer that has just been paused cannot know: a worker that was dead may be alive again.
        """
        if self._looked is None or now - self._looked > self._longest_gap:
            return frozenset()
        still = {w for w, seen in self._seen.items() if seen.still >= self._silence}
        return frozenset(still | (self._owners - self._seen.keys()))

    def alive(self, now: float) -> frozenset[str]:
        return frozenset(self._seen) - self.dead(now)
