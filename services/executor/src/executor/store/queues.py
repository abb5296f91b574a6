"""The queued jobs in order of arrival, of all workspaces or of one."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from common.contracts.events import ExecutionStatus
from common.storage.formats import FIELD as FORMAT
from common.storage.ports import Database, Document
from executor.domain.log.execution import READS
from executor.store.newest import just_after

_QUEUED: Mapping[str, Any] = {"open": True, "status": ExecutionStatus.QUEUED.value}
_UNOWNED = {**_QUEUED, "owner": None}
_FIELDS = {"created_at": 1, FORMAT: 1}
_PASSED_OVER = 200
"""At most this many jobs of a newer format are skipped in one search."""
_LOOKED_AT = 1_000


class QueuedExecutions:
    """Finds queued jobs."""

    def __init__(self, database: Database) -> None:
        self._executions = database["executions"]

    async def oldest(self, before: datetime, limit: int) -> list[str]:
        """Return the oldest jobs made by `before`, of at most `_LOOKED_AT` workspaces."""
        found: list[tuple[datetime, str]] = []
        for workspace_id in (await self.workspaces())[:_LOOKED_AT]:
            found += await self._oldest(workspace_id, before, limit)
        return [job_id for _, job_id in sorted(found)[:limit]]

    async def oldest_of(self, workspace_id: str, before: datetime, limit: int) -> list[str]:
        """Return the oldest jobs of a workspace made by `before`."""
        return [job_id for _, job_id in await self._oldest(workspace_id, before, limit)]

    async def workspaces(self) -> list[str]:
        """Return the workspaces with queued jobs. MongoDB skips from one to the next in an index."""
        return list(await self._executions.distinct("workspace_id", dict(_UNOWNED)))

    async def _oldest(
        self, workspace_id: str, before: datetime, limit: int
    ) -> list[tuple[datetime, str]]:
        query = {**_QUEUED, "workspace_id": workspace_id}
        made = {**query, "created_at": {"$lt": just_after(before)}}
        ordered = self._executions.find(made, _FIELDS).sort([("created_at", 1), ("_id", 1)])
        found: list[tuple[datetime, str]] = []
        async with ordered.limit(limit + _PASSED_OVER).batch_size(limit) as cursor:
            async for row in cursor:
                found += [(row["created_at"], row["_id"])] if _readable(row) else []
                if len(found) >= limit:
                    break
        return found


def _readable(row: Document) -> bool:
    return int(row.get(FORMAT, 1)) <= READS
