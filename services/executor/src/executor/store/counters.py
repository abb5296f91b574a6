"""The counters in MongoDB: one document per crew, each job counted once.

`counted` lists jobs that may still be counted again. While a job is listed, a second count of it matches
nothing. Its entry is removed some time after its execution has been closed.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from msgspec import to_builtins
from pymongo.errors import DuplicateKeyError

from common.bounded_dict import BoundedDict
from common.contracts.events import ModelUsage
from common.storage.grouping import Grouped
from common.storage.ports import Database, Document
from common.times import utc_now
from executor.domain.ending.tallies import (
    CrewStats,
    DayUse,
    Ending,
    tally,
    use_of,
)
from executor.domain.log.projection import OTHER_MODELS
from executor.store.reach import reaching
from executor.store.usage import (
    TOGETHER,
    UsageArchive,
    counted_day,
    days_of,
    split,
    tally_in,
    use_in,
    written_name,
)

_PRUNE_EVERY = 64
_REMEMBERED = 10_000
"""Crews whose counts since the last pruning are remembered; a forgotten one is pruned later."""
_CREWS = 20_000
"""Crews whose figures are summed up: twice as many as a workspace may have by default."""
_TOGETHER = 100
"""Crews that are read at once: each batch holds the loop."""
_KEPT = timedelta(seconds=30)
_MODELS = 32
"""Models whose use is told apart, by crew, day and process."""


class MongoCounters:
    """Fulfils `Counters`."""

    def __init__(self, database: Database) -> None:
        self._counters = database["counters"]
        self._executions = database["executions"]
        self._usage = UsageArchive(database)
        self._models: BoundedDict[str, set[str]] = BoundedDict(_REMEMBERED)
        self._since_pruned: BoundedDict[str, int] = BoundedDict(_REMEMBERED)
        self._reading = Grouped(self._read)

    async def count(self, workspace_id: str, crew_id: str, endings: Sequence[Ending]) -> None:
        key = f"{workspace_id}:{crew_id}"
        with reaching():
            if not await self._add(key, workspace_id, crew_id, endings):
                found = await self._counters.find_one({"_id": key}, {"counted": 1}) or {}
                known = {entry["job"] for entry in found.get("counted", ())}
                for ending in endings:
                    if ending.job_id not in known:
                        await self._add(key, workspace_id, crew_id, [ending])
            counted = self._since_pruned.pop(key, 0) + len(endings)
            if counted >= _PRUNE_EVERY:
                await self._prune(key)
            else:
                self._since_pruned[key] = counted

    async def _add(
        self, key: str, workspace_id: str, crew_id: str, endings: Sequence[Ending]
    ) -> bool:
        job_ids = [ending.job_id for ending in endings]
        changes = {**_increments(endings), **self._day_increments(key, endings)}
        entries = [{"job": job_id, "at": utc_now()} for job_id in job_ids]
        try:
            await self._counters.update_one(
                {"_id": key, "counted.job": {"$nin": job_ids}},
                {
                    "$inc": changes,
                    "$push": {"counted": {"$each": entries}},
                    "$setOnInsert": {"workspace_id": workspace_id, "crew_id": crew_id},
                },
                upsert=True,
            )
        except DuplicateKeyError:  # the document exists and already lists one of the jobs
            return False
        return True

    def _day_increments(self, key: str, endings: Sequence[Ending]) -> Document:
        """Return the sums by day and model. Of the models of a day, only some are told apart."""
        sums: dict[str, float] = defaultdict(int)
        for ending in endings:
            if not ending.day:
                continue
            day = counted_day(ending.day, utc_now())
            known = self._models.get(f"{key}:{day}")
            if known is None:
                known = self._models[f"{key}:{day}"] = set()
            for model, usage in ending.models.items():
                name = model if model in known or len(known) < _MODELS else OTHER_MODELS
                known.add(name)
                for field, value in _use_increments(ending.month, day, name, usage):
                    sums[field] += value
            jobs, replays = split(tally([ending]))
            for field, value in jobs.items():
                sums[f"days.{day}.jobs.{field}"] += value
            for field, value in replays.items():
                sums[f"days.{day}.replays.{field}"] += value
        return {name: value for name, value in sums.items() if value}

    async def days(
        self, workspace_id: str, since: str, until: str
    ) -> AsyncGenerator[Sequence[DayUse], None]:
        query = {"workspace_id": workspace_id}
        rows = self._counters.find(query, {"crew_id": 1, "days": 1}).limit(_CREWS)
        some: list[Document] = []
        with reaching():
            async with rows.batch_size(TOGETHER) as cursor:
                async for row in cursor:
                    some.append(row)
                    if len(some) == TOGETHER:
                        async for part in self._days_of(some, since, until):
                            yield part
                        some.clear()
            async for part in self._days_of(some, since, until):
                yield part

    async def _days_of(
        self, rows: Sequence[Document], since: str, until: str
    ) -> AsyncIterator[Sequence[DayUse]]:
        """Return the days of some crews: those in their counters first, as a day moves from there to the archive."""
        known: set[tuple[str, str]] = set()
        for row in rows:
            days = days_of(row["crew_id"], row.get("days", {}), since, until)
            known.update(days)
            yield list(days.values())
            await asyncio.sleep(0)
        async for days in self._usage.days([row["_id"] for row in rows], since, until):
            yield [one for key, one in days.items() if key not in known]
            await asyncio.sleep(0)

    async def _prune(self, key: str) -> None:
        found = await self._counters.find_one({"_id": key}, {"counted": 1, "days": 1}) or {}
        await self._usage.move(key, found.get("days", {}))
        before = utc_now() - _KEPT
        old = [entry["job"] for entry in found.get("counted", ()) if entry["at"] < before]
        cursor = self._executions.find({"_id": {"$in": old}}, {"open": 1})
        closed = [row["_id"] async for row in cursor if not row.get("open")]
        if closed:
            await self._counters.update_one(
                {"_id": key}, {"$pull": {"counted": {"job": {"$in": closed}}}}
            )

    async def of_crew(
        self, workspace_id: str, crew_id: str, *, recent: bool = False
    ) -> CrewStats | None:
        key = f"{workspace_id}:{crew_id}"
        if not recent:
            return await self._reading(key)
        with reaching():
            found = await self._counters.find_one({"_id": key}, _fields(recent=True))
        return None if found is None else _stats(found)

    async def stored_size(self, workspace_id: str) -> int:
        query = {"workspace_id": workspace_id}
        with reaching():
            rows = self._counters.find(query, {"stored": 1}).limit(_CREWS)
            return sum([row.get("stored", 0) async for row in rows])

    async def _read(self, keys: Sequence[str]) -> list[CrewStats | None]:
        query = {"_id": {"$in": list(dict.fromkeys(keys))}}
        with reaching():
            rows = await self._counters.find(query, _fields(recent=False)).to_list()
        found = {row["_id"]: _stats(row) for row in rows}
        return [found.get(key) for key in keys]

    async def of_workspace(self, workspace_id: str, *, recent: bool = False) -> list[CrewStats]:
        query = {"workspace_id": workspace_id}
        with reaching():
            cursor = self._counters.find(query, _fields(recent=recent)).limit(_CREWS)
            return [_stats(document) async for document in cursor.batch_size(_TOGETHER)]


def _increments(endings: Sequence[Ending]) -> Document:
    by_month: dict[str, list[Ending]] = defaultdict(list)
    for ending in endings:
        by_month[ending.month].append(ending)
    sums: Document = {"stored": sum(ending.stored for ending in endings)}
    for month, entries in by_month.items():
        jobs, replays = split(tally(entries))
        sums |= {f"months.{month}.{name}": value for name, value in jobs.items()}
        sums |= {f"replays.{month}.{name}": value for name, value in replays.items() if value}
    return sums


def _use_increments(
    month: str, day: str, model: str, usage: ModelUsage
) -> Iterator[tuple[str, int]]:
    use, name = to_builtins(use_of(usage)), written_name(model)
    unpriced = use.pop("unpriced")
    yield f"days.{day}.unpriced.{name}", unpriced
    yield f"unpriced.{month}", unpriced
    for field, value in use.items():
        yield f"days.{day}.models.{name}.{field}", value
        yield f"uses.{month}.{field}", value


def _fields(*, recent: bool) -> Document:
    fields: Document = {"crew_id": 1, "months": 1, "uses": 1, "unpriced": 1, "replays": 1}
    return {**fields, "counted.job": 1} if recent else fields


def _stats(document: Mapping[str, Any]) -> CrewStats:
    replays = document.get("replays", {})
    months = {
        month: tally_in(sums, replays.get(month, {}))
        for month, sums in document.get("months", {}).items()
    }
    recent = frozenset(entry["job"] for entry in document.get("counted", ()))
    unpriced = document.get("unpriced", {})
    uses = {
        month: use_in(sums, unpriced.get(month, 0))
        for month, sums in document.get("uses", {}).items()
    }
    return CrewStats(document["crew_id"], months, recent, uses)
