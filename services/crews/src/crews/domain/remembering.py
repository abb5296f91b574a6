"""The use cases of memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from common.contracts.memory import CREW, WORKSPACE
from common.contracts.messages import MemoryRemembered
from common.errors import Conflict, NotFound
from common.logs import get_logger
from common.times import utc_now
from crews.domain.memory import Memory, MemoryKind, memory_id
from crews.domain.ports import Memories
from crews.domain.written import LastWritten

log = get_logger(__name__)

_RACES = 20
"""Runs of one crew may remember things at the same time."""
_KEPT = 50
"""Memories, half a megabyte at most, that are kept: each run adds to one."""


class Remembering:
    """Keeps what runs want to remember, and clears it. Every existing crew has a memory."""

    def __init__(self, memories: Memories) -> None:
        self._memories = memories
        self._written: LastWritten[Memory] = LastWritten(_KEPT)

    async def memory(self, workspace_id: str, crew_id: str, shelf: str = CREW) -> Memory:
        """Return what lies on a shelf of the crew. Raises `NotFound` for an unknown crew."""
        own = await self._own(workspace_id, crew_id)
        if own is None:
            raise NotFound(f"There is no crew {crew_id}.")
        if shelf == CREW:
            return own
        found = await self._memories.find(memory_id(workspace_id, crew_id, shelf))
        return found or _fresh(own, shelf)

    async def remember(
        self, workspace_id: str, crew_id: str, shelf: str, messages: Sequence[MemoryRemembered]
    ) -> None:
        """Keep what runs sent for one shelf. What they send for a deleted crew is dropped."""
        key = memory_id(workspace_id, crew_id, shelf)
        for _ in range(_RACES):
            held = self._written.take(key) or await self._find_or_make(workspace_id, crew_id, shelf)
            if held is None or held.workspace_id != workspace_id:
                log.info("a memory arrived for a crew that does not exist", crew_id=crew_id)
                return
            after = held.with_entries(messages)
            if after is held or await self._memories.replace(after):
                self._written.keep(key, after)
                return
        raise Conflict(f"The memory of {crew_id} is being changed from several places at once.")

    async def clear(
        self, workspace_id: str, crew_id: str, kind: MemoryKind, shelf: str | None = None
    ) -> None:
        """Forget what `kind` names on one shelf, and what runs sent to it before now.

        Without a shelf: on the crew's own and on all that are kept apart by a key. Raises `NotFound`.
        """
        now = utc_now()
        await self._clear_one(workspace_id, crew_id, kind, shelf or CREW, now)
        if shelf is None:  # after its own: a shelf made since then takes over when that was cleared
            await self._memories.clear_keyed(crew_id, kind, now)

    async def _clear_one(
        self, workspace_id: str, crew_id: str, kind: MemoryKind, shelf: str, now: datetime
    ) -> None:
        for _ in range(_RACES):
            held = await self.memory(workspace_id, crew_id, shelf)
            if shelf != CREW:
                await self._memories.add(held)
            if await self._memories.replace(held.without(kind, now)):
                return
        raise Conflict(f"The memory of {crew_id} is being changed from several places at once.")

    async def _own(self, workspace_id: str, crew_id: str) -> Memory | None:
        own = await self._memories.find(crew_id)
        return own if own is not None and own.workspace_id == workspace_id else None

    async def _find_or_make(self, workspace_id: str, crew_id: str, shelf: str) -> Memory | None:
        """Return a stored memory, made now where it is new; None where the crew is gone."""
        key = memory_id(workspace_id, crew_id, shelf)
        held = await self._memories.find(key)
        if shelf == CREW or (held is not None and shelf != WORKSPACE):
            return held
        own = await self._own(workspace_id, crew_id)
        if own is None or held is not None:
            return held if own is not None else None
        await self._memories.add(_fresh(own, shelf))
        if shelf != WORKSPACE and await self._own(workspace_id, crew_id) is None:
            await self._memories.discard(key)  # the crew was removed between the two
            return None
        return await self._memories.find(key)


def _fresh(own: Memory, shelf: str) -> Memory:
    """Return an empty memory; what was cleared on the crew's own is cleared on a key's too."""
    fresh = replace(own, shelf=shelf, short_term=(), long_term=(), version=0)
    if shelf == WORKSPACE:
        return replace(fresh, crew_id="", short_cleared_at=None, long_cleared_at=None)
    return fresh
