"""The executor's stores in memory, with the same promises, for tests of the rules."""

import functools
from collections import defaultdict
from collections.abc import AsyncGenerator, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from common.contracts.events import FINAL_STATUSES, ExecutionStatus
from common.idempotency.once import KeyTaken, Receipt
from common.storage.cursors import Place
from common.storage.formats import FIELD as FORMAT
from common.storage.formats import format_of
from devkit.stores.receipts import MemoryReceipts
from executor.domain.api.ports import OpenJobs
from executor.domain.ending.tallies import (
    CrewStats,
    DayUse,
    Ending,
    ModelUse,
    sum_tallies,
    tally,
    use_of,
)
from executor.domain.leases import Signs
from executor.domain.log.execution import READS, Execution, JobStep
from executor.domain.log.ports import TakenId
from executor.domain.log.records import Record


def _beginning(
    traces: Mapping[int, Record], after: int, upto: int, most_bytes: int
) -> list[Record]:
    found: list[Record] = []
    for seq in sorted(seq for seq in traces if after < seq <= upto):
        most_bytes -= traces[seq].size
        if found and most_bytes < 0:
            break
        found.append(traces[seq])
    return found


class MemoryExecutions(MemoryReceipts):
    """Fulfils `Executions` and `ExecutionLists`. `writes` counts the calls that change something."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: dict[str, Execution] = {}
        self.traces: dict[str, dict[int, Record]] = defaultdict(dict)
        self.writes = 0

    async def insert(self, execution: Execution, receipt: Receipt | None = None) -> bool:
        self.writes += 1
        try:
            self.check_free(receipt)
        except KeyTaken:
            return False
        if execution.job_id in self.jobs:
            return False
        self.jobs[execution.job_id] = execution
        self.keep(receipt)
        return True

    async def take_id(self, receipt: Receipt, job_id: str, pinned: int) -> TakenId | None:
        try:
            self.check_free(receipt)
        except KeyTaken:
            return None
        self.keep(receipt)
        return TakenId(job_id, pinned, own=True)

    async def give_id_back(self, receipt: Receipt, _: str) -> None:
        self.drop(receipt)

    async def find(self, job_id: str) -> Execution | None:
        job = self._readable_job(job_id)
        return None if job is None else replace(job, ticket="")

    async def head(self, job_id: str) -> Execution | None:
        job = self._readable_job(job_id)
        return None if job is None else _head(job)

    def _readable_job(self, job_id: str) -> Execution | None:
        job = self.jobs.get(job_id)
        return None if job is None else _check_format(job)

    async def apply(self, step: JobStep) -> bool:
        self.writes += 1
        job = self.jobs.get(step.job_id)
        if job is None or _place(job) != _place(step.before):
            return False
        if step.before.ticket not in {"", job.ticket}:
            return False
        after = step.after
        shortened = len(after.tail) != len(step.before.tail) + len(step.records)
        self.jobs[job.job_id] = replace(
            job,
            status=after.status,
            attempt=after.attempt,
            owner=after.owner,
            seq=after.seq,
            lost_claims=after.lost_claims,
            handed_over=after.handed_over,
            published=after.published,
            state=after.state,
            snapshot=after.snapshot or job.snapshot,
            format=after.format,
            tail=after.tail if shortened else (*job.tail, *step.records),
        )
        return True

    async def copy(self, records: Mapping[str, Sequence[Record]]) -> None:
        self.writes += bool(records)
        for job_id, entries in records.items():
            for record in entries:
                self.traces[job_id].setdefault(record.seq, record)

    async def records(self, job_id: str, after: int, limit: int) -> list[Record]:
        job = self._readable_job(job_id)
        if job is None:
            return []
        found = {**self.traces[job_id], **{record.seq: record for record in job.tail}}
        return [found[seq] for seq in range(after + 1, min(after + limit, job.seq) + 1)]

    async def traced_records(
        self, job_id: str, after: int, upto: int, most_bytes: int
    ) -> list[Record]:
        traced = {seq: record.public() for seq, record in self.traces[job_id].items()}
        return _beginning(traced, after, upto, most_bytes)

    async def whole_records(
        self, job_id: str, after: int, upto: int, most_bytes: int
    ) -> list[Record]:
        return _beginning(self.traces[job_id], after, upto, most_bytes)

    async def clear_tail(self, execution: Execution) -> None:
        self.writes += 1
        job = self.jobs.get(execution.job_id)
        if job is not None and _place(job) == _place(execution):
            self.jobs[job.job_id] = replace(job, tail=(), published=job.seq)

    async def close(self, job_ids: Sequence[str], *, keep_tails: bool = False) -> None:
        self.writes += 1
        for job_id in job_ids:
            job = self.jobs.get(job_id)
            if job is not None and job.final:
                tail = job.tail if keep_tails else ()
                self.jobs[job_id] = replace(job, tail=tail, open=False)

    async def orphans(
        self, dead: Collection[str], limit: int, without: Collection[str] = ()
    ) -> list[Execution]:
        running = self._readable(ExecutionStatus.RUNNING)
        left = [job for job in running if job.owner is None or job.owner in dead]
        return [_head(job) for job in left if job.workspace_id not in without][:limit]

    async def oldest_queued_jobs(self, before: datetime, limit: int) -> list[str]:
        waiting = [
            job
            for job in self._readable(ExecutionStatus.QUEUED)
            if job.owner is None and job.created_at <= before
        ]
        return [job.job_id for job in sorted(waiting, key=lambda job: job.created_at)][:limit]

    async def waiting_workspaces(self) -> list[str]:
        waiting = self._readable(ExecutionStatus.QUEUED)
        return list(dict.fromkeys(job.workspace_id for job in waiting))

    async def queued_jobs_of(self, workspace_id: str, before: datetime, limit: int) -> list[str]:
        waiting = [
            job
            for job in self._readable(ExecutionStatus.QUEUED)
            if job.workspace_id == workspace_id and job.created_at <= before
        ]
        return [job.job_id for job in sorted(waiting, key=lambda job: job.created_at)][:limit]

    async def count_queued(self, workspace_id: str, most: int) -> int:
        waiting = self._open(ExecutionStatus.QUEUED)
        return min(most, sum(job.workspace_id == workspace_id for job in waiting))

    async def unsettled_jobs(self, owners: Collection[str], limit: int) -> list[Execution]:
        ended = self._readable(*FINAL_STATUSES)
        return [_head(job) for job in ended if job.owner is None or job.owner in owners][:limit]

    async def waiting_jobs(self, limit: int) -> list[Execution]:
        waiting = self._readable(ExecutionStatus.WAITING_FOR_INPUT)
        return [_head(job) for job in waiting if job.owner is None and job.tail][:limit]

    async def running_jobs_of(self, owner: str) -> frozenset[str]:
        running = self._open(ExecutionStatus.RUNNING)
        return frozenset(job.job_id for job in running if job.owner == owner)

    async def owners(self) -> frozenset[str]:
        return frozenset(job.owner for job in self.jobs.values() if job.open and job.owner)

    async def count_live(self) -> Mapping[str, int]:
        return {
            status.value: sum(1 for _ in self._open(status))
            for status in ExecutionStatus
            if status not in FINAL_STATUSES
        }

    def _readable(self, *statuses: ExecutionStatus) -> Iterator[Execution]:
        return (job for job in self._open(*statuses) if job.format <= READS)

    def _open(self, *statuses: ExecutionStatus) -> Iterator[Execution]:
        return (job for job in self.jobs.values() if job.open and job.status in statuses)

    async def page(
        self,
        workspace_id: str,
        _: OpenJobs,
        *,
        crew_id: str | None,
        status: ExecutionStatus | None,
        skip: int,
        limit: int,
        before: Place | None = None,
    ) -> list[Execution]:
        rows = sorted(
            (
                job
                for job in self._matching(workspace_id, crew_id, status)
                if before is None or (job.created_at, job.job_id) < before
            ),
            key=lambda job: (job.created_at, job.job_id),
            reverse=True,
        )
        return [replace(_head(_check_format(job)), tail=()) for job in rows[skip : skip + limit]]

    async def open_jobs(
        self,
        workspace_id: str,
        *,
        crew_id: str | None,
        status: ExecutionStatus | None,
        limit: int,
        before: Place | None = None,
    ) -> OpenJobs:
        found = {
            job.job_id: job.created_at
            for job in self._matching(workspace_id, crew_id, status)
            if job.open and (before is None or (job.created_at, job.job_id) < before)
        }
        return dict(list(found.items())[:limit])

    def _matching(
        self, workspace_id: str, crew_id: str | None, status: ExecutionStatus | None
    ) -> Iterator[Execution]:
        return (
            job
            for job in self.jobs.values()
            if job.workspace_id == workspace_id
            and crew_id in {None, job.crew_id}
            and status in {None, job.status}
        )

    async def heads(self, job_ids: Sequence[str]) -> Mapping[str, tuple[str, int]]:
        known = (self.jobs[job_id] for job_id in job_ids if job_id in self.jobs)
        return {job.job_id: (job.status.value, job.seq) for job in known}


class MemoryCounters:
    """Fulfils `Counters`."""

    def __init__(self) -> None:
        self._endings: dict[tuple[str, str], dict[str, Ending]] = defaultdict(dict)

    async def count(self, workspace_id: str, crew_id: str, endings: Sequence[Ending]) -> None:
        for ending in endings:
            self._endings[workspace_id, crew_id].setdefault(ending.job_id, ending)

    async def of_crew(
        self, workspace_id: str, crew_id: str, *, recent: bool = False
    ) -> CrewStats | None:
        endings = self._endings.get((workspace_id, crew_id))
        return None if endings is None else _stats(crew_id, endings, recent=recent)

    async def days(
        self, workspace_id: str, since: str, until: str
    ) -> AsyncGenerator[Sequence[DayUse], None]:
        found: dict[tuple[str, str], list[Ending]] = defaultdict(list)
        for (workspace, crew_id), endings in self._endings.items():
            for ending in endings.values():
                if workspace == workspace_id and since <= ending.day <= until:
                    found[crew_id, ending.day].append(ending)
        for (crew_id, day), some in found.items():
            yield [DayUse(crew_id, day, tally(some), _uses(some))]

    async def stored_size(self, workspace_id: str) -> int:
        return sum(
            ending.stored
            for (workspace, _), endings in self._endings.items()
            for ending in endings.values()
            if workspace == workspace_id
        )

    async def of_workspace(self, workspace_id: str, *, recent: bool = False) -> list[CrewStats]:
        return [
            _stats(crew_id, endings, recent=recent)
            for (workspace, crew_id), endings in self._endings.items()
            if workspace == workspace_id
        ]


def _uses(endings: Sequence[Ending]) -> dict[str, ModelUse]:
    uses: dict[str, ModelUse] = defaultdict(ModelUse)
    for ending in endings:
        for model, usage in ending.models.items():
            uses[model] = uses[model].plus(use_of(usage))
    return dict(uses)


def _stats(crew_id: str, endings: Mapping[str, Ending], *, recent: bool) -> CrewStats:
    months: dict[str, list[Ending]] = defaultdict(list)
    for ending in endings.values():
        months[ending.month].append(ending)
    tallies = {month: sum_tallies([tally(some)]) for month, some in months.items()}
    uses = {
        month: functools.reduce(
            ModelUse.plus, _uses([one for one in some if one.day]).values(), ModelUse()
        )
        for month, some in months.items()
    }
    return CrewStats(crew_id, tallies, frozenset(endings) if recent else frozenset(), uses)


class MemoryLeases:
    """Fulfils `Leases`."""

    def __init__(self) -> None:
        self._counters: dict[str, int] = {}
        self._full: set[str] = set()

    async def beat(self, worker_id: str, counter: int, *, full: bool = False) -> Signs:
        self._counters[worker_id] = counter
        (self._full.add if full else self._full.discard)(worker_id)
        return Signs(await self.counters(), frozenset(self._full))

    async def counters(self) -> Mapping[str, int]:
        return dict(self._counters)

    async def leave(self, worker_id: str) -> None:
        self._counters.pop(worker_id, None)
        self._full.discard(worker_id)


def _check_format(job: Execution) -> Execution:
    format_of({FORMAT: job.format}, READS, f"The job {job.job_id}")
    return job


def _head(job: Execution) -> Execution:
    return replace(job, inputs={}, snapshot=None, requested_by="", ticket="")


def _place(job: Execution) -> tuple[object, ...]:
    return job.attempt, job.owner, job.seq, job.status
