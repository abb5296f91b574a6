"""Lists in MongoDB: newest first by number, in windows, so that no list sorts or counts a workspace.

Crews, agents and tasks are numbered as they come (`store.totals`), so a page is what a bounded
range of numbers holds; of crews the totals know which, so that the last page costs what the first
does. Only a filter by `name`, and one of tasks by `status`, looks at all there is: what matches is
counted nowhere.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.idempotency.receipts import WITHOUT
from common.mongo import Database, Document
from crews.domain.activity import TaskStatus
from crews.domain.crew import Agent, Crew, CrewStatus, Task
from crews.domain.ports import Activities
from crews.store.documents import crew_of
from crews.store.totals import MongoTotals

_FIRST, _GROWTH, _WIDEST = 64, 4, 4_096
_LISTED = 128
"""Windows up to this wide ask for each number by itself: of an array MongoDB bounds a range on one
side only."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an entry is found."""

    number: int
    crew_id: str


class MongoLists:
    """Fulfils `Lists`."""

    def __init__(self, database: Database, totals: MongoTotals, activities: Activities) -> None:
        self._crews = database["crews"]
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
    ) -> tuple[Sequence[Crew], int]:
        totals = await self._totals.of(workspace_id)
        total = sum(
            totals.counts[one] for one in ("active", "configuring") if status in {None, one}
        )
        if skip >= total:
            return [], total
        known = totals.numbers(status, skip, limit) if name is None else None
        if known is not None:
            numbers, skip = known
            places = await self._crews_numbered(workspace_id, numbers, status)
        else:
            upto = None if name is not None else skip + limit
            top = totals.last.get("crews", 0)
            places = await self._crews_upto(workspace_id, upto, top, name, status)
        shown = places[skip : skip + limit]
        crews = await self._whole(shown)
        crews_shown = [crews[place.crew_id] for place in shown if place.crew_id in crews]
        return crews_shown, total if name is None else len(places)

    async def _crews_numbered(
        self, workspace_id: str, numbers: range, status: CrewStatus | None
    ) -> list[_Place]:
        query = {
            "workspace_id": workspace_id,
            "number": {"$gte": numbers[0], "$lte": numbers[-1]},
        }
        rows = await self._crews.find(query, {"number": 1, "status": 1}).to_list()
        fitting = (row for row in rows if status in {None, row["status"]})
        return _newest(_Place(row["number"], row["_id"]) for row in fitting)

    async def _crews_upto(
        self,
        workspace_id: str,
        count: int | None,
        top: int,
        name: str | None,
        status: CrewStatus | None,
    ) -> list[_Place]:
        """Return the newest that fit: so many at least, or all."""
        places: list[_Place] = []
        fields = {"number": 1, "name": 1, "status": 1}
        async for rows in self._windows(workspace_id, "number", top, fields):
            found = [row for row in rows if _fits(row, name, status)]
            places += _newest(_Place(row["number"], row["_id"]) for row in found)
            if count is not None and len(places) >= count:
                break
        return places

    async def agents(
        self, workspace_id: str, *, skip: int, limit: int
    ) -> tuple[Sequence[tuple[Crew, Agent]], int]:
        totals = await self._totals.of(workspace_id)
        total = totals.counts["agents"]
        if skip >= total:
            return [], total
        places: list[_Place] = []
        top = totals.last.get("agents", 0)
        async for rows in self._windows(workspace_id, "agents.number", top, {"agents.number": 1}):
            places += _newest(_inside(rows, "agents"))
            if len(places) >= skip + limit:
                break
        shown = places[skip : skip + limit]
        crews = await self._whole(shown)
        return [
            (crews[place.crew_id], agent)
            for place in shown
            for agent in _entries(crews, place, "agents")
            if agent.number == place.number
        ], total

    async def tasks(
        self, workspace_id: str, *, status: TaskStatus | None = None, skip: int, limit: int
    ) -> tuple[Sequence[tuple[Crew, Task]], int]:
        totals = await self._totals.of(workspace_id)
        top, total = totals.last.get("tasks", 0), totals.counts["tasks"]
        if status is not None:
            places = await self._in_state(workspace_id, status, top)
            total = len(places)
        elif skip < total:
            places = await self._tasks_upto(workspace_id, skip + limit, top)
        else:
            places = []
        shown = places[skip : skip + limit]
        crews = await self._whole(shown)
        return [
            (crews[place.crew_id], task)
            for place in shown
            for task in _entries(crews, place, "tasks")
            if task.number == place.number
        ], total

    async def _tasks_upto(self, workspace_id: str, count: int, top: int) -> list[_Place]:
        places: list[_Place] = []
        async for rows in self._windows(workspace_id, "tasks.number", top, {"tasks.number": 1}):
            places += _newest(_inside(rows, "tasks"))
            if len(places) >= count:
                break
        return places

    async def _in_state(self, workspace_id: str, status: TaskStatus, top: int) -> list[_Place]:
        """Return the places of all tasks in this state: of the crews that show it, or of all."""
        shown = None if status == "created" else status
        activities = await self._activities.with_status(workspace_id, shown)
        statuses = {crew_id: one.statuses() for crew_id, one in activities.items()}
        fields = {"tasks.number": 1, "tasks.id": 1}
        if shown is None:
            rows = [
                row
                async for window in self._windows(workspace_id, "tasks.number", top, fields)
                for row in window
            ]
        else:
            rows = await self._crews.find({"_id": {"$in": list(activities)}}, fields).to_list()
        return _newest(
            _Place(task["number"], row["_id"])
            for row in rows
            for task in row["tasks"]
            if statuses.get(row["_id"], {}).get(task["id"], "created") == status
        )

    async def _windows(
        self, workspace_id: str, field: str, top: int, fields: Document
    ) -> AsyncIterator[list[Document]]:
        """Yield, from the newest window to the oldest, the crews with a number in it.

        Of an array only what is in the window is left in the rows.
        """
        upto, width = top, _FIRST
        while upto > 0:
            after = max(0, upto - width)
            numbers = range(after + 1, upto + 1)
            query = {"workspace_id": workspace_id, field: _bounds(numbers)}
            rows = await self._crews.find(query, fields).to_list()
            yield [_cut(row, field, numbers) for row in rows]
            upto, width = after, min(width * _GROWTH, _WIDEST)

    async def _whole(self, places: Sequence[_Place]) -> dict[str, Crew]:
        ids = list({place.crew_id for place in places})
        found = await self._crews.find({"_id": {"$in": ids}}, WITHOUT).to_list() if ids else []
        # One deleted meanwhile may have left its idempotency receipts there.
        return {row["_id"]: crew_of(row) for row in found if "workspace_id" in row}


def _bounds(numbers: range) -> Document:
    if len(numbers) <= _LISTED:
        return {"$in": list(numbers)}
    return {"$gte": numbers[0], "$lte": numbers[-1]}


def _cut(row: Document, field: str, numbers: range) -> Document:
    array, _, inside = field.partition(".")
    if not inside:
        return row
    return {**row, array: [entry for entry in row[array] if entry[inside] in numbers]}


def _inside(rows: list[Document], array: str) -> Collection[_Place]:
    return [_Place(entry["number"], row["_id"]) for row in rows for entry in row[array]]


def _newest(places: Any) -> list[_Place]:
    return sorted(places, key=lambda place: place.number, reverse=True)


def _entries(crews: Mapping[str, Crew], place: _Place, array: str) -> Any:
    return getattr(crews[place.crew_id], array) if place.crew_id in crews else ()


def _fits(row: Document, name: str | None, status: CrewStatus | None) -> bool:
    named = name is None or name.casefold() in row["name"].casefold()
    return named and status in {None, row["status"]}
