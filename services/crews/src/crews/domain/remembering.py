"""The use cases of memory."""

from collections.abc import Sequence

from common.contracts.messages import MemoryRemembered
from common.errors import Conflict, NotFound
from common.logs import get_logger
from common.times import utc_now
from crews.domain.memory import Memory, MemoryKind
from crews.domain.ports import Memories
from crews.domain.written import LastWritten

log = get_logger(__name__)

_RACES = 20
"""Runs of one crew may remember things at the same time."""
_KEPT = 50
"""Crews whose memory, half a megabyte at most, is kept: each run adds to it."""


class Remembering:
    """Keeps what runs want remembered, and clears it. A crew that is there has a memory."""

    def __init__(self, memories: Memories) -> None:
        self._memories = memories
        self._written: LastWritten[Memory] = LastWritten(_KEPT)

    async def memory(self, workspace_id: str, crew_id: str) -> Memory:
        """Return what the crew remembers. Raises `NotFound`."""
        found = await self._memories.find(crew_id)
        if found is None or found.workspace_id != workspace_id:
            raise NotFound(f"There is no crew {crew_id}.")
        return found

    async def remember(
        self, workspace_id: str, crew_id: str, told: Sequence[MemoryRemembered]
    ) -> None:
        """Keep what runs of one crew told. What is told of a crew that is gone is dropped."""
        for _ in range(_RACES):
            held = self._written.take(crew_id) or await self._memories.find(crew_id)
            if held is None or held.workspace_id != workspace_id:
                log.info("a memory came for a crew that is not there", crew_id=crew_id)
                return
            after = held.with_entries(told)
            if after is held or await self._memories.replace(after):
                self._written.keep(crew_id, after)
                return
        raise Conflict(f"The memory of {crew_id} is written from too many places at once.")

    async def clear(self, workspace_id: str, crew_id: str, kind: MemoryKind) -> None:
        """Forget what `kind` names, and what runs sent before now. Raises `NotFound`."""
        for _ in range(_RACES):
            held = await self.memory(workspace_id, crew_id)
            if await self._memories.replace(held.cleared(kind, utc_now())):
                return
        raise Conflict(f"The memory of {crew_id} is written from too many places at once.")
