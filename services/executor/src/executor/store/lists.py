"""Lists of executions: each page is a bounded part of an index."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from common.contracts.events import ExecutionStatus
from common.cursors import Place
from common.mongo import Database
from executor.domain.execution import Execution
from executor.store import documents
from executor.store.newest import Newest
from executor.store.reach import reaching

_WITHOUT_TAIL = {**documents.HEAD, "tail": 0}


class MongoExecutionLists:
    """Fulfils `ExecutionLists`."""

    def __init__(self, database: Database) -> None:
        self._executions = database["executions"]
        self._newest = Newest(database)

    async def page(
        self,
        workspace_id: str,
        *,
        crew_id: str | None,
        status: ExecutionStatus | None,
        skip: int,
        limit: int,
        before: Place | None = None,
    ) -> list[Execution]:
        equal = {"workspace_id": workspace_id, **_wanted(crew_id, status)}
        with reaching():
            places = await self._newest.places(equal, before, skip=skip, limit=limit)
            ids = [job_id for _, job_id in places]
            if not ids:
                return []
            cursor = self._executions.find({"_id": {"$in": ids}}, _WITHOUT_TAIL)
            whole = {document["_id"]: document async for document in cursor}
        return [documents.execution(whole[job_id]) for job_id in ids if job_id in whole]

    async def open_jobs(
        self,
        workspace_id: str,
        *,
        crew_id: str | None,
        status: ExecutionStatus | None,
        limit: int,
    ) -> frozenset[str]:
        # Forward as jobs go: one that moves on meanwhile is met again, and not missed.
        statuses = list(ExecutionStatus) if status is None else [status]
        rest = {} if crew_id is None else {"crew_id": crew_id}
        with reaching():
            found = await asyncio.gather(
                *(self._open(workspace_id, one, rest, limit) for one in statuses)
            )
        return frozenset().union(*found)

    async def _open(
        self, workspace_id: str, status: ExecutionStatus, rest: Mapping[str, Any], limit: int
    ) -> frozenset[str]:
        query = {"open": True, "status": status.value, "workspace_id": workspace_id}
        rows = self._executions.find(query, {"crew_id": 1}).limit(limit)
        return frozenset([row["_id"] async for row in rows if rest.items() <= row.items()])

    async def heads(self, job_ids: Sequence[str]) -> Mapping[str, tuple[str, int]]:
        with reaching():
            cursor = self._executions.find({"_id": {"$in": list(job_ids)}}, {"status": 1, "seq": 1})
            return {row["_id"]: (row["status"], row["seq"]) async for row in cursor}


def _wanted(crew_id: str | None, status: ExecutionStatus | None) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    if crew_id is not None:
        wanted["crew_id"] = crew_id
    if status is not None:
        wanted["status"] = status.value
    return wanted
