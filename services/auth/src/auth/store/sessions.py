"""Sessions, revocations and API keys in MongoDB. What has expired removes itself."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from auth.domain.api_keys import ApiKey
from auth.domain.sessions import Session
from common.contracts.messages import SessionRevoked
from common.identity import ROLES
from common.ids import new_id
from common.mongo import Database, Document


class MongoSessions:
    def __init__(self, database: Database) -> None:
        self._sessions = database["sessions"]

    async def migrate(self) -> None:
        await self._sessions.create_index("expires_at", expireAfterSeconds=0)

    async def add(self, session: Session) -> None:
        await self._sessions.insert_one(_session_document(session))

    async def find(self, session_id: str) -> Session | None:
        document = await self._sessions.find_one({"_id": session_id})
        if document is None:
            return None
        document["id"] = document.pop("_id")
        document["current"] = tuple(document["current"])
        return Session(**document)

    async def replace(self, session: Session) -> bool:
        read_with = {"_id": session.id, "version": session.version - 1}
        result = await self._sessions.replace_one(read_with, _session_document(session))
        return result.matched_count == 1


def _session_document(session: Session) -> Document:
    fields = asdict(session)
    return {"_id": fields.pop("id"), **fields, "current": list(session.current)}


class MongoRevocations:
    def __init__(self, database: Database) -> None:
        self._revocations = database["revocations"]

    async def migrate(self) -> None:
        await self._revocations.create_index("expires_at", expireAfterSeconds=0)

    async def add(self, revocation: SessionRevoked) -> None:
        await self._revocations.insert_one({"_id": new_id("rev"), **revocation.model_dump()})

    async def unexpired(self, now: datetime) -> Sequence[SessionRevoked]:
        found = await self._revocations.find({"expires_at": {"$gt": now}}).to_list()
        return [SessionRevoked.model_validate(document) for document in found]


class MongoApiKeys:
    def __init__(self, database: Database) -> None:
        self._keys = database["api_keys"]

    async def migrate(self) -> None:
        await self._keys.create_index("secret_hash", unique=True)
        await self._keys.create_index([("workspace_id", 1), ("user_id", 1)])

    async def add(self, key: ApiKey) -> None:
        fields = asdict(key)
        await self._keys.insert_one({"_id": fields.pop("id"), **fields, "role": key.role.label})

    async def by_hash(self, secret_hash: str) -> ApiKey | None:
        document = await self._keys.find_one({"secret_hash": secret_hash})
        return None if document is None else _key(document)

    async def of_workspace(self, workspace_id: str) -> Sequence[ApiKey]:
        return await self._found({"workspace_id": workspace_id})

    async def of_user(self, workspace_id: str, user_id: str) -> Sequence[ApiKey]:
        return await self._found({"workspace_id": workspace_id, "user_id": user_id})

    async def _found(self, query: Document) -> list[ApiKey]:
        keys = [_key(document) for document in await self._keys.find(query).to_list()]
        return sorted(keys, key=lambda key: key.id, reverse=True)

    async def remove(self, workspace_id: str, key_id: str) -> bool:
        result = await self._keys.delete_one({"_id": key_id, "workspace_id": workspace_id})
        return result.deleted_count == 1


def _key(document: Document) -> ApiKey:
    fields = {**document, "id": document["_id"], "role": ROLES[document["role"]]}
    del fields["_id"]
    return ApiKey(**fields)
