"""What a workspace's jobs have used, by crew, model, day and month, from counters; and job by job."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from common.errors import InvalidRequest
from common.storage.cursors import Place, cursor, place_of
from executor.domain.api.ports import ExecutionLists
from executor.domain.ending.ports import Counters
from executor.domain.ending.tallies import (
    CrewStats,
    DayUse,
    ModelUse,
    Tally,
    use_of,
)
from executor.domain.log.execution import Execution

Group = Literal["job", "crew", "model", "day", "month"]
_ROWS = 5_000
_DAYS = 366
_OPEN = 10_000
_TURN = 50
"""Crews that are summed up before others have their turn."""


@dataclass(frozen=True, slots=True)
class UsageRow:
    """What jobs used. `keys` says which; `tally` is None where a job may count in several rows.

    `priced` is false where an older release has counted tokens only.
    """

    keys: Mapping[str, str]
    tally: Tally | None
    use: ModelUse
    priced: bool = True

    @property
    def nano(self) -> int | None:
        """Return the cost; None where no price is known for any of it."""
        tokens = self.use.input + self.use.output
        unknown = 0 < tokens <= self.use.unpriced
        return self.use.nano if self.priced and not unknown else None


@dataclass(frozen=True, slots=True)
class UsageTable:
    """Rows of use, and the sum of all jobs of the time. `next` is the cursor of the next page of jobs."""

    since: date
    until: date
    total: UsageRow
    rows: Sequence[UsageRow] = ()
    groups: Sequence[Group] = ()
    next: str | None = None


@dataclass(slots=True)
class _Sum:
    tally: Tally = field(default_factory=Tally)
    use: ModelUse = field(default_factory=ModelUse)


class UsageTables:
    """Sums up what the jobs of workspaces have used."""

    def __init__(self, counters: Counters, lists: ExecutionLists) -> None:
        self._counters = counters
        self._lists = lists

    async def month(self, workspace_id: str, month: str) -> UsageRow:
        """Return the totals of the jobs that ended in a month (`YYYY-MM`)."""
        return await _month_total(await self._counters.of_workspace(workspace_id), month)

    async def table(
        self,
        workspace_id: str,
        span: tuple[date, date],
        groups: Sequence[Group],
        *,
        limit: int,
        after: str | None,
    ) -> UsageTable:
        """Return what jobs used that ended on the days of `span`, by `groups`.

        Jobs one by one are those that were made on these days, newest first, `limit` of them. Raises
        `InvalidRequest` for too many days or rows, and for a cursor of another list.
        """
        since, until = span
        if "job" in groups:
            return await self._jobs(workspace_id, since, until, limit, after)
        if _whole_months(since, until) and {"month", "crew"}.issuperset(groups):
            stats = await self._counters.of_workspace(workspace_id)
            return await _by_month(stats, since, until, groups)
        if (until - since).days >= _DAYS:
            raise InvalidRequest(
                f"At most {_DAYS} days can be told apart; ask for whole months by month or crew, or for less.",
                field="since",
                reason=f"it is more than {_DAYS} days before until",
            )
        days = self._counters.days(workspace_id, since.isoformat(), until.isoformat())
        async with aclosing(days):
            return await _by_day(days, since, until, groups)

    async def _jobs(
        self, workspace_id: str, since: date, until: date, limit: int, after: str | None
    ) -> UsageTable:
        scope = ("usage", workspace_id, since.isoformat(), until.isoformat())
        end = datetime.combine(until + timedelta(days=1), time(), UTC)
        before: Place = (end, "") if after is None else place_of(after, scope)
        opened = await self._lists.open_jobs(
            workspace_id, crew_id=None, status=None, limit=_OPEN, before=before
        )
        found = await self._lists.page(
            workspace_id, opened, crew_id=None, status=None, skip=0, limit=limit + 1, before=before
        )
        begin = datetime.combine(since, time(), UTC)
        jobs = [job for job in found if job.created_at >= begin]
        shown = jobs[:limit]
        last = shown[-1] if len(jobs) > limit else None
        following = None if last is None else cursor((last.created_at, last.job_id), scope)
        whole = await self.table(workspace_id, (since, until), (), limit=limit, after=None)
        rows = [_job_row(job) for job in shown]
        return UsageTable(since, until, whole.total, rows, ("job",), following)


def _whole_months(since: date, until: date) -> bool:
    return since.day == 1 and (until + timedelta(days=1)).day == 1


async def _month_total(stats: Iterable[CrewStats], month: str) -> UsageRow:
    tally, use = Tally(), ModelUse()
    async for crew in _turn_by_turn(stats):
        tally = tally.plus(crew.months.get(month, Tally()))
        use = use.plus(crew.uses.get(month, ModelUse()))
    return UsageRow({}, tally, use, priced=_is_priced(tally, use))


def _is_priced(tally: Tally, use: ModelUse) -> bool:
    """Say whether costs were counted: jobs that ended under older releases have tokens only."""
    return tally.tokens <= use.input + use.output


async def _turn_by_turn(stats: Iterable[CrewStats]) -> AsyncIterator[CrewStats]:
    """Return the crews one by one, and let others have their turn in between."""
    for number, crew in enumerate(stats):
        if number % _TURN == 0:
            await asyncio.sleep(0)
        yield crew


async def _by_month(
    stats: Iterable[CrewStats], since: date, until: date, groups: Sequence[Group]
) -> UsageTable:
    sums: dict[tuple[str, ...], _Sum] = {}
    total = _Sum()
    first, last = since.isoformat()[:7], until.isoformat()[:7]
    async for crew in _turn_by_turn(stats):
        for month, tally in crew.months.items():
            if first <= month <= last:
                use = crew.uses.get(month, ModelUse())
                named = {"month": month, "crew": crew.crew_id}
                _add(sums, total, tuple(named[group] for group in groups), tally, use)
    return _table(sums, total, since, until, groups)


async def _by_day(
    parts: AsyncIterable[Sequence[DayUse]], since: date, until: date, groups: Sequence[Group]
) -> UsageTable:
    sums: dict[tuple[str, ...], _Sum] = {}
    total = _Sum()
    async for days in parts:
        for day in days:
            _add_day(sums, total, day, groups)
    return _table(sums, total, since, until, groups)


def _add_day(
    sums: dict[tuple[str, ...], _Sum], total: _Sum, day: DayUse, groups: Sequence[Group]
) -> None:
    named = {"day": day.day, "month": day.day[:7], "crew": day.crew_id}
    if "model" not in groups:
        use = _sum(day.models.values())
        _add(sums, total, tuple(named[group] for group in groups), day.tally, use)
        return
    total.tally = total.tally.plus(day.tally)
    for model, use in day.models.items():
        keys = tuple({**named, "model": model}[group] for group in groups)
        _add(sums, total, keys, Tally(), use)


def _add(
    sums: dict[tuple[str, ...], _Sum],
    total: _Sum,
    keys: tuple[str, ...],
    tally: Tally,
    use: ModelUse,
) -> None:
    total.tally, total.use = total.tally.plus(tally), total.use.plus(use)
    if not keys:
        return
    held = sums.setdefault(keys, _Sum())
    held.tally, held.use = held.tally.plus(tally), held.use.plus(use)
    if len(sums) > _ROWS:
        raise InvalidRequest(
            f"That are more than {_ROWS:,} rows: ask for less time, or group by less.",
            field="group_by",
            reason=f"it makes more than {_ROWS:,} rows",
        )


def _table(
    sums: Mapping[tuple[str, ...], _Sum],
    total: _Sum,
    since: date,
    until: date,
    groups: Sequence[Group],
) -> UsageTable:
    apart = "model" in groups
    rows = [
        UsageRow(
            dict(zip(groups, keys, strict=True)),
            None if apart else held.tally,
            held.use,
            priced=apart or _is_priced(held.tally, held.use),
        )
        for keys, held in sorted(sums.items())
    ]
    whole = UsageRow({}, total.tally, total.use, priced=_is_priced(total.tally, total.use))
    return UsageTable(since, until, whole, rows, groups)


def _sum(uses: Iterable[ModelUse]) -> ModelUse:
    total = ModelUse()
    for use in uses:
        total = total.plus(use)
    return total


def _job_row(job: Execution) -> UsageRow:
    keys = {"job": job.job_id, "crew": job.crew_id, "status": job.status.value}
    used = job.state.models.values() or [job.state.usage]
    return UsageRow(keys, None, _sum(use_of(one) for one in used))
