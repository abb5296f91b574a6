"""What the log needs from outside. Calls raise `Unavailable` while a backend is down.

Reading a job of a newer format than `execution.READS` raises `NewerFormat`. Searches for jobs to work
on skip such jobs.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from common.idempotency.once import Receipt, Receipts
from executor.domain.log.execution import Execution, JobStep
from executor.domain.log.records import Record


@dataclass(frozen=True, slots=True)
class TakenId:
    """The id of a request's job, and the event up to which it copies another's log. `own`: nobody tried before."""

    job_id: str
    pinned: int
    own: bool


class Executions(Receipts, Protocol):
    """The log: execution documents with their tails, and the traces that tails are copied to."""

    async def insert(self, execution: Execution, receipt: Receipt | None = None) -> bool:
        """Store a new execution; return False if its id or the receipt's key is taken.

        Raises `TooLarge`.
        """

    async def take_id(self, receipt: Receipt, job_id: str, pinned: int) -> TakenId | None:
        """Note that the request of `receipt` is about to store a job as `job_id`, made of a log up to `pinned`.

        If an earlier try noted others, they are returned. Returns None if the job exists, or the key came
        with another body. The job is then stored by `insert`, without the receipt.
        """

    async def give_id_back(self, receipt: Receipt, job_id: str) -> None:
        """Take the note back: the job cannot be stored."""

    async def find(self, job_id: str) -> Execution | None:
        """Return the whole document."""

    async def head(self, job_id: str) -> Execution | None:
        """Return the document without inputs and snapshot."""

    async def apply(self, step: JobStep) -> bool:
        """Write `step` if the job is still as in its `before`; return whether it was.

        Raises `TooLarge` if the job would become larger than the store allows.
        """

    async def copy(self, records: Mapping[str, Sequence[Record]]) -> None:
        """Copy events, by job, to the traces; those already there stay as they are."""

    async def records(self, job_id: str, after: int, limit: int) -> list[Record]:
        """Return at most `limit` events after `after`, ascending and without gaps."""

    async def traced_records(
        self, job_id: str, after: int, upto: int, most_bytes: int
    ) -> list[Record]:
        """Return the events in the traces after `after` and up to `upto`, ascending.

        They end before their frames exceed `most_bytes`, but not before the first. They come without
        their private parts, which can be large. Together with the tail of a job read before, they have
        no gaps up to there.
        """

    async def whole_records(
        self, job_id: str, after: int, upto: int, most_bytes: int
    ) -> list[Record]:
        """Return the same with their private parts, whose bytes count too."""

    async def clear_tail(self, execution: Execution) -> None:
        """Empty the tail of a job without a writer, once all events are copied and published.

        Does nothing if the job has moved since `execution` was read.
        """

    async def close(self, job_ids: Sequence[str], *, keep_tails: bool = False) -> None:
        """Mark ended jobs as settled: published, counted, and copied or kept in the tail."""

    async def orphans(
        self, dead: Collection[str], limit: int, without: Collection[str] = ()
    ) -> list[Execution]:
        """Return heads of running jobs without an owner, or owned by one of the `dead`.

        Jobs of the workspaces in `without` are left out.
        """

    async def oldest_queued_jobs(self, before: datetime, limit: int) -> list[str]:
        """Return the oldest queued jobs made by `before`."""

    async def waiting_workspaces(self) -> list[str]:
        """Return the workspaces that have queued jobs."""

    async def queued_jobs_of(self, workspace_id: str, before: datetime, limit: int) -> list[str]:
        """Return the oldest queued jobs of a workspace made by `before`."""

    async def count_queued(self, workspace_id: str, most: int) -> int:
        """Return how many queued jobs a workspace has, at most `most`."""

    async def unsettled_jobs(self, owners: Collection[str], limit: int) -> list[Execution]:
        """Return heads of ended jobs that are still open and owned by nobody or one of `owners`."""

    async def waiting_jobs(self, limit: int) -> list[Execution]:
        """Return heads of jobs that wait for a person and have events left in their tail.

        Each call looks at `limit` jobs, and the next call continues after them.
        """

    async def running_jobs_of(self, owner: str) -> frozenset[str]:
        """Return the running jobs that `owner` owns."""

    async def owners(self) -> frozenset[str]:
        """Return the workers that open jobs name as their owners."""

    async def count_live(self) -> Mapping[str, int]:
        """Return how many jobs are queued, running and waiting in all workspaces, each at most 100,000."""


class Announcements(Protocol):
    """Announcements of jobs over the bus."""

    async def publish_events(self, job: Execution, records: Sequence[Record]) -> None:
        """Publish events in order; return when all are confirmed."""

    async def publish_submission(self, job: Execution) -> None:
        """Wake a worker for a job that can be claimed."""

    async def publish_stop(self, job: Execution) -> None:
        """Tell every worker that a job was stopped."""
