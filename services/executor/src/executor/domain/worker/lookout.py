"""Which workers look for jobs that nobody takes care of.

A worker asks the store for them twice a second. If there are many workers, each draws lots in every
round. So a thousand workers ask no more often than `LOOKERS` do, with no coordination between them.
"""

import random
from collections.abc import Callable, Collection

LOOKERS = 16
"""Average number of workers that look in one round. The chance that none does is e to the -16."""


class Lookout:
    """Draws lots for one worker. `draw` returns a random number from 0 up to 1."""

    def __init__(self, draw: Callable[[], float] = random.random) -> None:
        self._draw = draw
        self._alive = self._roomy = 1

    def learn(self, alive: Collection[str], full: Collection[str]) -> None:
        """Record which other workers are `alive`, and which can take no more jobs."""
        self._alive = 1 + len(alive)
        self._roomy = 1 + len(set(alive).difference(full))

    @property
    def others_full(self) -> bool:
        """Whether any other worker can take no more jobs."""
        return self._roomy < self._alive

    def takes(self) -> bool:
        """Say whether this worker looks for jobs to take in this round. It must have room."""
        return self._draw() * self._roomy < LOOKERS

    def sweeps(self) -> bool:
        """Say whether this worker looks for ended and waiting jobs with work left to do."""
        return self._draw() * self._alive < LOOKERS
