"""Lists of executions: each page reads a bounded part of an index."""

from collections.abc import Mapping, Sequence

from common.contracts.events import FINAL_STATUSES, ExecutionStatus
from common.storage.cursors import Place
from common.storage.ports import Database, Document
from executor.domain.api.ports import OpenJobs
from executor.domain.log.execution import Execution
from executor.store import documents
from executor.store.newest import ORDER, Newest, just_after
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
        open_jobs: OpenJobs,
        *,
        crew_id: str | None,
        status: ExecutionStatus | None,
        skip: int,
        limit: int,
        before: Place | None = None,
    ) -> list[Execution]:
        equal = {"workspace_id": workspace_id}
        if crew_id is not None:
            equal["crew_id"] = crew_id
        statuses = [one.value for one in FINAL_STATUSES if status in {None, one}]
        with reaching():
            closed = (
                await self._newest.places(equal, statuses, before, skip + limit) if statuses else []
            )
            # A job that was closed in the meantime appears in both.
            places = {*closed, *((made, job_id) for job_id, made in open_jobs.items())}
            ids = [job_id for _, job_id in sorted(places, reverse=True)[skip : skip + limit]]
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
        before: Place | None = None,
    ) -> OpenJobs:
        # In the order of a job's life: a job that moves on meanwhile is seen twice, never missed.
        statuses = list(ExecutionStatus) if status is None else [status]
        with reaching():
            found = [
                await self._open(workspace_id, crew_id, one, before, limit) for one in statuses
            ]
        return {row["_id"]: row["created_at"] for rows in found for row in rows}

    async def _open(
        self,
        workspace_id: str,
        crew_id: str | None,
        status: ExecutionStatus,
        before: Place | None,
        limit: int,
    ) -> list[Document]:
        query: Document = {"open": True, "status": status.value, "workspace_id": workspace_id}
        if before is not None:
            query["created_at"] = {"$lt": just_after(before[0])}
        fields = {"created_at": 1} if crew_id is None else {"created_at": 1, "crew_id": 1}
        rows = self._executions.find(query, fields).sort(ORDER).limit(limit)
        return [
            row
            async for row in rows
            if crew_id in {None, row.get("crew_id")}
            and (before is None or (row["created_at"], row["_id"]) < before)
        ]

    async def heads(self, job_ids: Sequence[str]) -> Mapping[str, tuple[str, int]]:
        with reaching():
            cursor = self._executions.find({"_id": {"$in": list(job_ids)}}, {"status": 1, "seq": 1})
            return {row["_id"]: (row["status"], row["seq"]) async for row in cursor}
