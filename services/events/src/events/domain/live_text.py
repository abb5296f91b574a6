"""Which jobs' texts are wanted while they are written: bound on the bus, and told to workers."""

import time
from collections.abc import Callable, Sequence

from common.bounded_dict import BoundedDict
from common.contracts.deltas import deltas_key
from common.errors import KasalError
from common.logs import get_logger
from events.domain.feed import Feed
from events.domain.ports import Bindings, WishSender

log = get_logger(__name__)

_AT_ONCE = 1_000
"""Jobs, or workspaces, in one message to the workers."""
_LATELY = 600.0
"""Seconds for which new jobs of a workspace may be watched, after somebody has watched one."""


class WatchedTexts:
    """Gets deltas of the jobs that somebody wants them of. Without the bus there are none.

    Workers write deltas only while they know of a wish, and forget it soon: it is renewed.
    """

    def __init__(
        self,
        bindings: Bindings,
        wishes: WishSender,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bindings = bindings
        self._wishes = wishes
        self._wanted: dict[str, Feed] = {}
        self._clock = clock
        self._lately: BoundedDict[str, float] = BoundedDict(_AT_ONCE)

    async def begin(self, feed: Feed) -> None:
        """Get the job's deltas from now on, if somebody wants them."""
        async with feed.lock:
            if feed.delta_users:
                self._wanted[feed.key] = feed
                self._lately[feed.workspace_id] = self._clock()
                await self._bind(feed)
        if feed.deltas_bound:
            await self._tell([feed.job_id], [feed.workspace_id])

    async def end(self, feed: Feed) -> None:
        """Stop getting the job's deltas, unless somebody still wants them."""
        async with feed.lock:
            if feed.delta_users:
                return
            self._wanted.pop(feed.key, None)
            if feed.deltas_bound:
                feed.deltas_bound = False
                try:
                    await self._bindings.unbind(deltas_key(feed.workspace_id, feed.job_id))
                except KasalError as fault:
                    log.warning("a job stays bound", job_id=feed.job_id, reason=fault.message)

    async def renew(self) -> None:
        """Tell workers again what is wanted, and bind what could not be bound."""
        for feed in [feed for feed in self._wanted.values() if not feed.deltas_bound]:
            async with feed.lock:
                if feed.delta_users and not await self._bind(feed):
                    break
        job_ids = [feed.job_id for feed in self._wanted.values()]
        for start in range(0, len(job_ids), _AT_ONCE):
            await self._tell(job_ids[start : start + _AT_ONCE], [])
        workspace_ids = self._recent_workspaces()
        if workspace_ids:
            await self._tell([], workspace_ids)

    def _recent_workspaces(self) -> list[str]:
        now = self._clock()
        for workspace_id in {feed.workspace_id for feed in self._wanted.values()}:
            self._lately[workspace_id] = now
        for workspace_id in [one for one, when in self._lately.items() if now - when > _LATELY]:
            del self._lately[workspace_id]
        return list(self._lately)

    async def _bind(self, feed: Feed) -> bool:
        if not feed.deltas_bound:
            try:
                await self._bindings.bind(deltas_key(feed.workspace_id, feed.job_id))
                feed.deltas_bound = True
            except KasalError as fault:
                log.warning("a job could not be bound", job_id=feed.job_id, reason=fault.message)
        return feed.deltas_bound

    async def _tell(self, job_ids: Sequence[str], workspace_ids: Sequence[str]) -> None:
        try:
            await self._wishes.want(job_ids, workspace_ids)
        except KasalError as fault:
            log.warning("workers could not be told what is watched", reason=fault.message)
