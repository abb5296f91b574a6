"""Lists of executions: newest first, by growing windows of time instead of large sorts."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from common.contracts.events import ExecutionStatus
from common.mongo import Database, Document
from common.times import utc_now
from executor.domain.execution import Execution
from executor.store import documents
from executor.store.reach import reaching

_FIRST_WINDOW = timedelta(seconds=15)
_GROWTH = 6
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(minutes=10)
"""How far the clocks of those who make jobs may be ahead."""
_WITHOUT_TAIL = {**documents.HEAD, "tail": 0}


class MongoExecutionLists:
    """Fulfils `ExecutionLists`."""

    def __init__(self, database: Database) -> None:
        self._executions = database["executions"]

    async def page(
        self,
        workspace_id: str,
        *,
        crew_id: str | None,
        status: ExecutionStatus | None,
        skip: int,
        limit: int,
    ) -> list[Execution]:
        wanted = _wanted(crew_id, status)
        found: list[Document] = []
        upto, window = utc_now() + _AHEAD, _FIRST_WINDOW + _AHEAD
        with reaching():
            while len(found) < skip + limit and upto > _LONG_AGO:
                after = max(upto - window, _LONG_AGO) if window.days < 365 else _LONG_AGO
                rows = await self._window(workspace_id, after, upto)
                # Filtered here: SecantusDB drops the index when the query names further fields.
                found += [row for row in rows if wanted.items() <= row.items()]
                upto, window = after, window * _GROWTH
            ids = [row["_id"] for row in found[skip : skip + limit]]
            if not ids:
                return []
            cursor = self._executions.find({"_id": {"$in": ids}}, _WITHOUT_TAIL)
            whole = {document["_id"]: document async for document in cursor}
        return [documents.execution(whole[job_id]) for job_id in ids if job_id in whole]

    async def _window(self, workspace_id: str, after: datetime, upto: datetime) -> list[Document]:
        fields = {"crew_id": 1, "status": 1, "created_at": 1}
        rows: list[Document] = []
        for is_open in (True, None):  # a closed job has no such field
            query = {
                "workspace_id": workspace_id,
                "open": is_open,
                "created_at": {"$gt": after, "$lte": upto},
            }
            rows += await self._executions.find(query, fields).to_list()
        return sorted(rows, key=lambda row: (row["created_at"], row["_id"]), reverse=True)

    async def open_jobs(
        self, workspace_id: str, *, crew_id: str | None, status: ExecutionStatus | None
    ) -> frozenset[str]:
        query = {"workspace_id": workspace_id, "open": True}
        wanted = _wanted(crew_id, status)
        with reaching():
            rows = await self._executions.find(query, {"crew_id": 1, "status": 1}).to_list()
        return frozenset(row["_id"] for row in rows if wanted.items() <= row.items())

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
