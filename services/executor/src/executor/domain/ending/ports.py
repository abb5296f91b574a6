"""What settling ended jobs needs from outside, besides the log. Calls raise `Unavailable`."""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from executor.domain.ending.tallies import CrewStats, DayUse, Ending


class Counters(Protocol):
    """The stored counters: one document per crew."""

    async def count(self, workspace_id: str, crew_id: str, endings: Sequence[Ending]) -> None:
        """Count each job once, even if called again for the same job."""

    async def of_crew(
        self, workspace_id: str, crew_id: str, *, recent: bool = False
    ) -> CrewStats | None:
        """Return a crew's counters; with `recent`, also the recently counted jobs."""

    async def of_workspace(self, workspace_id: str, *, recent: bool = False) -> list[CrewStats]:
        """Return the counters of all crews that have run, with `recent` as in `of_crew`."""

    def days(
        self, workspace_id: str, since: str, until: str
    ) -> AsyncGenerator[Sequence[DayUse], None]:
        """Return, in parts, what jobs used that ended on days from `since` to `until` (`YYYY-MM-DD`), by crew and day.

        A part is that of a few months at most, and others have their turn between two.
        """

    async def stored_size(self, workspace_id: str) -> int:
        """Return roughly how many bytes the counted jobs of a workspace take."""
