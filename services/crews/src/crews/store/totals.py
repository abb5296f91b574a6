"""How many crews, agents and tasks a workspace has, and the numbers they get as they come.

One document per workspace. A change of a crew is announced here before it is written, and counted
after: so where nothing is open the counts are exact, and an announcement that nobody came back to
(its process died in between) tells that they must be counted anew.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from common.ids import new_id
from common.mongo import Database, Document
from common.times import utc_now
from crews.domain.crew import Crew

_FORGOTTEN = timedelta(seconds=30)
"""An announcement older than this has lost its process: a store call takes 5 s at most."""
_AT_ONCE = datetime(2000, 1, 1, tzinfo=UTC)
KINDS = ("active", "configuring", "agents", "tasks")
Counts = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Announcement:
    """A change that is about to be written. `last` are the highest numbers given, by kind."""

    key: str
    workspace_id: str
    last: Counts


@dataclass(frozen=True, slots=True)
class Totals:
    counts: Counts
    last: Counts


def counts_of(crew: Crew | None) -> Counts:
    """Return what `crew` adds to its workspace's totals."""
    if crew is None:
        return {}
    return {crew.status: 1, "agents": len(crew.agents), "tasks": len(crew.tasks)}


class MongoTotals:
    """The collection `totals`."""

    def __init__(self, database: Database) -> None:
        self._totals = database["totals"]
        self._crews = database["crews"]

    async def announce(self, workspace_id: str, wanted: Counts) -> Announcement:
        """Say that a crew will change, and take as many new numbers as are `wanted`, by kind."""
        key = new_id("change")
        update: Document = {"$push": {"open": {"key": key, "at": utc_now()}}}
        if wanted:
            update["$inc"] = {f"last.{kind}": many for kind, many in wanted.items()}
        try:
            found = await self._announced(workspace_id, update)
        except DuplicateKeyError:  # another process made the document at the same moment
            found = await self._announced(workspace_id, update)
        if any(many and kind not in found.get("last", {}) for kind, many in wanted.items()):
            # SecantusDB may answer the loser of such a race with nothing. Numbers may be left out.
            found = await self._announced(workspace_id, update)
        return Announcement(key, workspace_id, found.get("last", {}))

    async def _announced(self, workspace_id: str, update: Document) -> Document:
        found = await self._totals.find_one_and_update(
            {"_id": workspace_id},
            update,
            {"last": 1},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return found or {}

    async def count(self, announced: Announcement, before: Crew | None, after: Crew | None) -> None:
        """Count what has become of an announced change (nothing: two times the same)."""
        change = Counter(counts_of(after))
        change.subtract(counts_of(before))
        update: Document = {"$pull": {"open": {"key": announced.key}}}
        moved = {f"counts.{kind}": many for kind, many in change.items() if many}
        if moved:
            update["$inc"] = moved
        query = {"_id": announced.workspace_id, "open.key": announced.key}
        result = await self._totals.update_one(query, update)
        if not result.matched_count:  # counted anew meanwhile, nobody knows with or without this
            stale = {"key": announced.key, "at": _AT_ONCE}
            await self._totals.update_one(
                {"_id": announced.workspace_id}, {"$push": {"open": stale}}
            )

    async def of(self, workspace_id: str) -> Totals:
        """Return the totals; they are counted anew where a change was announced and forgotten."""
        found = await self._totals.find_one({"_id": workspace_id}) or {}
        opened = found.get("open", [])
        if any(entry["at"] < utc_now() - _FORGOTTEN for entry in opened):
            counts = await self._counted(workspace_id)
            unmoved = {"_id": workspace_id, "open": opened}
            await self._totals.update_one(unmoved, {"$set": {"counts": counts, "open": []}})
        else:
            counts = found.get("counts", {})
        return Totals({kind: counts.get(kind, 0) for kind in KINDS}, found.get("last", {}))

    async def _counted(self, workspace_id: str) -> dict[str, int]:
        counts = dict.fromkeys(KINDS, 0)
        fields = {"status": 1, "agents.id": 1, "task_ids": 1}
        async for row in self._crews.find({"workspace_id": workspace_id}, fields):
            counts[row["status"]] += 1
            counts["agents"] += len(row["agents"])
            counts["tasks"] += len(row.get("task_ids", ()))
        return counts
