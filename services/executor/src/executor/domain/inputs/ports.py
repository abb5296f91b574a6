"""What a job's inputs are checked against. Calls raise `Unavailable` while a backend is down."""

from typing import Protocol

from common.contracts.crew import CrewSnapshot, MemorySnapshot


class Crews(Protocol):
    """The service that owns crews and tools."""

    async def snapshot(
        self, workspace_id: str, crew_id: str, version: int | None = None
    ) -> CrewSnapshot:
        """Return a version of the crew: by default the published one, or else the newest.

        Raises `NotFound`, and `InvalidRequest` for an old version with tools that are gone.
        """

    async def memory(self, workspace_id: str, crew_id: str, shelf: str) -> MemorySnapshot:
        """Return what the crew remembers on one of its shelves. Raises `NotFound`."""
