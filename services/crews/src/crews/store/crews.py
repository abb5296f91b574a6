"""Crew documents in MongoDB."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from pymongo.errors import DuplicateKeyError

from common.errors import Conflict
from common.mongo import Database, Document
from common.times import utc_now
from crews.domain.crew import Crew, CrewStatus

_FIRST_WINDOW = timedelta(hours=1)
_GROWTH = 12
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(minutes=10)
"""How far the clocks of those who make crews may be ahead."""


class MongoCrews:
    """The collection `crews`: a crew is one document with its agents and tasks.

    Lists walk back through growing windows of time, since SecantusDB neither sorts nor limits from
    an index, and a bounded range is what any MongoDB answers fastest.
    """

    def __init__(self, database: Database) -> None:
        self._crews = database["crews"]

    async def migrate(self) -> None:
        await self._crews.create_index([("workspace_id", 1), ("created_at", 1)])
        await self._crews.create_index("agents.id", unique=True)
        await self._crews.create_index("task_ids", unique=True, sparse=True)

    async def add(self, crew: Crew) -> None:
        try:
            await self._crews.insert_one(_document(crew))
        except DuplicateKeyError:
            raise Conflict(f"The id {crew.id}, or one of its agents or tasks, is taken.") from None

    async def find(self, workspace_id: str, crew_id: str) -> Crew | None:
        return _found(await self._crews.find_one({"_id": crew_id}), workspace_id)

    async def with_agent(self, workspace_id: str, agent_id: str) -> Crew | None:
        return _found(await self._crews.find_one({"agents.id": agent_id}), workspace_id)

    async def with_task(self, workspace_id: str, task_id: str) -> Crew | None:
        return _found(await self._crews.find_one({"task_ids": task_id}), workspace_id)

    async def replace(self, crew: Crew) -> bool:
        read_with = {"_id": crew.id, "version": crew.version - 1}
        result = await self._crews.replace_one(read_with, _document(crew))
        return result.matched_count == 1

    async def remove(self, crew: Crew) -> bool:
        result = await self._crews.delete_one({"_id": crew.id, "version": crew.version})
        return result.deleted_count == 1

    async def page(
        self,
        workspace_id: str,
        *,
        name: str | None = None,
        status: CrewStatus | None = None,
        skip: int,
        limit: int,
    ) -> tuple[Sequence[Crew], int]:
        wanted: Document = {"workspace_id": workspace_id}
        if name is not None:
            wanted["name"] = {"$regex": re.escape(name), "$options": "i"}
        if status is not None:
            wanted["status"] = status
        total = await self._crews.count_documents(wanted)
        if skip >= total:
            return [], total
        ids = await self._newest(wanted, skip + limit)
        found = await self._crews.find({"_id": {"$in": ids[skip:]}}).to_list()
        return _newest_first([_crew(document) for document in found]), total

    async def _newest(self, wanted: Document, count: int) -> list[str]:
        ids: list[str] = []
        upto, window = utc_now() + _AHEAD, _FIRST_WINDOW + _AHEAD
        while len(ids) < count and upto > _LONG_AGO:
            after = max(upto - window, _LONG_AGO) if window.days < 365 else _LONG_AGO
            query = {**wanted, "created_at": {"$gt": after, "$lte": upto}}
            rows = await self._crews.find(query, {"created_at": 1}).to_list()
            rows.sort(key=lambda row: (row["created_at"], row["_id"]), reverse=True)
            ids += [row["_id"] for row in rows]
            upto, window = after, window * _GROWTH
        return ids[:count]

    async def all(self, workspace_id: str) -> Sequence[Crew]:
        found = await self._crews.find({"workspace_id": workspace_id}).to_list()
        return _newest_first([_crew(document) for document in found])


def _newest_first(crews: list[Crew]) -> list[Crew]:
    return sorted(crews, key=lambda crew: (crew.created_at, crew.id), reverse=True)


def _document(crew: Crew) -> Document:
    fields = crew.model_dump()
    fields["_id"] = fields.pop("id")
    if crew.tasks:  # left out when there are none: the index on it is unique, and sparse
        fields["task_ids"] = [task.id for task in crew.tasks]
    return {**fields, "status": crew.status}


def _crew(document: Document) -> Crew:
    return Crew.model_validate({**document, "id": document["_id"]})


def _found(document: Document | None, workspace_id: str) -> Crew | None:
    if document is None or document["workspace_id"] != workspace_id:
        return None
    return _crew(document)
