"""What the API needs from outside, besides the log. Calls raise `Unavailable` while a backend is down.

Pages that would show a job of a newer format than `execution.READS` raise `NewerFormat`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from common.contracts.events import ExecutionStatus
from common.storage.cursors import Place
from executor.domain.log.execution import Execution

OpenJobs = Mapping[str, datetime]
"""Jobs that are not closed, with the time each was made."""


class ExecutionLists(Protocol):
    """Reading executions as lists."""

    async def page(
        self,
        workspace_id: str,
        open_jobs: OpenJobs,
        *,
        crew_id: str | None,
        status: ExecutionStatus | None,
        skip: int,
        limit: int,
        before: Place | None = None,
    ) -> list[Execution]:
        """Return heads without tails, newest first, of jobs before the place `before`.

        `open_jobs` are the jobs with the same filter and `before` that were open a moment ago.
        """

    async def open_jobs(
        self,
        workspace_id: str,
        *,
        crew_id: str | None,
        status: ExecutionStatus | None,
        limit: int,
        before: Place | None = None,
    ) -> OpenJobs:
        """Return the jobs that are not closed; most of them are not in the counters yet.

        Looks at no more than the newest `limit` of each status.
        """

    async def heads(self, job_ids: Sequence[str]) -> Mapping[str, tuple[str, int]]:
        """Return the status and last `seq` of each job that exists."""


class PricedCrews(Protocol):
    """The service that knows what models cost."""

    async def unknown_prices(
        self, workspace_id: str, crew_id: str, version: int | None
    ) -> Sequence[Mapping[str, str]]:
        """Return a fault for each model whose price is not known. Raises `NotFound`.

        Without a `version`, of the one that jobs run.
        """


class BrokerQueues(Protocol):
    """The broker's queues."""

    async def depths(self) -> Mapping[str, tuple[int, int]]:
        """Return how many messages and consumers each queue has, by name."""
