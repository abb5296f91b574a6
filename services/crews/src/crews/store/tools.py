"""Custom tools in MongoDB, their credentials sealed."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import orjson
from pymongo.errors import DuplicateKeyError

from common.errors import Conflict, NotFound
from common.idempotency import receipts
from common.idempotency.once import Receipt
from common.security.resealing import Resealed, reseal_field
from common.security.sealing import CannotOpen, Sealer
from common.storage.ports import Database, Document
from common.storage.stores import mongo_store
from common.times import utc_now
from crews.domain.tools import RegisteredTool
from crews.store.documents import as_text, from_text

_MOST = 20_000
"""More tools than a workspace can have: the highest limit, and a few added at the same moment."""
_AS_TEXT = ("parameters", "headers")
"""Fields whose keys are the callers' own, which BSON does not take as they come."""


@mongo_store
class MongoCustomTools:
    """The collection `tools`; names are unique within a workspace.

    A deleted tool that has an idempotency receipt leaves it there, until it has run out.
    """

    def __init__(self, database: Database, sealer: Sealer, tool_limit: int = 200) -> None:
        self._tools = database["tools"]
        self._receipts = receipts.MongoReceipts(self._tools)
        self._sealer = sealer
        self._limit = tool_limit

    async def receipt(self, key: str, now: datetime) -> Receipt | None:
        return await self._receipts.receipt(key, now)

    async def forget(self, now: datetime) -> None:
        await self._receipts.forget(now)

    async def add(
        self,
        tool: RegisteredTool,
        credentials: Mapping[str, str] | None,
        receipt: Receipt | None = None,
    ) -> None:
        mine = {"workspace_id": tool.workspace_id}
        if await self._tools.count_documents(mine, limit=self._limit) >= self._limit:
            raise Conflict(
                f"This workspace has {self._limit} custom tools, as many as it may have"
                " (KASAL_TOOL_LIMIT). Delete one that no crew uses.",
                details={"setting": "KASAL_TOOL_LIMIT", "limit": self._limit},
            )
        document = {**_document(tool), "sealed": self._seal(tool.id, credentials)}
        try:
            await self._tools.insert_one({**document, **receipts.receipt_field(receipt)})
        except DuplicateKeyError:
            raise _name_conflict(tool) from None

    async def find(self, workspace_id: str, tool_id: str) -> RegisteredTool | None:
        document = await self._tools.find_one({"_id": tool_id, "workspace_id": workspace_id})
        return None if document is None else _tool(document)

    async def all(self, workspace_id: str) -> Sequence[RegisteredTool]:
        found = await self._tools.find({"workspace_id": workspace_id}).limit(_MOST).to_list()
        return sorted(map(_tool, found), key=lambda tool: tool.id)

    async def replace(
        self,
        before: RegisteredTool,
        after: RegisteredTool,
        credentials: Mapping[str, str] | None,
        *,
        keep: bool,
    ) -> bool:
        changes = _document(after)
        if not keep:
            changes["sealed"] = self._seal(after.id, credentials)
        query = {
            "_id": changes.pop("_id"),
            "workspace_id": before.workspace_id,
            "endpoint": before.endpoint,
            "auth_type": before.auth_type,
            "headers": as_text(before.headers),
        }
        try:
            result = await self._tools.update_one(query, {"$set": changes})
        except DuplicateKeyError:
            raise _name_conflict(after) from None
        return result.matched_count == 1

    async def remove(self, workspace_id: str, tool_id: str) -> bool:
        query = {"_id": tool_id, "workspace_id": workspace_id}
        live = await self._receipts.live(tool_id, utc_now())
        if not live:
            return (await self._tools.delete_one(query)).deleted_count == 1
        # The unique index on workspaces and names wants something that nothing else has.
        gone = receipts.grave(live, workspace_id=None, name=tool_id)
        return (await self._tools.replace_one(query, gone)).matched_count == 1

    async def credentials(
        self, workspace_id: str, tool_id: str
    ) -> tuple[RegisteredTool, Mapping[str, str]]:
        document = await self._tools.find_one({"_id": tool_id, "workspace_id": workspace_id})
        if document is None:
            raise NotFound(f"There is no tool {tool_id}.")
        if document["sealed"] is None:
            return _tool(document), {}
        try:
            opened: dict[str, str] = orjson.loads(self._sealer.open(document["sealed"], tool_id))
        except CannotOpen as fault:
            raise Conflict(f"The credentials of this tool cannot be read: {fault}") from fault
        return _tool(document), opened

    async def reseal(self) -> Resealed:
        """Seal under the current secret key what an older one sealed."""
        return await reseal_field("credentials of tools", self._tools, "sealed", self._sealer)

    def _seal(self, tool_id: str, credentials: Mapping[str, str] | None) -> bytes | None:
        if not credentials:
            return None
        return self._sealer.seal(orjson.dumps(dict(credentials)), tool_id)


def _document(tool: RegisteredTool) -> Document:
    fields = tool.model_dump(exclude={"has_credentials"})
    texts = {name: as_text(fields[name]) for name in _AS_TEXT}
    return {"_id": fields.pop("id"), **fields, **texts}


def _tool(document: Document) -> RegisteredTool:
    values = {name: from_text(document[name]) for name in _AS_TEXT}
    values["has_credentials"] = document["sealed"] is not None
    return RegisteredTool.model_validate({**document, **values, "id": document["_id"]})


def _name_conflict(tool: RegisteredTool) -> Conflict:
    return Conflict(f"This workspace has a tool named {tool.name} already.", field="name")
