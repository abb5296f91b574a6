"""What the rules need from outside. Calls raise `Unavailable` while a backend is away.

Reads of one job, and pages that would show it, raise `NewerFormat` for a job of a newer format than
`execution.READS`. Those that find jobs to work on pass it over.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from common.contracts.crew import CrewSnapshot, MemorySnapshot
from common.contracts.events import ExecutionStatus
from common.cursors import Place
from common.idempotency.once import Receipt, Receipts
from executor.domain.ending.tallies import CrewStats, Ending
from executor.domain.leases import Signs
from executor.domain.log.execution import Execution, Step
from executor.domain.log.records import Record

OpenJobs = Mapping[str, datetime]
"""Jobs that are not closed, and when each was made."""


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

    async def copied(self, job_id: str, after: int, upto: int) -> list[Record]:
        """Return, in any order, the events after `after` and up to `upto` that the traces hold.

        For readers: without what is private, which can be large. With the tail of a job that was read
        before, there is no hole in them.
        """

    async def flushed(self, execution: Execution) -> None:
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

    async def queued(self, before: datetime, limit: int) -> list[str]:
        """Return the oldest queued jobs made before then."""

    async def waiting_workspaces(self) -> list[str]:
        """Return the workspaces that have queued jobs."""

    async def queued_of(self, workspace_id: str, before: datetime, limit: int) -> list[str]:
        """Return the oldest queued jobs of a workspace made before then."""

    async def count_queued(self, workspace_id: str, most: int) -> int:
        """Return how many queued jobs a workspace has, `most` where there are more."""

    async def unsettled(self, owners: Collection[str], limit: int) -> list[Execution]:
        """Return heads of ended jobs that are still open and belong to nobody or to `owners`."""

    async def waiting(self, limit: int) -> list[Execution]:
        """Return heads of jobs that wait for a person and have events left in their tail.

        Of many a call looks at `limit`, and the next call at those behind them.
        """

    async def running_of(self, owner: str) -> frozenset[str]:
        """Return the running jobs that `owner` owns."""

    async def owners(self) -> frozenset[str]:
        """Return the workers that open jobs name as their owners."""

    async def live(self) -> Mapping[str, int]:
        """Return how many jobs are queued, running and waiting, over all workspaces; at most 100,000."""


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
        """Return heads without tails, newest first, of those made before the place `before`.

        `open_jobs` are the jobs of the same filter and `before` that were open a moment ago.
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
        """Return the jobs that are not closed: most of them the kept counters do not have yet.

        Of each status no more than the newest `limit` are looked at.
        """

    async def heads(self, job_ids: Sequence[str]) -> Mapping[str, tuple[str, int]]:
        """Return status and last `seq` of the jobs that are known."""


class Counters(Protocol):
    """The kept counters: one document per crew."""

    async def count(self, workspace_id: str, crew_id: str, endings: Sequence[Ending]) -> None:
        """Count each job once, however often it is told."""

    async def of_crew(
        self, workspace_id: str, crew_id: str, *, recent: bool = False
    ) -> CrewStats | None:
        """Return one crew's counters, with `recent` the jobs lately counted too."""

    async def of_workspace(self, workspace_id: str, *, recent: bool = False) -> list[CrewStats]:
        """Return the counters of all crews that have run, with `recent` as in `of_crew`."""

    async def stored(self, workspace_id: str) -> int:
        """Return about how many bytes the counted jobs of a workspace take."""


class Leases(Protocol):
    """The workers' counters."""

    async def beat(self, worker_id: str, counter: int, *, full: bool = False) -> Signs:
        """Raise this worker's counter, say whether it can take no more, and return everybody's."""

    async def counters(self) -> Mapping[str, int]:
        """Return everybody's counters."""

    async def leave(self, worker_id: str) -> None:
        """Remove a lease."""


class Queues(Protocol):
    """The broker's queues, seen from outside."""

    async def depths(self) -> Mapping[str, tuple[int, int]]:
        """Return each queue's waiting messages and consumers, by name."""


class Crews(Protocol):
    """The service that owns crews and tools."""

    async def snapshot(self, workspace_id: str, crew_id: str) -> CrewSnapshot:
        """Return the crew as it is now. Raises `NotFound`."""

    async def memory(self, workspace_id: str, crew_id: str, shelf: str) -> MemorySnapshot:
        """Return what the crew remembers on a shelf of its own. Raises `NotFound`."""

    async def tool_credentials(
        self, workspace_id: str, tool_id: str, endpoint: str
    ) -> Mapping[str, Any]:
        """Return what a custom tool signs its calls to `endpoint` with.

        Raises `NotFound`, and `Conflict` when the tool is at another host by now.
        """


class Announcements(Protocol):
    """The bus, seen from a job."""

    async def events(self, job: Execution, records: Sequence[Record]) -> None:
        """Publish events in order; returns when all are confirmed."""

    async def submitted(self, job: Execution) -> None:
        """Wake a worker for a job that can be claimed."""

    async def stopped(self, job: Execution) -> None:
        """Tell every worker that a job was stopped."""
