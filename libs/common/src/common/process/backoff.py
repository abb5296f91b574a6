"""Pauses between retries that grow while something keeps failing."""

import random
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds to wait after the first consecutive failure, the second and so on; the last one repeats.

    `jitter` is the share by which a pause varies at random, so that processes that failed together do
    not retry together.
    """

    steps: tuple[float, ...]
    jitter: float = 0.0

    def __post_init__(self) -> None:
        if not self.steps or min(self.steps) < 0 or not 0 <= self.jitter <= 1:
            raise ValueError("a backoff needs pauses of at least 0 s, and a jitter from 0 to 1")

    @classmethod
    def doubling(cls, first: float, longest: float, jitter: float = 0.0) -> "Backoff":
        """Return pauses that begin with `first` seconds and double up to `longest`."""
        if first <= 0:
            raise ValueError("a pause of 0 s cannot double")
        steps = [min(first, longest)]
        while steps[-1] < longest:
            steps.append(min(steps[-1] * 2, longest))
        return cls(tuple(steps), jitter)

    def pause(self, failures: int) -> float:
        """Return the seconds to wait after this many consecutive failures, from 1."""
        step = self.steps[min(max(failures, 1), len(self.steps)) - 1]
        return step * random.uniform(1 - self.jitter, 1 + self.jitter) if self.jitter else step  # noqa: S311

    def pauses(self) -> Iterator[float]:
        """Yield the pauses after consecutive failures, without end."""
        failures = 0
        while True:
            failures += 1
            yield self.pause(failures)
