"""The use cases of memory."""

from common.contracts.messages import MemoryRemembered
from common.errors import Conflict
from common.times import utc_now
from crews.domain.memory import Memory, MemoryKind
from crews.domain.ports import Crews, Memories

_RACES = 20
"""Runs of one crew may remember things at the same time."""


class Remembering:
    """Keeps what runs want remembered, and clears it."""

    def __init__(self, crews: Crews, memories: Memories) -> None:
        self._crews = crews
        self._memories = memories

    async def memory(self, workspace_id: str, crew_id: str) -> Memory:
        """Return what the crew remembers. The crew's existence is the caller's to check."""
        return await self._memories.find(crew_id) or Memory(crew_id, workspace_id)

    async def remember(self, message: MemoryRemembered) -> bool:
        """Keep an entry; False when there is no such crew (any more)."""
        if await self._crews.find(message.workspace_id, message.crew_id) is None:
            return False
        for _ in range(_RACES):
            held = await self.memory(message.workspace_id, message.crew_id)
            after = held.with_entry(message)
            if after is held or await self._memories.replace(after):
                return True
        raise Conflict(f"The memory of {message.crew_id} is written from too many places at once.")

    async def clear(self, workspace_id: str, crew_id: str, kind: MemoryKind) -> None:
        """Forget what `kind` names, and what runs sent before now."""
        for _ in range(_RACES):
            held = await self.memory(workspace_id, crew_id)
            if await self._memories.replace(held.cleared(kind, utc_now())):
                return
        raise Conflict(f"The memory of {crew_id} is written from too many places at once.")
