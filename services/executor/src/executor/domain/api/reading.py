"""Reading jobs: one job, lists, events, traces, and the workspace's figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET

from common.contracts.events import (
    FINAL_STATUSES,
    EventBody,
    ExecutionStart,
    ExecutionStatus,
    UnknownEvent,
)
from common.storage.cursors import check_reach, cursor, place_of
from executor.domain.api import answering
from executor.domain.api.control import job_of_workspace
from executor.domain.api.ports import ExecutionLists, OpenJobs
from executor.domain.ending.ports import Counters
from executor.domain.ending.tallies import CrewStats, sum_tallies
from executor.domain.log.events import LogEntry
from executor.domain.log.execution import Execution
from executor.domain.log.ports import Executions
from executor.domain.log.questions import Question
from executor.domain.log.records import Record


@dataclass(frozen=True, slots=True)
class Events:
    """A part of a job's log: consecutive `records` without gaps."""

    job: Execution
    records: Sequence[Record]


@dataclass(frozen=True, slots=True)
class ExecutionPage:
    """A page of a list of jobs. `next` is the cursor of the next page, None at the end."""

    jobs: Sequence[Execution]
    total: int
    next: str | None = None


MOST_OPEN = 10_000
"""Jobs of each status that a total counts among those not yet in the counters."""


_MOST_BYTES = 4 * 2**20
"""Size of the events of one page. An event alone may be larger."""


class Reading:
    """Reads the jobs of a workspace."""

    def __init__(self, executions: Executions, lists: ExecutionLists, counters: Counters) -> None:
        self._executions = executions
        self._lists = lists
        self._counters = counters

    async def execution(self, workspace_id: str, job_id: str) -> Execution:
        """Return the head of a job. Raises `NotFound`."""
        return await job_of_workspace(self._executions, workspace_id, job_id)

    async def questions(self, job: Execution) -> list[Question]:
        """Return the open questions of `job`."""
        return await answering.open_questions(self._executions, job)

    async def events(self, workspace_id: str, job_id: str, after: int, limit: int) -> Events:
        """Return at most `limit` events after `after`. Raises `NotFound`.

        They end before they exceed 4 MiB, but not before the first.
        """
        job = await job_of_workspace(self._executions, workspace_id, job_id)
        upto = min(job.seq, after + limit)
        found = {record.seq: record for record in job.tail if after < record.seq <= upto}
        if len(found) < upto - after:
            traced = await self._executions.traced_records(job_id, after, upto, _MOST_BYTES)
            found.update((record.seq, record) for record in traced)
        return Events(job, _beginning(found, after, upto))

    async def page(
        self,
        workspace_id: str,
        *,
        crew_id: str | None,
        status: ExecutionStatus | None,
        skip: int = 0,
        limit: int,
        after: str | None = None,
    ) -> ExecutionPage:
        """Return a page of the workspace's jobs, newest first, after `skip` jobs or the cursor `after`.

        Raises `InvalidRequest` for a cursor of another list and for a page too far down.
        """
        scope = ("executions", workspace_id, crew_id, status)
        before = None if after is None else place_of(after, scope)
        total, open_jobs = await self._total(workspace_id, crew_id, status)
        if before is None and skip >= total:
            return ExecutionPage((), total)
        check_reach(skip)
        if before is not None:
            open_jobs = await self._lists.open_jobs(
                workspace_id, crew_id=crew_id, status=status, limit=MOST_OPEN, before=before
            )
        rows = await self._lists.page(
            workspace_id,
            open_jobs,
            crew_id=crew_id,
            status=status,
            skip=skip,
            # One more row shows whether there are more. SecantusDB is slow to find that there are none.
            limit=limit + 1 if before is not None else min(limit + 1, total - skip),
            before=before,
        )
        shown = rows[:limit]
        more = len(rows) > limit
        last = (shown[-1].created_at, shown[-1].job_id) if more else None
        return ExecutionPage(shown, total, None if last is None else cursor(last, scope))

    async def _total(
        self, workspace_id: str, crew_id: str | None, status: ExecutionStatus | None
    ) -> tuple[int, OpenJobs]:
        # First the open jobs, then the counters with their recent jobs. A job that is counted in
        # between, or counted but not yet closed, appears in both and is counted once.
        open_jobs = await self._lists.open_jobs(
            workspace_id, crew_id=crew_id, status=status, limit=MOST_OPEN
        )
        if status is not None and status not in FINAL_STATUSES:
            return len(open_jobs), open_jobs
        recent = bool(open_jobs)
        if crew_id is None:
            stats = await self._counters.of_workspace(workspace_id, recent=recent)
        else:
            one = await self._counters.of_crew(workspace_id, crew_id, recent=recent)
            stats = [] if one is None else [one]
        ended = sum_tallies(entry.total for entry in stats)
        counted = ended.executions if status is None else ended.of_status(status)
        uncounted = open_jobs.keys() - {job_id for entry in stats for job_id in entry.recent}
        return counted + len(uncounted), open_jobs

    async def heads(self, job_ids: Sequence[str]) -> Mapping[str, tuple[str, int]]:
        """Return the status and last `seq` of each job that exists, in any workspace."""
        return await self._lists.heads(job_ids)

    async def performance(self, workspace_id: str) -> list[CrewStats]:
        """Return the figures of each crew that has run, the busiest first."""
        stats = await self._counters.of_workspace(workspace_id)
        ran = [crew for crew in stats if crew.total.runs]
        return sorted(ran, key=lambda crew: (-crew.total.runs, crew.crew_id))


def _beginning(found: Mapping[int, Record], after: int, upto: int) -> list[Record]:
    """Return the events that follow `after` without a gap, as many as a page may hold."""
    page = [found[after + 1]] if after < upto else []
    size = sum(len(record.frame) for record in page)
    for seq in range(after + 2, upto + 1):
        record = found.get(seq)  # missing where the traces had more than a page may hold
        size += 0 if record is None else len(record.frame)
        if record is None or size > _MOST_BYTES:
            break
        page.append(record)
    return page


@dataclass(frozen=True, slots=True)
class TraceRow:
    """An event as traces show it: who did what, with which result."""

    entry: LogEntry
    agent: str
    action: str
    result: Any
    task_id: str | None


_RESULT_FIELDS = ("result", "message", "reason", "prompt", "input", "outcome", "current_task")


def trace_row(entry: LogEntry) -> TraceRow:
    """Return `entry` as a row of the traces. What no agent did is attributed to `system`."""
    body = entry.body
    told = (_field(body, name) for name in _RESULT_FIELDS)
    result = next((value for value in told if value is not None), "")
    if isinstance(body, ExecutionStart):
        count = body.tasks_count
        result = f"{body.crew}: {count} {'task' if count == 1 else 'tasks'}"
    task_id = _field(body, "task_id")
    return TraceRow(
        entry,
        str(_field(body, "agent") or "system"),
        str(_field(body, "action") or body.type),
        result,
        None if task_id is None else str(task_id),
    )


def _field(body: EventBody, name: str) -> Any:
    """Return the field `name` of an event of any type, or None if it is not set."""
    if isinstance(body, UnknownEvent):
        return body.fields.get(name)
    value = getattr(body, name, None)
    return None if value is UNSET else value
