"""What workspaces have set to reach models, in MongoDB, their secrets sealed."""

from collections.abc import Sequence

from pymongo.errors import DuplicateKeyError

from common.errors import Conflict
from common.security.resealing import Resealed, reseal_field
from common.security.sealing import CannotOpen, Sealer
from common.storage.ports import Database, Document
from common.storage.stores import mongo_store
from crews.domain.own_models import AccessSecrets, Kind, OwnModelAccess
from crews.store.documents import as_text, from_text

_MOST = 1_000
"""More than a workspace can have: the limit, all providers, and a few added at the same moment."""


@mongo_store
class MongoOwnModels:
    """The collection `model_access`; `endpoint_limit` bounds each workspace's endpoints."""

    def __init__(self, database: Database, sealer: Sealer, endpoint_limit: int = 50) -> None:
        self._held = database["model_access"]
        self._sealer = sealer
        self._limit = endpoint_limit

    async def find(self, workspace_id: str, kind: Kind, name: str) -> OwnModelAccess | None:
        document = await self._held.find_one({"_id": f"{workspace_id}:{kind}:{name}"})
        return None if document is None else _access(document)

    async def all(self, workspace_id: str) -> Sequence[OwnModelAccess]:
        found = await self._held.find({"workspace_id": workspace_id}).limit(_MOST).to_list()
        return sorted(map(_access, found), key=lambda one: one.name)

    async def all_with_secrets(
        self, workspace_id: str
    ) -> Sequence[tuple[OwnModelAccess, AccessSecrets | None]]:
        found = await self._held.find({"workspace_id": workspace_id}).limit(_MOST).to_list()
        return [(_access(document), self._open(document)) for document in found]

    async def secrets(self, access: OwnModelAccess) -> AccessSecrets | None:
        document = await self._held.find_one({"_id": access.id}, {"sealed": 1})
        return AccessSecrets() if document is None else self._open(document)

    async def put(
        self, before: OwnModelAccess | None, after: OwnModelAccess, secrets: AccessSecrets
    ) -> bool:
        document = {**_document(after), "sealed": self._seal(after, secrets)}
        if before is None:
            await self._check_room(after)
            try:
                await self._held.insert_one(document)
            except DuplicateKeyError:
                return False
            return True
        read = {"revision": before.revision, "updated_at": before.updated_at}
        query = {"_id": before.id, **read}  # one that was removed and set again begins at 1 again
        return (await self._held.replace_one(query, document)).matched_count == 1

    async def remove(self, workspace_id: str, kind: Kind, name: str) -> bool:
        done = await self._held.delete_one({"_id": f"{workspace_id}:{kind}:{name}"})
        return done.deleted_count == 1

    async def reseal(self) -> Resealed:
        """Seal under the current secret key what an older one sealed."""
        return await reseal_field("keys of models", self._held, "sealed", self._sealer)

    async def _check_room(self, access: OwnModelAccess) -> None:
        if access.kind != "endpoint":
            return
        mine = {
            "workspace_id": access.workspace_id,
            "kind": "endpoint",
        }
        if await self._held.count_documents(mine, limit=self._limit) >= self._limit:
            raise Conflict(
                f"This workspace has {self._limit} endpoints, as many as it may have (KASAL_ENDPOINT_LIMIT)."
                " Delete one that no crew uses.",
                details={"setting": "KASAL_ENDPOINT_LIMIT", "limit": self._limit},
            )

    def _open(self, document: Document) -> AccessSecrets | None:
        try:
            opened = self._sealer.open(document["sealed"], document["_id"])
        except CannotOpen:
            return None
        return AccessSecrets.model_validate_json(opened)

    def _seal(self, access: OwnModelAccess, secrets: AccessSecrets) -> bytes:
        return self._sealer.seal(secrets.model_dump_json().encode(), access.id)


def _document(access: OwnModelAccess) -> Document:
    fields = access.model_dump()
    return {"_id": access.id, **fields, "headers": as_text(access.headers)}


def _access(document: Document) -> OwnModelAccess:
    return OwnModelAccess.model_validate({**document, "headers": from_text(document["headers"])})
