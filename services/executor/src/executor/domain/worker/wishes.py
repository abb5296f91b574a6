"""Which jobs' texts somebody wants to see while models write them."""

import time
from collections.abc import Callable, Sequence

from common.bounded_dict import BoundedDict

_MOST = 100_000


class Wishes:
    """Wishes as the events service tells them; each holds for a while unless it is renewed.

    They are for all jobs, as this worker may yet take any of them.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: BoundedDict[str, float] = BoundedDict(_MOST)

    def note(self, job_ids: Sequence[str], seconds: float) -> None:
        """Note that the texts of these jobs are wanted for so long."""
        until = self._clock() + seconds
        for job_id in job_ids:
            self._until[job_id] = until
        self._drop_expired()

    def wanted(self, job_id: str) -> bool:
        """Return whether somebody wants the texts of this job."""
        until = self._until.get(job_id)
        return until is not None and self._clock() < until

    def _drop_expired(self) -> None:
        """Drop the oldest wishes that hold no more: they are kept in the order of their renewal."""
        now = self._clock()
        while self._until:
            oldest = next(iter(self._until))
            if self._until[oldest] > now:
                return
            del self._until[oldest]
