"""Custom tools in MongoDB, their credentials sealed."""

from common.security.sealing import Sealer
from common.storage.ports import Database, Document
from common.storage.stores import mongo_store
from crews.domain.tools import RegisteredTool
from crews.store.documents import as_text, from_text
from crews.store.registered import Kind, MongoRegistered

_KIND = Kind("tool", "custom tools", "KASAL_TOOL_LIMIT", most=20_000)
_AS_TEXT = ("parameters", "headers")
"""Fields whose keys are the callers' own, which BSON does not take as they come."""


@mongo_store
class MongoCustomTools(MongoRegistered[RegisteredTool]):
    """The collection `tools`."""

    def __init__(self, database: Database, sealer: Sealer, tool_limit: int = 200) -> None:
        super().__init__(database["tools"], sealer, _KIND, tool_limit)

    def _document(self, entry: RegisteredTool) -> Document:
        fields = entry.model_dump(exclude={"has_credentials"})
        texts = {name: as_text(fields[name]) for name in _AS_TEXT}
        return {"_id": fields.pop("id"), **fields, **texts}

    def _entry(self, document: Document) -> RegisteredTool:
        values = {name: from_text(document[name]) for name in _AS_TEXT}
        values["has_credentials"] = document["sealed"] is not None
        return RegisteredTool.model_validate({**document, **values, "id": document["_id"]})

    def _condition(self, before: RegisteredTool) -> Document:
        return {
            "endpoint": before.endpoint,
            "auth_type": before.auth_type,
            "headers": as_text(before.headers),
        }
