"""Crew documents in MongoDB."""

from collections.abc import Sequence
from datetime import datetime

from pymongo.errors import DuplicateKeyError

from common.errors import Conflict
from common.idempotency import receipts
from common.idempotency.once import KeyTaken, Receipt
from common.storage.ports import Database, Document
from common.storage.stores import mongo_store
from common.times import utc_now
from crews.domain.crew import Crew, Entry
from crews.domain.tool_names import tool_names
from crews.store.documents import crew_changes, crew_document, crew_of
from crews.store.totals import Announcement, MongoTotals, counts_of
from crews.store.versions import MongoVersions


@mongo_store
class MongoCrews:
    """The collection `crews`: a crew is one document with its agents and tasks.

    A deleted crew that has idempotency receipts leaves them there, until the newest has run out.
    """

    def __init__(
        self, database: Database, totals: MongoTotals, versions: MongoVersions, crew_limit: int
    ) -> None:
        self._crews = database["crews"]
        self._versions = versions
        self._receipts = receipts.MongoReceipts(self._crews)
        self._totals = totals
        self._limit = crew_limit

    async def receipt(self, key: str, now: datetime) -> Receipt | None:
        return await self._receipts.receipt(key, now)

    async def forget(self, now: datetime) -> None:
        await self._receipts.forget(now)

    async def add(self, crew: Crew, receipt: Receipt | None = None) -> None:
        await self._check_room(crew.workspace_id)
        wanted = {"crews": 1, "agents": len(crew.agents), "tasks": len(crew.tasks)}
        announced = await self._totals.announce(crew.workspace_id, wanted)
        numbered = _with_new_numbers(crew, announced).model_copy(
            update={"number": announced.last["crews"]}
        )
        try:
            await self._insert(numbered, receipt)
        except DuplicateKeyError:
            await self._totals.count(announced, None, None)
            raise Conflict(f"The id {crew.id}, or one of its agents or tasks, is taken.") from None
        await self._totals.count(announced, None, numbered)

    async def _insert(self, crew: Crew, receipt: Receipt | None) -> None:
        try:
            await self._crews.insert_one({**crew_document(crew), **receipts.receipt_field(receipt)})
        except DuplicateKeyError:
            # The demo's ids come again: its crew takes the place of what is left of a deleted one.
            revived = {**crew_changes(crew), **receipts.push_receipt(receipt)}
            gone = {"_id": crew.id, "gone_until": {"$exists": True}}
            if not (await self._crews.update_one(gone, revived)).matched_count:
                raise

    async def _check_room(self, workspace_id: str) -> None:
        counts = (await self._totals.of(workspace_id)).counts
        if counts["active"] + counts["configuring"] >= self._limit:
            raise Conflict(f"This workspace has {self._limit} crews, as many as it may have.")

    async def find(self, workspace_id: str, crew_id: str) -> Crew | None:
        return await self._one({"_id": crew_id}, workspace_id)

    async def with_agent(self, workspace_id: str, agent_id: str) -> Crew | None:
        return await self._one({"agents.id": agent_id}, workspace_id)

    async def with_task(self, workspace_id: str, task_id: str) -> Crew | None:
        return await self._one({"task_ids": task_id}, workspace_id)

    async def _one(self, query: Document, workspace_id: str) -> Crew | None:
        document = await self._crews.find_one(query, receipts.WITHOUT)
        if document is None or document.get("workspace_id") != workspace_id:
            return None
        return crew_of(document)

    async def replace(self, before: Crew, after: Crew, receipt: Receipt | None = None) -> bool:
        # Kept first: whatever happens in between, no version is lost. Every writer keeps the same.
        await self._versions.keep(before)
        done = await self._replace_counted(before, after, receipt)
        if done:
            await self._versions.make_room(after)
        elif not await self._crews.find_one({"_id": before.id, "version": {"$exists": True}}):
            await self._versions.remove(before)  # deleted meanwhile
        return done

    async def _replace_counted(self, before: Crew, after: Crew, receipt: Receipt | None) -> bool:
        fresh = {"agents": _fresh(after.agents), "tasks": _fresh(after.tasks)}
        wanted = {kind: many for kind, many in fresh.items() if many}
        if not wanted and counts_of(before) == counts_of(after):
            return await self._replace(before, after, receipt)
        announced = await self._totals.announce(after.workspace_id, wanted)
        done = False
        try:
            done = await self._replace(before, _with_new_numbers(after, announced), receipt)
        except KeyTaken:
            await self._totals.count(announced, before, before)
            raise
        await self._totals.count(announced, before, after if done else before)
        return done

    async def _replace(self, before: Crew, after: Crew, receipt: Receipt | None) -> bool:
        read_with = {"_id": before.id, "version": before.version}
        changes = {**crew_changes(after), **receipts.push_receipt(receipt)}
        try:
            result = await self._crews.update_one(
                {**read_with, **receipts.unless_kept(receipt)}, changes
            )
        except DuplicateKeyError:
            if receipt is None:
                raise
            raise KeyTaken from None
        if receipt is not None and not result.matched_count:
            await self._check_free(before.id, receipt)
        return result.matched_count == 1

    async def _check_free(self, crew_id: str, receipt: Receipt) -> None:
        if await self._crews.find_one({"_id": crew_id, "idempotency.key": receipt.key}, {"_id": 1}):
            raise KeyTaken

    async def publish(self, crew: Crew, published: Crew | None) -> bool:
        changes: Document = {"$unset": {"published_version": "", "published_tools": ""}}
        if published is not None:
            tools = sorted(tool_names(published))
            changes = {"$set": {"published_version": published.version, "published_tools": tools}}
        there: Document = {"_id": crew.id, "workspace_id": crew.workspace_id}
        if published is None:  # what somebody else has published meanwhile stays
            there["published_version"] = crew.published_version
        return (await self._crews.update_one(there, changes)).matched_count == 1

    async def remove(self, crew: Crew) -> bool:
        announced = await self._totals.announce(crew.workspace_id, {})
        done = await self._remove(crew)
        await self._totals.count(announced, crew, None if done else crew)
        return done

    async def _remove(self, crew: Crew) -> bool:
        read_with = {"_id": crew.id, "version": crew.version}
        live = await self._receipts.live(crew.id, utc_now())
        if not live:
            return (await self._crews.delete_one(read_with)).deleted_count == 1
        # The unique index on the agents' ids wants one that nothing else has.
        gone = receipts.grave(live, agents=[{"id": crew.id}], tasks=[])
        return (await self._crews.replace_one(read_with, gone)).matched_count == 1

    async def using(self, workspace_id: str, tool: str, most: int) -> Sequence[str]:
        return await self.using_any(workspace_id, [tool], most)

    async def using_any(self, workspace_id: str, tools: Sequence[str], most: int) -> Sequence[str]:
        found: dict[str, None] = {}
        named = tools[0] if len(tools) == 1 else {"$in": list(tools)}
        for field in ("agents.tools", "tasks.tools", "published_tools"):
            query = {"workspace_id": workspace_id, field: named}
            rows = self._crews.find(query, {"_id": 1}).limit(most)
            found |= {row["_id"]: None async for row in rows}
        return list(found)[:most]


def _fresh(entries: Sequence[Entry]) -> int:
    return sum(entry.number == 0 for entry in entries)


def _with_new_numbers(crew: Crew, announced: Announcement) -> Crew:
    """Return `crew` with the announced numbers given to its new agents and tasks, in order."""
    agents = _with_numbers(crew.agents, announced.last.get("agents", 0))
    tasks = _with_numbers(crew.tasks, announced.last.get("tasks", 0))
    return crew.model_copy(update={"agents": agents, "tasks": tasks})


def _with_numbers(entries: tuple[Entry, ...], last: int) -> tuple[Entry, ...]:
    following = iter(range(last - _fresh(entries) + 1, last + 1))
    return tuple(
        entry if entry.number else entry.model_copy(update={"number": next(following)})
        for entry in entries
    )
