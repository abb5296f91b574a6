"""How many crews, agents and tasks a workspace has, and the numbers they get.

One document per workspace. A change of a crew is announced here before it is written, and counted
after: so the counts are exact while nothing is open, and an announcement left behind (its process died
in between) shows that they must be recounted. Crews are also counted by blocks
of their numbers, so that a page far down a list is found without reading those before it.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from common.ids import new_id
from common.storage.ports import Database, Document
from common.times import utc_now
from crews.domain.crew import Crew

_FORGOTTEN = timedelta(seconds=30)
"""An announcement older than this has lost its process: a store call takes 5 s at most."""
_AT_ONCE = datetime(2000, 1, 1, tzinfo=UTC)
STATUSES = ("active", "configuring")
KINDS = (*STATUSES, "agents", "tasks")
Counts = Mapping[str, int]
BLOCK = 64
"""Numbers counted together: a page reads one or two such blocks."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """A change that is about to be written. `last` are the highest numbers given, by kind."""

    key: str
    workspace_id: str
    last: Counts


@dataclass(frozen=True, slots=True)
class Totals:
    """`blocks` are the crews of each status by `block_of` their numbers, None while not exact."""

    counts: Counts
    last: Counts
    blocks: Mapping[str, Mapping[int, int]] | None = None

    def numbers(
        self, status: str | None, skip: int, limit: int, below: int | None = None
    ) -> tuple[range, int] | None:
        """Return the numbers that hold a page of crews, newest first, and how many of them to skip.

        With `below` the page begins under that number, and skips nothing. None while not exact.
        """
        if self.blocks is None:
            return None
        counted: Counter[int] = Counter()
        for one in STATUSES if status is None else (status,):
            counted.update(self.blocks.get(one, {}))
        if below is not None:
            cut = block_of(below)  # how many of it are below is not known
            counted = Counter({block: many for block, many in counted.items() if block < cut})
            return range(_lowest(counted, limit), below), 0
        before, found, top = 0, 0, -1
        for block in sorted(counted, reverse=True):
            if top < 0 and before + counted[block] <= skip:
                before += counted[block]
                continue
            top = max(top, block)
            found += counted[block]
            if before + found >= skip + limit:
                return range(block * BLOCK + 1, (top + 1) * BLOCK + 1), skip - before
        return range(1, (top + 1) * BLOCK + 1), skip - before


def _lowest(counted: Mapping[int, int], many: int) -> int:
    """Return the lowest number of the highest blocks that hold `many` crews."""
    for block in sorted(counted, reverse=True):
        many -= counted[block]
        if many <= 0:
            return block * BLOCK + 1
    return 1


def block_of(number: int) -> int:
    """Return the block that a crew of this number is counted in."""
    return (number - 1) // BLOCK


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
        update: Document = {
            "$push": {"open": {"key": key, "at": utc_now()}},
            "$inc": {"changes": 1, **{f"last.{kind}": many for kind, many in wanted.items()}},
        }
        try:
            found = await self._announce(workspace_id, update)
        except DuplicateKeyError:  # another process made the document at the same moment
            found = await self._announce(workspace_id, update)
        if any(many and kind not in found.get("last", {}) for kind, many in wanted.items()):
            # SecantusDB may answer the loser of such a race with nothing. Numbers may be left out.
            found = await self._announce(workspace_id, update)
        return Announcement(key, workspace_id, found.get("last", {}))

    async def _announce(self, workspace_id: str, update: Document) -> Document:
        found = await self._totals.find_one_and_update(
            {"_id": workspace_id},
            update,
            {"last": 1},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return found or {}

    async def count(self, announced: Announcement, before: Crew | None, after: Crew | None) -> None:
        """Count the result of an announced change; `before` and `after` are equal if there was none."""
        change = Counter(counts_of(after))
        change.subtract(counts_of(before))
        update: Document = {"$pull": {"open": {"key": announced.key}}}
        change.update(_in_blocks(after))
        change.subtract(_in_blocks(before))
        moved = {_field(kind): many for kind, many in change.items() if many}
        if moved:
            update["$inc"] = moved
        query = {"_id": announced.workspace_id, "open.key": announced.key}
        result = await self._totals.update_one(query, update)
        if not result.matched_count:  # recounted meanwhile, with or without this
            stale = {"key": announced.key, "at": _AT_ONCE}
            await self._totals.update_one(
                {"_id": announced.workspace_id}, {"$push": {"open": stale}}
            )

    async def of(self, workspace_id: str) -> Totals:
        """Return the totals, recounted if a change was announced but never counted."""
        found = await self._totals.find_one({"_id": workspace_id}) or {}
        opened = found.get("open", [])
        forgotten = any(entry["at"] < utc_now() - _FORGOTTEN for entry in opened)
        # Older releases counted no blocks.
        if forgotten or (not opened and not _adds_up(found)):
            found = await self._recount(workspace_id, found)
        counts = found.get("counts", {})
        exact = not found.get("open") and _adds_up(found)
        blocks = {
            status: {int(block): many for block, many in by_block.items()}
            for status, by_block in found.get("blocks", {}).items()
        }
        return Totals(
            {kind: counts.get(kind, 0) for kind in KINDS},
            found.get("last", {}),
            blocks if exact else None,
        )

    async def _recount(self, workspace_id: str, found: Document) -> Document:
        """Count, and keep the counts unless something was announced since `found` was read."""
        counts, blocks = await self._count_all(workspace_id)
        changes = {"counts": counts, "blocks": blocks, "open": []}
        opened, moves = found.get("open", []), found.get("changes")
        unmoved = {"_id": workspace_id, "open": opened, "changes": moves}
        kept = await self._totals.update_one(unmoved, {"$set": changes})
        return {**found, **changes} if kept.matched_count else {**found, "counts": counts}

    async def _count_all(self, workspace_id: str) -> tuple[Document, Document]:
        counts = dict.fromkeys(KINDS, 0)
        blocks: dict[str, Counter[str]] = {status: Counter() for status in STATUSES}
        fields = {"status": 1, "number": 1, "agents.id": 1, "task_ids": 1}
        async for row in self._crews.find({"workspace_id": workspace_id}, fields):
            counts[row["status"]] += 1
            blocks[row["status"]][str(block_of(row["number"]))] += 1
            counts["agents"] += len(row["agents"])
            counts["tasks"] += len(row.get("task_ids", ()))
        return counts, {status: dict(by_block) for status, by_block in blocks.items()}


async def mark_for_recount(database: Database, workspace_id: str) -> None:
    """Have the workspace recounted the next time its totals are read."""
    forgotten = {"key": new_id("change"), "at": _AT_ONCE}
    await database["totals"].update_one(
        {"_id": workspace_id}, {"$push": {"open": forgotten}, "$inc": {"changes": 1}}
    )


def _in_blocks(crew: Crew | None) -> Counts:
    return {} if crew is None else {f"blocks.{crew.status}.{block_of(crew.number)}": 1}


def _field(kind: str) -> str:
    return kind if kind.startswith("blocks.") else f"counts.{kind}"


def _adds_up(found: Document) -> bool:
    """Say whether the blocks hold as many crews of each status as are counted."""
    counts, blocks = found.get("counts", {}), found.get("blocks", {})
    return all(sum(blocks.get(one, {}).values()) == counts.get(one, 0) for one in STATUSES)
