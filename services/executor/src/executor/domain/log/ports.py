"""What keeping the log needs from outside. Calls raise `Unavailable` while a backend is away.

Reads of one job raise `NewerFormat` for a job of a newer format than `execution.READS`. Those that find
jobs to work on pass it over.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from common.idempotency.once import Receipt, Receipts
from executor.domain.log.execution import Execution, Step
from executor.domain.log.records import Record


class Executions(Receipts, Protocol):
    """The log: execution documents with their tails, and the traces the tails are copied to."""

    async def insert(self, execution: Execution, receipt: Receipt | None = None) -> bool:
        """Store a new execution; False when its id, or the receipt's key, is taken.

        Raises `TooLarge`.
        """

    async def find(self, job_id: str) -> Execution | None:
        """Return the whole document."""

    async def head(self, job_id: str) -> Execution | None:
        """Return the document without inputs and snapshot."""

    async def apply(self, step: Step) -> bool:
        """Write `step` if the job is still as its `before` says; False when it is not.

        Raises `TooLarge` when the job would have more bytes than the store can hold.
        """

    async def copy(self, records: Mapping[str, Sequence[Record]]) -> None:
        """Copy events, by job, to the traces; what is there already is left as it is."""

    async def records(self, job_id: str, after: int, limit: int) -> list[Record]:
        """Return the events after `after`, ascending and without a hole, at most `limit`."""

    async def traced_records(self, job_id: str, after: int, upto: int) -> list[Record]:
        """Return, in any order, the events after `after` and up to `upto` that the traces hold.

        For readers: without what is private, which can be large. With the tail of a job that was read
        before, there is no hole in them.
        """

    async def clear_tail(self, execution: Execution) -> None:
        """Empty the tail of a job nobody writes, all of whose events are copied and published.

        Does nothing if the job has moved since `execution` was read.
        """

    async def close(self, job_ids: Sequence[str], *, keep_tails: bool = False) -> None:
        """Mark ended jobs as done with: all published and counted, and copied or kept in the tail."""

    async def orphans(
        self, dead: Collection[str], limit: int, without: Collection[str] = ()
    ) -> list[Execution]:
        """Return heads of running jobs without an owner or with one of the `dead`.

        Those of the workspaces in `without` are left out.
        """

    async def oldest_queued_jobs(self, before: datetime, limit: int) -> list[str]:
        """Return the oldest queued jobs made before then."""

    async def waiting_workspaces(self) -> list[str]:
        """Return the workspaces that have queued jobs."""

    async def queued_jobs_of(self, workspace_id: str, before: datetime, limit: int) -> list[str]:
        """Return the oldest queued jobs of a workspace made before then."""

    async def count_queued(self, workspace_id: str, most: int) -> int:
        """Return how many queued jobs a workspace has, `most` where there are more."""

    async def unsettled_jobs(self, owners: Collection[str], limit: int) -> list[Execution]:
        """Return heads of ended jobs that are still open and belong to nobody or to `owners`."""

    async def waiting_jobs(self, limit: int) -> list[Execution]:
        """Return heads of jobs that wait for a person and have events left in their tail.

        Of many a call looks at `limit`, and the next call at those behind them.
        """

    async def running_jobs_of(self, owner: str) -> frozenset[str]:
        """Return the running jobs that `owner` owns."""

    async def owners(self) -> frozenset[str]:
        """Return the workers that open jobs name as their owners."""

    async def count_live(self) -> Mapping[str, int]:
        """Return how many jobs are queued, running and waiting, over all workspaces; at most 100,000."""


class Announcements(Protocol):
    """The bus, seen from a job."""

    async def publish_events(self, job: Execution, records: Sequence[Record]) -> None:
        """Publish events in order; returns when all are confirmed."""

    async def publish_submission(self, job: Execution) -> None:
        """Wake a worker for a job that can be claimed."""

    async def publish_stop(self, job: Execution) -> None:
        """Tell every worker that a job was stopped."""
