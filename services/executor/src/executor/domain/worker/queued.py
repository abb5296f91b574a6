"""Jobs that are queued in the store without a message at hand, by workspace."""

import asyncio
import heapq
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from common.times import utc_now
from executor.domain.log.ports import Executions
from executor.domain.worker.intake import Intake

_OVERDUE = timedelta(seconds=5)
"""A job queued for longer than this, while there is a free place, has probably lost its message."""
_SOON = timedelta(seconds=0.5)
"""The same if no job of its workspace runs here, or another worker is full."""
_NOW = timedelta(0)
_KNOWN = 5_000
"""Workspaces that are remembered. The others are found after these have had their turn."""
_AT_ONCE = 50
_SHARE = 10
"""Looking for workspaces takes at most this fraction of the time: 1 / `_SHARE`."""


class Queued:
    """Knows which workspaces have such jobs. `held` returns how many jobs of a workspace are held here."""

    def __init__(self, executions: Executions, intake: Intake, held: Callable[[str], int]) -> None:
        self._executions = executions
        self._intake = intake
        self._held = held
        self._known: dict[str, bool] = {}
        self._not_before = float("-inf")

    @property
    def known(self) -> bool:
        """Whether any workspace may have some."""
        return bool(self._known)

    def remember(self, workspaces: Sequence[str], *, left_here: bool = False) -> None:
        """Remember workspaces that have some. `left_here`: this worker has taken their messages."""
        for workspace in workspaces:
            if workspace in self._known or len(self._known) < _KNOWN:
                self._known[workspace] = self._known.get(workspace, False) or left_here

    async def find(self) -> None:
        """Ask the store which workspaces have some, unless it was asked very recently."""
        began = asyncio.get_running_loop().time()
        if began < self._not_before:
            return
        self.remember(await self._executions.waiting_workspaces())
        now = asyncio.get_running_loop().time()
        self._not_before = now + _SHARE * (now - began)

    async def next(
        self,
        allot: Callable[[Mapping[str, int]], Mapping[str, int]],
        *,
        idle: bool,
        elsewhere: bool,
    ) -> list[str]:
        """Return jobs to claim: as many of each workspace as `allot` gives it, the oldest first.

        `idle` says that no messages arrive, `elsewhere` that another worker is full.
        """
        few = heapq.nsmallest(_AT_ONCE, self._known, key=self._held)
        shares = allot({workspace: self._held(workspace) for workspace in few})
        delayed = self._intake.delayed
        left_here = {workspace: self._known[workspace] for workspace in shares}
        searches = (
            self._of(workspace, many, delayed[workspace], idle=idle, soon=elsewhere)
            for workspace, many in shares.items()
        )
        try:
            found = await asyncio.gather(*searches)
        except Exception:  # what the other searches find is not claimed either
            for workspace, left in left_here.items():
                self.remember([workspace], left_here=left)
            raise
        return [job_id for job_ids in found for job_id in job_ids]

    async def _of(
        self, workspace: str, many: int, delayed: int, *, idle: bool, soon: bool
    ) -> list[str]:
        left_here = self._known.pop(workspace)
        if idle or left_here:
            patience = _NOW
        else:
            patience = _SOON if soon or not self._held(workspace) else _OVERDUE
        wanted = many + delayed
        job_ids = await self._executions.queued_jobs_of(workspace, utc_now() - patience, wanted)
        if len(job_ids) >= wanted:  # there may be more; after the others, as it just had its turn
            self.remember([workspace], left_here=left_here)
        return job_ids
