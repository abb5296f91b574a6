"""Which workers are dead: those whose counter stood still, by the observer's own clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Signs:
    """The workers' signs of life: their counters, and which of them can take no more jobs."""

    counters: Mapping[str, int]
    full: frozenset[str]


class Leases(Protocol):
    """The workers' counters."""

    async def beat(self, worker_id: str, counter: int, *, full: bool = False) -> Signs:
        """Raise this worker's counter, say whether it can take no more, and return everybody's."""

    async def counters(self) -> Mapping[str, int]:
        """Return everybody's counters."""

    async def leave(self, worker_id: str) -> None:
        """Remove a lease."""


@dataclass(slots=True)
class _Sighting:
    counter: int
    still: float = 0.0


class LeaseWatch:
    """Watches the counters of all workers.

    `silence` is how many seconds a counter may stand still. Only time between two looks that both
    reached the store counts, and of a long gap no more than `longest_gap` seconds: an observer that
    was paused itself has not seen anybody stand still meanwhile.
    """

    def __init__(self, silence: float = 2.0, longest_gap: float = 1.0) -> None:
        self._silence = silence
        self._longest_gap = longest_gap
        self._seen: dict[str, _Sighting] = {}
        self._looked: float | None = None
        self._owners: frozenset[str] = frozenset()

    def look(self, counters: Mapping[str, int], now: float) -> frozenset[str]:
        """Take in what the store said at the monotonic time `now`; return who is dead."""
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
        """Say that the store could not be asked: the time since the last look does not count."""
        self._looked = None

    def accuse(self, owners: frozenset[str]) -> None:
        """Take for dead those of `owners` that no look sees a lease of.

        A lease is made before its worker owns anything; what a worker owns that has left it behind, or
        whose lease is lost, nobody would look after.
        """
        self._owners = owners

    def dead(self, now: float) -> frozenset[str]:
        """Return who is dead, by a look that is not older than `longest_gap` seconds.

        An observer that has just been paused knows nothing: who was dead before may be alive again.
        """
        if self._looked is None or now - self._looked > self._longest_gap:
            return frozenset()
        still = {w for w, seen in self._seen.items() if seen.still >= self._silence}
        return frozenset(still | (self._owners - self._seen.keys()))

    def alive(self, now: float) -> frozenset[str]:
        return frozenset(self._seen) - self.dead(now)
