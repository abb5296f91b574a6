"""A crew that the platform has, and what was said when it was made or changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kasal_client.models import CrewView, Lack, UnreadPart

from .watching import AsyncStream

if TYPE_CHECKING:
    from .crews import AsyncCrews
    from .executions import AsyncExecutions, AsyncOutcome
    from .runs import AsyncRun


@dataclass(frozen=True)
class AsyncCrewHandle:
    """A crew of the platform, by its id."""

    id: str
    name: str
    status: str
    """`active` if it can run, else `configuring`: `missing` says why."""
    crews: AsyncCrews = field(repr=False, compare=False)
    executions: AsyncExecutions = field(repr=False, compare=False)
    version: int | None = None
    missing: list[Lack] = field(default_factory=list)
    """What it needs to be `active`."""
    warnings: list[UnreadPart] = field(default_factory=list)
    """What of an imported project has no counterpart here, with what to do instead."""
    is_new: bool = False
    """Whether it was made now."""
    is_changed: bool = False
    """Whether it was made or changed now."""

    async def start(
        self,
        inputs: dict[str, Any] | None = None,
        *,
        version: int | None = None,
        idempotency_key: str | None = None,
    ) -> AsyncRun:
        """Start a run, and return it at once."""
        return await self.executions.start(
            self.id, inputs, version=version, idempotency_key=idempotency_key
        )

    def start_many(
        self,
        inputs: Sequence[dict[str, Any]],
        *,
        max_parallel: int = 10,
        version: int | None = None,
        timeout: float | None = None,
    ) -> AsyncStream[AsyncOutcome]:
        """Run it once for each of `inputs`, at most `max_parallel` at a time; yield the outcomes as runs end."""
        return self.executions.start_many(
            self.id, inputs, max_parallel=max_parallel, version=version, timeout=timeout
        )

    async def get(self) -> CrewView:
        """Return the whole crew."""
        return await self.crews.get(self.id)

    async def publish(self, version: int) -> None:
        """Have runs that name no version run this one."""
        await self.crews.publish(self.id, version)

    async def delete(self) -> None:
        """Delete the crew; its runs stay."""
        await self.crews.delete(self.id)
