"""API keys in MongoDB."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from pymongo.errors import DuplicateKeyError

from auth.domain.logins.revocations import REVOKED_FOR
from auth.domain.tokens.api_keys import ApiKey
from common.idempotency.once import KeyTaken, Receipt
from common.idempotency.receipts import MongoReceipts, receipt_field
from common.identity import ROLES
from common.storage.ports import Database, Document
from common.storage.stores import mongo_store


@mongo_store
class MongoApiKeys:
    """The collection `api_keys`. A revoked one removes itself when its revocation has expired."""

    def __init__(self, database: Database) -> None:
        self._keys = database["api_keys"]
        self._receipts = MongoReceipts(self._keys)

    async def receipt(self, key: str, now: datetime) -> Receipt | None:
        return await self._receipts.receipt(key, now)

    async def forget(self, now: datetime) -> None:
        await self._receipts.forget(now)

    async def add(self, key: ApiKey, receipt: Receipt | None = None) -> None:
        fields = asdict(key)
        document = {"_id": fields.pop("id"), **fields, "role": key.role.label, "revoked_at": None}
        try:
            await self._keys.insert_one({**document, **receipt_field(receipt)})
        except DuplicateKeyError:
            raise KeyTaken from None

    async def by_hash(self, secret_hash: str) -> ApiKey | None:
        document = await self._keys.find_one({"secret_hash": secret_hash, "revoked_at": None})
        return None if document is None else _key(document)

    async def of_workspace(self, workspace_id: str) -> Sequence[ApiKey]:
        found = self._keys.find({"workspace_id": workspace_id, "revoked_at": None})
        keys = [_key(document) for document in await found.to_list()]
        return sorted(keys, key=lambda key: key.id, reverse=True)

    async def revoke(self, workspace_id: str, key_id: str, now: datetime) -> bool:
        result = await self._keys.update_one(
            {"_id": key_id, "workspace_id": workspace_id, "revoked_at": None},
            {"$set": {"revoked_at": now, "revoked_until": now + REVOKED_FOR}},
        )
        return result.matched_count == 1


def _key(document: Document) -> ApiKey:
    return ApiKey(
        id=document["_id"],
        workspace_id=document["workspace_id"],
        user_id=document["user_id"],
        name=document["name"],
        role=ROLES[document["role"]],
        secret_hash=document["secret_hash"],
        hint=document["hint"],
        created_at=document["created_at"],
    )
