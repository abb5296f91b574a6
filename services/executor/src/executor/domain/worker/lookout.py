"""Whose turn it is to look for jobs that nobody looks after.

Every worker asks the store for them twice a second. Of many workers only some do so in each round, by
lot: the store is asked no more often by a thousand workers than by `LOOKERS`, and needs nobody to
agree on who it is.
"""

import random
from collections.abc import Callable, Collection

LOOKERS = 16
"""Workers that look in one round, on average. That none does has a chance of 1 in e to the 16th."""


class Lookout:
    """Draws lots for one worker. `draw` returns a random number from 0 up to 1."""

    def __init__(self, draw: Callable[[], float] = random.random) -> None:
        self._draw = draw
        self._alive = self._roomy = 1

    def learn(self, alive: Collection[str], full: Collection[str]) -> None:
        """Take note of the other workers that are `alive`, and of those that can take no more."""
        self._alive = 1 + len(alive)
        self._roomy = 1 + len(set(alive).difference(full))

    @property
    def others_full(self) -> bool:
        """Whether any other worker can take no more."""
        return self._roomy < self._alive

    def takes(self) -> bool:
        """Say whether this worker, which has room, looks for jobs to take in this round."""
        return self._draw() * self._roomy < LOOKERS

    def sweeps(self) -> bool:
        """Say whether this worker looks for what is left to do of ended and waiting jobs."""
        return self._draw() * self._alive < LOOKERS
