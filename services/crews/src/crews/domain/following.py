"""Following runs: what events say about a crew's tasks."""

from collections.abc import Sequence

from common.contracts.events import Event
from common.errors import Conflict
from common.logs import get_logger
from crews.domain.activity import Activity
from crews.domain.ports import Activities
from crews.domain.written import LastWritten

log = get_logger(__name__)

_RACES = 20
"""Several processes may follow runs of one crew."""
_KEPT = 50
"""Crews whose activity, some 100 KB each, is kept: a run's events come in several batches."""


class Following:
    """Keeps what runs do to a crew's tasks, in whatever order and however often events arrive."""

    def __init__(self, activities: Activities) -> None:
        self._activities = activities
        self._written: LastWritten[Activity] = LastWritten(_KEPT)

    async def record(self, workspace_id: str, crew_id: str, events: Sequence[Event]) -> None:
        """Record events of one crew's runs; those of a deleted crew are dropped."""
        for _ in range(_RACES):
            held = self._written.take(crew_id)
            held = held or (await self._activities.of([crew_id])).get(crew_id)
            if held is None or held.workspace_id != workspace_id:
                log.info("events arrived for a crew that does not exist", crew_id=crew_id)
                return
            after = held.after(events)
            if after is held or await self._activities.replace(held, after):
                self._written.keep(crew_id, after)
                return
        raise Conflict(f"What runs do to {crew_id} is being changed from several places at once.")
