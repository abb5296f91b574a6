"""The queued jobs, in the order they came: of all, and of each workspace.

MongoDB reads them in order from an index. SecantusDB cannot: there they are found by short windows of
time (`backlog`).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from common.bounded_dict import BoundedDict
from common.contracts.events import ExecutionStatus
from common.storage.formats import FIELD as FORMAT
from common.storage.mongo import Database, Document, is_secantus
from executor.domain.log.execution import READS
from executor.store.backlog import Backlog
from executor.store.newest import just_after

_QUEUED: Mapping[str, Any] = {"open": True, "status": ExecutionStatus.QUEUED.value}
_UNOWNED = {**_QUEUED, "owner": None}
_FIELDS = {"created_at": 1, FORMAT: 1}
_PASSED_OVER = 200
"""Jobs of a newer format that a look passes over at most."""
_REMEMBERED = 256
_LOOKED_AT = 1_000


class Queues:
    """Looks for queued jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._executions = database["executions"]
        self._by_windows: bool | None = None
        self._backlogs: BoundedDict[str, Backlog] = BoundedDict(_REMEMBERED)

    async def oldest(self, before: datetime, limit: int) -> list[str]:
        """Return the oldest of all made by `before`: of as many workspaces as `_LOOKED_AT`."""
        found: list[tuple[datetime, str]] = []
        for workspace_id in (await self.workspaces())[:_LOOKED_AT]:
            found += await self._oldest(workspace_id, before, limit)
        return [job_id for _, job_id in sorted(found)[:limit]]

    async def oldest_of(self, workspace_id: str, before: datetime, limit: int) -> list[str]:
        """Return the oldest of a workspace made by `before`."""
        return [job_id for _, job_id in await self._oldest(workspace_id, before, limit)]

    async def workspaces(self) -> list[str]:
        """Return the workspaces that have any: MongoDB skips from one to the next in an index."""
        return list(await self._executions.distinct("workspace_id", dict(_UNOWNED)))

    async def _oldest(
        self, workspace_id: str, before: datetime, limit: int
    ) -> list[tuple[datetime, str]]:
        if self._by_windows is None:
            self._by_windows = await is_secantus(self._database)
        query = {**_QUEUED, "workspace_id": workspace_id}
        if self._by_windows:
            rows = await self._backlog(workspace_id, query).oldest(before, limit)
            return [(row["created_at"], row["_id"]) for row in rows]
        made = {**query, "created_at": {"$lt": just_after(before)}}
        ordered = self._executions.find(made, _FIELDS).sort([("created_at", 1), ("_id", 1)])
        found: list[tuple[datetime, str]] = []
        async with ordered.limit(limit + _PASSED_OVER).batch_size(limit) as cursor:
            async for row in cursor:
                found += [(row["created_at"], row["_id"])] if _readable(row) else []
                if len(found) >= limit:
                    break
        return found

    def _backlog(self, name: str, query: Document) -> Backlog:
        async def read(after: datetime, upto: datetime) -> list[Document]:
            made = {**query, "created_at": {"$gte": just_after(after), "$lt": just_after(upto)}}
            rows = await self._executions.find(made, _FIELDS).to_list()
            return [row for row in rows if _readable(row)]

        found = self._backlogs[name] = self._backlogs.get(name) or Backlog(read)
        return found


def _readable(row: Document) -> bool:
    return int(row.get(FORMAT, 1)) <= READS
