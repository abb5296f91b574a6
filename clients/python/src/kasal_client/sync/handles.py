"""A crew that the platform has, and what was said when it was made or changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kasal_client.models import CrewView, Lack, UnreadPart

from .watching import Stream

if TYPE_CHECKING:
    from .crews import Crews
    from .executions import Executions, Outcome
    from .runs import Run


@dataclass(frozen=True)
class CrewHandle:
    """A crew of the platform, by its id."""

    id: str
    name: str
    status: str
    """`active` if it can run, else `configuring`: `missing` says why."""
    crews: Crews = field(repr=False, compare=False)
    executions: Executions = field(repr=False, compare=False)
    version: int | None = None
    missing: list[Lack] = field(default_factory=list)
    """What it needs to be `active`."""
    warnings: list[UnreadPart] = field(default_factory=list)
    """What of an imported project has no counterpart here, with what to do instead."""
    is_new: bool = False
    """Whether it was made now."""
    is_changed: bool = False
    """Whether it was made or changed now."""

    def start(
        self,
        inputs: dict[str, Any] | None = None,
        *,
        version: int | None = None,
        idempotency_key: str | None = None,
    ) -> Run:
        """Start a run, and return it at once."""
        return self.executions.start(
            self.id, inputs, version=version, idempotency_key=idempotency_key
        )

    def start_many(
        self,
        inputs: Sequence[dict[str, Any]],
        *,
        max_parallel: int = 10,
        version: int | None = None,
        timeout: float | None = None,
    ) -> Stream[Outcome]:
        """Run it once for each of `inputs`, at most `max_parallel` at a time; yield the outcomes as runs end."""
        return self.executions.start_many(
            self.id, inputs, max_parallel=max_parallel, version=version, timeout=timeout
        )

    def get(self) -> CrewView:
        """Return the whole crew."""
        return self.crews.get(self.id)

    def publish(self, version: int) -> None:
        """Have runs that name no version run this one."""
        self.crews.publish(self.id, version)

    def delete(self) -> None:
        """Delete the crew; its runs stay."""
        self.crews.delete(self.id)
