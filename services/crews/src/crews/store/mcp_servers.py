"""MCP servers in MongoDB, their credentials sealed."""

from collections.abc import Collection, Sequence

import orjson

from common.security.sealing import Sealer
from common.storage.ports import Database, Document
from common.storage.stores import mongo_store
from crews.domain.mcp_servers import RegisteredServer
from crews.store.documents import as_text, from_text
from crews.store.registered import Kind, MongoRegistered

_KIND = Kind("MCP server", "MCP servers", "KASAL_MCP_SERVER_LIMIT", most=1_200, article="an")
_AS_TEXT = ("headers",)
"""Fields whose keys are the callers' own, which BSON does not take as they come."""


@mongo_store
class MongoMcpServers(MongoRegistered[RegisteredServer]):
    """The collection `mcp_servers`. What a server said about its tools is one text: its schemas have any keys."""

    def __init__(self, database: Database, sealer: Sealer, limit: int = 50) -> None:
        super().__init__(database["mcp_servers"], sealer, _KIND, limit)

    async def by_names(
        self, workspace_id: str, names: Collection[str]
    ) -> Sequence[RegisteredServer]:
        if not names:
            return []
        return await self._find_all({"workspace_id": workspace_id, "name": {"$in": sorted(names)}})

    def _document(self, entry: RegisteredServer) -> Document:
        fields = entry.model_dump(exclude={"has_credentials", "inventory"})
        texts = {name: as_text(fields[name]) for name in _AS_TEXT}
        inventory = orjson.dumps(entry.inventory.model_dump(mode="json")).decode()
        return {"_id": fields.pop("id"), **fields, **texts, "inventory": inventory}

    def _entry(self, document: Document) -> RegisteredServer:
        values = {name: from_text(document[name]) for name in _AS_TEXT}
        values["has_credentials"] = document["sealed"] is not None
        values["inventory"] = orjson.loads(document["inventory"])
        return RegisteredServer.model_validate({**document, **values, "id": document["_id"]})

    def _condition(self, before: RegisteredServer) -> Document:
        return {"version": before.version}
