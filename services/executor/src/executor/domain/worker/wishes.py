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

    def note(
        self, job_ids: Sequence[str], seconds: float, workspace_ids: Sequence[str] = ()
    ) -> None:
        """Note that the texts of these jobs are wanted for so long.

        The texts of these workspaces' new jobs are expected to be.
        """
        until = self._clock() + seconds
        for name in (*job_ids, *workspace_ids):  # ids of both kinds differ in their prefixes
            self._until[name] = until
        self._drop_expired()

    def wanted(self, job_id: str) -> bool:
        """Return whether somebody wants the texts of this job."""
        return self._holds(job_id)

    def expected(self, workspace_id: str) -> bool:
        """Return whether texts of the workspace's new jobs may be wanted before anybody says so."""
        return self._holds(workspace_id)

    def _holds(self, name: str) -> bool:
        until = self._until.get(name)
        return until is not None and self._clock() < until

    def _drop_expired(self) -> None:
        """Drop the oldest wishes that hold no more: they are kept in the order of their renewal."""
        now = self._clock()
        while self._until:
            oldest = next(iter(self._until))
            if self._until[oldest] > now:
                return
            del self._until[oldest]
