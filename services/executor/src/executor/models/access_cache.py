"""Remembers for a few seconds what workspaces have set, so that not every model call asks for it."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from common.bounded_dict import BoundedDict
from common.contracts.model_access import ModelAccess

_MOST = 1_000
SECONDS = 5.0
"""For so long a changed key may still be used, if the message about the change is lost."""


class AccessSource(Protocol):
    """The service that keeps workspaces' keys."""

    async def model_access(self, workspace_id: str) -> ModelAccess:
        """Return what the workspace has set. Raises `Unavailable`."""


class AccessCache:
    """What workspaces have set, by workspace. It is kept in memory only, and `forget` drops it."""

    def __init__(
        self,
        source: AccessSource,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._seconds = seconds
        self._clock = clock
        self._held: BoundedDict[str, tuple[float, ModelAccess]] = BoundedDict(_MOST)
        self._locks: BoundedDict[str, asyncio.Lock] = BoundedDict(_MOST)
        self._changes = 0

    async def of(self, workspace_id: str) -> ModelAccess:
        """Return what the workspace has set. Raises `Unavailable`."""
        known = self._valid_entry(workspace_id)
        if known is not None:
            return known
        lock = self._locks.get(workspace_id)
        if lock is None:
            lock = self._locks[workspace_id] = asyncio.Lock()
        async with lock:
            return self._valid_entry(workspace_id) or await self._fetch(workspace_id)

    def forget(self, workspace_id: str) -> None:
        """Drop what is known of the workspace: it has changed."""
        self._changes += 1
        self._held.pop(workspace_id, None)

    async def _fetch(self, workspace_id: str) -> ModelAccess:
        changes = self._changes
        found = await self._source.model_access(workspace_id)
        if changes == self._changes:  # else it may have changed while it was on its way
            self._held[workspace_id] = (self._clock() + self._seconds, found)
        return found

    def _valid_entry(self, workspace_id: str) -> ModelAccess | None:
        until, access = self._held.get(workspace_id, (0.0, None))
        if access is None or until <= self._clock():
            self._held.pop(workspace_id, None)
            return None
        return access
