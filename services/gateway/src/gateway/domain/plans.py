"""The rate limits of each workspace, looked up at auth and kept for a minute."""

import asyncio
import time

from common.bounded_dict import BoundedDict
from common.errors import KasalError
from common.logs import get_logger
from gateway.domain.ports import PlanSource
from gateway.domain.windows import TIERS, RateLimits

log = get_logger(__name__)

_KEPT = 60.0
_ASK_AGAIN_AFTER = 5.0
_REMEMBERED = 20_000


class KnownPlans:
    """Limits by workspace. While auth is away, the last known ones apply, or else the free tier's."""

    def __init__(self, source: PlanSource) -> None:
        self._source = source
        self._known: BoundedDict[str, tuple[RateLimits, float]] = BoundedDict(_REMEMBERED)
        self._lookups: dict[str, asyncio.Task[RateLimits]] = {}

    def known_limits(self, workspace_id: str) -> RateLimits | None:
        """Return the limits if they are known and fresh."""
        limits, until = self._known.get(workspace_id, (None, 0.0))
        return limits if until > time.monotonic() else None

    def forget(self, workspace_id: str) -> None:
        """Look the limits up again at the workspace's next request."""
        self._known.pop(workspace_id, None)
        # A lookup in progress may have read the old ones: its callers get them, but they are not kept.
        self._lookups.pop(workspace_id, None)

    async def limits(self, workspace_id: str) -> RateLimits:
        """Return the limits of `workspace_id`; concurrent callers share one request to auth."""
        held = self.known_limits(workspace_id)
        if held is not None:
            return held
        task = self._lookups.get(workspace_id)
        if task is None:
            task = self._lookups[workspace_id] = asyncio.create_task(self._look_up(workspace_id))
            task.add_done_callback(lambda done: self._drop_lookup(workspace_id, done))
        return await asyncio.shield(task)

    def _drop_lookup(self, workspace_id: str, task: asyncio.Task[RateLimits]) -> None:
        if self._lookups.get(workspace_id) is task:
            del self._lookups[workspace_id]

    async def _look_up(self, workspace_id: str) -> RateLimits:
        try:
            limits, kept = await self._source.limits(workspace_id), _KEPT
        except KasalError as fault:
            log.warning(
                "the plan could not be looked up", workspace_id=workspace_id, reason=fault.message
            )
            stale = self._known.get(workspace_id)
            limits, kept = (stale[0] if stale else TIERS["free"]), _ASK_AGAIN_AFTER
        if self._lookups.get(workspace_id) is not asyncio.current_task():
            return limits
        self._known[workspace_id] = (limits, time.monotonic() + kept)
        return limits
