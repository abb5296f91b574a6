"""MCP servers in MongoDB, their credentials sealed."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
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
from crews.domain.mcp_servers import RegisteredServer
from crews.store.documents import as_text, from_text

_MOST = 1_200
"""More servers than a workspace can have: the highest limit, and a few added at the same moment."""
_AS_TEXT = ("headers",)
"""Fields whose keys are the callers' own, which BSON does not take as they come."""


@mongo_store
class MongoMcpServers:
    """The collection `mcp_servers`; names are unique within a workspace.

    What a server said about its tools is one text: its schemas have any keys. A deleted server that has an
    idempotency receipt leaves it there, until it has run out.
    """

    def __init__(self, database: Database, sealer: Sealer, limit: int = 50) -> None:
        self._servers = database["mcp_servers"]
        self._receipts = receipts.MongoReceipts(self._servers)
        self._sealer = sealer
        self._limit = limit

    async def receipt(self, key: str, now: datetime) -> Receipt | None:
        return await self._receipts.receipt(key, now)

    async def forget(self, now: datetime) -> None:
        await self._receipts.forget(now)

    async def add(
        self,
        server: RegisteredServer,
        credentials: Mapping[str, str] | None,
        receipt: Receipt | None = None,
    ) -> None:
        mine = {"workspace_id": server.workspace_id}
        if await self._servers.count_documents(mine, limit=self._limit) >= self._limit:
            raise Conflict(
                f"This workspace has {self._limit} MCP servers, as many as it may have"
                " (KASAL_MCP_SERVER_LIMIT). Delete one that no crew uses.",
                details={"setting": "KASAL_MCP_SERVER_LIMIT", "limit": self._limit},
            )
        document = {**_document(server), "sealed": self._seal(server.id, credentials)}
        try:
            await self._servers.insert_one({**document, **receipts.receipt_field(receipt)})
        except DuplicateKeyError:
            raise _name_conflict(server) from None

    async def find(self, workspace_id: str, server_id: str) -> RegisteredServer | None:
        document = await self._servers.find_one({"_id": server_id, "workspace_id": workspace_id})
        return None if document is None else _server(document)

    async def all(self, workspace_id: str) -> Sequence[RegisteredServer]:
        return await self._find_all({"workspace_id": workspace_id})

    async def by_names(
        self, workspace_id: str, names: Collection[str]
    ) -> Sequence[RegisteredServer]:
        if not names:
            return []
        return await self._find_all({"workspace_id": workspace_id, "name": {"$in": sorted(names)}})

    async def _find_all(self, query: Document) -> Sequence[RegisteredServer]:
        found = await self._servers.find(query).limit(_MOST).to_list()
        # Beside the loop: a server's tools may be a megabyte.
        read = await asyncio.to_thread(lambda: [_server(document) for document in found])
        return sorted(read, key=lambda server: server.id)

    async def replace(
        self,
        before: RegisteredServer,
        after: RegisteredServer,
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
            "version": before.version,
        }
        try:
            result = await self._servers.update_one(query, {"$set": changes})
        except DuplicateKeyError:
            raise _name_conflict(after) from None
        return result.matched_count == 1

    async def remove(self, workspace_id: str, server_id: str) -> bool:
        query = {"_id": server_id, "workspace_id": workspace_id}
        live = await self._receipts.live(server_id, utc_now())
        if not live:
            return (await self._servers.delete_one(query)).deleted_count == 1
        # The unique index on workspaces and names wants something that nothing else has.
        gone = receipts.grave(live, workspace_id=None, name=server_id)
        return (await self._servers.replace_one(query, gone)).matched_count == 1

    async def credentials(
        self, workspace_id: str, server_id: str
    ) -> tuple[RegisteredServer, Mapping[str, str]]:
        document = await self._servers.find_one({"_id": server_id, "workspace_id": workspace_id})
        if document is None:
            raise NotFound(f"There is no MCP server {server_id}.")
        if document["sealed"] is None:
            return _server(document), {}
        try:
            opened: dict[str, str] = orjson.loads(self._sealer.open(document["sealed"], server_id))
        except CannotOpen as fault:
            raise Conflict(f"The credentials of this server cannot be read: {fault}") from fault
        return _server(document), opened

    async def reseal(self) -> Resealed:
        """Seal under the current secret key what an older one sealed."""
        what = "credentials of MCP servers"
        return await reseal_field(what, self._servers, "sealed", self._sealer)

    def _seal(self, server_id: str, credentials: Mapping[str, str] | None) -> bytes | None:
        if not credentials:
            return None
        return self._sealer.seal(orjson.dumps(dict(credentials)), server_id)


def _document(server: RegisteredServer) -> Document:
    fields = server.model_dump(exclude={"has_credentials", "inventory"})
    texts = {name: as_text(fields[name]) for name in _AS_TEXT}
    inventory = orjson.dumps(server.inventory.model_dump(mode="json")).decode()
    return {"_id": fields.pop("id"), **fields, **texts, "inventory": inventory}


def _server(document: Document) -> RegisteredServer:
    values = {name: from_text(document[name]) for name in _AS_TEXT}
    values["has_credentials"] = document["sealed"] is not None
    values["inventory"] = orjson.loads(document["inventory"])
    return RegisteredServer.model_validate({**document, **values, "id": document["_id"]})


def _name_conflict(server: RegisteredServer) -> Conflict:
    return Conflict(f"This workspace has an MCP server named {server.name} already.", field="name")
