"""Lists in MongoDB: newest first by number, so that no list sorts or counts a workspace.

Crews, agents and tasks are numbered as they are made (`store.totals`), so a page is a bounded range of
numbers; for crews the totals know which. No index covers parts of names, or what runs have done to the
tasks of many crews: there a request looks at the newest `LOOKED_AT`, and the next one goes on where it
ended.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from common.idempotency.receipts import WITHOUT
from common.storage.cursors import check_reach
from common.storage.ports import Database, Document
from common.storage.stores import mongo_store
from crews.domain.activity import TaskStatus
from crews.domain.crew import Agent, Crew, CrewStatus, Task
from crews.domain.ports import Activities, Stretch
from crews.store.documents import crew_of
from crews.store.totals import MongoTotals, Totals
from crews.store.windows import LOOKED_AT, EntryRef, Windows, entry_ref, newest

_FEW = 100
"""Up to so many crews with tasks of a status, all their tasks are read."""


@mongo_store
class MongoLists:
    """Fulfils `Lists`."""

    def __init__(self, database: Database, totals: MongoTotals, activities: Activities) -> None:
        self._crews = database["crews"]
        self._windows = Windows(database)
        self._totals = totals
        self._activities = activities

    async def crews(
        self,
        workspace_id: str,
        *,
        name: str | None = None,
        status: CrewStatus | None = None,
        skip: int,
        limit: int,
        before: int | None = None,
    ) -> Stretch[Crew]:
        totals = await self._totals.of(workspace_id)
        equal: Document = {"workspace_id": workspace_id}
        if status is not None:
            equal["status"] = status
        if name is not None:
            found = await self._crews_by_name(equal, name, totals, skip, limit, before)
        else:
            found = await self._by_number(equal, status, totals, skip, limit, before)
        crews = await self._whole(found.entries)
        shown = [crews[place.crew_id] for place in found.entries if place.crew_id in crews]
        return Stretch(shown, found.total, found.end)

    async def _by_number(
        self,
        equal: Document,
        status: CrewStatus | None,
        totals: Totals,
        skip: int,
        limit: int,
        before: int | None,
    ) -> Stretch[EntryRef]:
        total = sum(
            totals.counts[counted]
            for counted in ("active", "configuring")
            if status in {None, counted}
        )
        if before is None and skip >= total:
            return Stretch([], total)
        known = totals.numbers(status, skip, limit + 1, before)
        if known is None:
            top = _below(totals, "crews", before)
            places, _ = await self._windows.crews(equal, top, skip + limit + 1)
            return _stretch(places, total, skip, limit)
        numbers, skip = known
        places = await self._windows.between(equal, numbers, skip + limit + 1)
        # Crews deleted since the count leave the block short; the list goes on below it.
        rest = numbers.start if numbers.start > 1 else None
        return _stretch(places, total, skip, limit, rest)

    async def _crews_by_name(
        self,
        equal: Document,
        name: str,
        totals: Totals,
        skip: int,
        limit: int,
        before: int | None,
    ) -> Stretch[EntryRef]:
        top = _below(totals, "crews", None)
        places, rest = await self._windows.crews(equal, top, LOOKED_AT, name)
        total = len(places)
        if before is not None:
            below = _below(totals, "crews", before)
            places, rest = await self._windows.crews(equal, below, LOOKED_AT, name)
        return _stretch(places, total, skip, limit, rest)

    async def agents(
        self, workspace_id: str, *, skip: int, limit: int, before: int | None = None
    ) -> Stretch[tuple[Crew, Agent]]:
        found = await self._inside(workspace_id, "agents", skip, limit, before)
        return await self._entries(found, "agents")

    async def tasks(
        self,
        workspace_id: str,
        *,
        status: TaskStatus | None = None,
        skip: int,
        limit: int,
        before: int | None = None,
    ) -> Stretch[tuple[Crew, Task]]:
        if status is None:
            found = await self._inside(workspace_id, "tasks", skip, limit, before)
        else:
            found = await self._in_state(workspace_id, status, skip, limit, before)
        return await self._entries(found, "tasks")

    async def _inside(
        self, workspace_id: str, array: str, skip: int, limit: int, before: int | None
    ) -> Stretch[EntryRef]:
        totals = await self._totals.of(workspace_id)
        total = totals.counts[array]
        if before is None and skip >= total:
            return Stretch([], total)
        check_reach(skip)
        places: list[EntryRef] = []
        top = _below(totals, array, before)
        async for _, rows in self._windows.inside(workspace_id, array, top):
            places += newest(_places(rows, array))
            if len(places) > skip + limit:
                break
        return _stretch(places, total, skip, limit)

    async def _in_state(
        self, workspace_id: str, status: TaskStatus, skip: int, limit: int, before: int | None
    ) -> Stretch[EntryRef]:
        if status != "created":
            shown = await self._activities.showing(workspace_id, status, _FEW + 1)
            if len(shown) <= _FEW:
                places = await self._of_crews(shown, status)
                left = [place for place in places if before is None or place.number < before]
                return _stretch(left, len(places), skip, limit)
        totals = await self._totals.of(workspace_id)
        top = _below(totals, "tasks", None)
        places, rest = await self._look_through(workspace_id, status, top, LOOKED_AT)
        total = len(places)
        if before is not None:
            below = _below(totals, "tasks", before)
            places, rest = await self._look_through(workspace_id, status, below, limit + 1)
        return _stretch(places, total, skip, limit, rest)

    async def _of_crews(self, crew_ids: Sequence[str], status: TaskStatus) -> list[EntryRef]:
        """Return the places of all tasks in this state that these crews have."""
        rows = await self._windows.numbers_of(crew_ids) if crew_ids else []
        return newest(await self._fitting(rows, status))

    async def _look_through(
        self, workspace_id: str, status: TaskStatus, below: int, count: int
    ) -> tuple[list[EntryRef], int | None]:
        """Return at least `count` tasks of this state, newest first, and the number to go on below."""
        places: list[EntryRef] = []
        looked = 0
        async for number, rows in self._windows.inside(workspace_id, "tasks", below):
            places += newest(await self._fitting(rows, status))
            looked += sum(len(row["tasks"]) for row in rows)
            if number > 1 and (looked >= LOOKED_AT or len(places) >= count):
                return places, number
        return places, None

    async def _fitting(self, rows: Sequence[Document], status: TaskStatus) -> list[EntryRef]:
        statuses = await self._activities.statuses([row["_id"] for row in rows])
        return [
            EntryRef(task["number"], row["_id"])
            for row in rows
            for task in row["tasks"]
            if statuses.get(row["_id"], {}).get(task["id"], "created") == status
        ]

    async def _entries(self, found: Stretch[EntryRef], array: str) -> Stretch[Any]:
        crews = await self._whole(found.entries)
        shown = [
            (crews[place.crew_id], entry)
            for place in found.entries
            if place.crew_id in crews
            for entry in getattr(crews[place.crew_id], array)
            if entry.number == place.number
        ]
        return Stretch(shown, found.total, found.end)

    async def _whole(self, places: Sequence[EntryRef]) -> Mapping[str, Crew]:
        ids = list({place.crew_id for place in places})
        found = await self._crews.find({"_id": {"$in": ids}}, WITHOUT).to_list() if ids else []
        # One deleted meanwhile may have left its idempotency receipts there.
        return {row["_id"]: crew_of(row) for row in found if "workspace_id" in row}


def _below(totals: Totals, kind: str, before: int | None) -> int:
    """Return the number below which the page begins."""
    top = totals.last.get(kind, 0) + 1
    return top if before is None else min(before, top)


def _stretch(
    places: Sequence[EntryRef], total: int, skip: int, limit: int, rest: int | None = None
) -> Stretch[EntryRef]:
    """Return the page from `places`; below the number `rest` the list goes on."""
    shown = places[skip : skip + limit]
    more = shown and len(places) > skip + limit
    return Stretch(shown, total, shown[-1].number if more else rest)


def _places(rows: Sequence[Document], array: str) -> Collection[EntryRef]:
    return [entry_ref(entry, row) for row in rows for entry in row[array]]
