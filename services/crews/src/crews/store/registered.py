"""What workspaces register to be used by name, in MongoDB, with credentials that are sealed."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

import orjson
from pymongo.errors import DuplicateKeyError

from common.errors import Conflict, NotFound
from common.idempotency import receipts
from common.idempotency.once import Receipt
from common.security.resealing import Resealed, reseal_field
from common.security.sealing import CannotOpen, Sealer
from common.storage.ports import Collection, Document
from common.storage.stores import mongo_store
from common.times import utc_now


class _Named(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def workspace_id(self) -> str: ...
    @property
    def name(self) -> str: ...


EntryT = TypeVar("EntryT", bound=_Named)


@dataclass(frozen=True, slots=True)
class Kind:
    """The words for what a collection holds, and how many of it a workspace may have.

    `most` is more than a workspace can have: the highest limit, and a few added at the same moment.
    """

    one: str
    several: str
    setting: str
    most: int
    article: str = "a"


@mongo_store
class MongoRegistered(ABC, Generic[EntryT]):
    """Names are unique within a workspace.

    A deleted entry that has an idempotency receipt leaves it there, until it has run out.
    """

    def __init__(self, entries: Collection, sealer: Sealer, kind: Kind, limit: int) -> None:
        self._entries = entries
        self._receipts = receipts.MongoReceipts(entries)
        self._sealer = sealer
        self._kind = kind
        self._limit = limit

    @abstractmethod
    def _document(self, entry: EntryT) -> Document:
        """Return an entry as it is stored, but for its credentials."""

    @abstractmethod
    def _entry(self, document: Document) -> EntryT: ...

    @abstractmethod
    def _condition(self, before: EntryT) -> Document:
        """Return the fields of `before` that must not have changed for it to be replaced."""

    async def receipt(self, key: str, now: datetime) -> Receipt | None:
        return await self._receipts.receipt(key, now)

    async def forget(self, now: datetime) -> None:
        await self._receipts.forget(now)

    async def add(
        self,
        entry: EntryT,
        credentials: Mapping[str, str] | None,
        receipt: Receipt | None = None,
    ) -> None:
        mine = {"workspace_id": entry.workspace_id}
        if await self._entries.count_documents(mine, limit=self._limit) >= self._limit:
            raise self._full()
        document = {**self._document(entry), "sealed": self._seal(entry.id, credentials)}
        try:
            await self._entries.insert_one({**document, **receipts.receipt_field(receipt)})
        except DuplicateKeyError:
            raise self._name_conflict(entry) from None

    async def find(self, workspace_id: str, entry_id: str) -> EntryT | None:
        document = await self._entries.find_one({"_id": entry_id, "workspace_id": workspace_id})
        return None if document is None else self._entry(document)

    async def all(self, workspace_id: str) -> Sequence[EntryT]:
        return await self._find_all({"workspace_id": workspace_id})

    async def _find_all(self, query: Document) -> Sequence[EntryT]:
        found = await self._entries.find(query).limit(self._kind.most).to_list()
        # Beside the loop: there may be thousands, and a server's tools may be a megabyte.
        read = await asyncio.to_thread(lambda: [self._entry(document) for document in found])
        return sorted(read, key=lambda entry: entry.id)

    async def replace(
        self,
        before: EntryT,
        after: EntryT,
        credentials: Mapping[str, str] | None,
        *,
        keep: bool,
    ) -> bool:
        changes = self._document(after)
        if not keep:
            changes["sealed"] = self._seal(after.id, credentials)
        query = {
            "_id": changes.pop("_id"),
            "workspace_id": before.workspace_id,
            **self._condition(before),
        }
        try:
            result = await self._entries.update_one(query, {"$set": changes})
        except DuplicateKeyError:
            raise self._name_conflict(after) from None
        return result.matched_count == 1

    async def remove(self, workspace_id: str, entry_id: str) -> bool:
        query = {"_id": entry_id, "workspace_id": workspace_id}
        live = await self._receipts.live(entry_id, utc_now())
        if not live:
            return (await self._entries.delete_one(query)).deleted_count == 1
        # The unique index on workspaces and names wants something that nothing else has.
        gone = receipts.grave(live, workspace_id=None, name=entry_id)
        return (await self._entries.replace_one(query, gone)).matched_count == 1

    async def credentials(
        self, workspace_id: str, entry_id: str
    ) -> tuple[EntryT, Mapping[str, str]]:
        document = await self._entries.find_one({"_id": entry_id, "workspace_id": workspace_id})
        if document is None:
            raise NotFound(f"There is no {self._kind.one} {entry_id}.")
        if document["sealed"] is None:
            return self._entry(document), {}
        try:
            opened: dict[str, str] = orjson.loads(self._sealer.open(document["sealed"], entry_id))
        except CannotOpen as fault:
            raise Conflict(
                f"The credentials of this {self._kind.one} cannot be read: {fault}"
            ) from fault
        return self._entry(document), opened

    async def reseal(self) -> Resealed:
        """Seal under the current secret key what an older one sealed."""
        what = f"credentials of {self._kind.several}"
        return await reseal_field(what, self._entries, "sealed", self._sealer)

    def _seal(self, entry_id: str, credentials: Mapping[str, str] | None) -> bytes | None:
        if not credentials:
            return None
        return self._sealer.seal(orjson.dumps(dict(credentials)), entry_id)

    def _full(self) -> Conflict:
        return Conflict(
            f"This workspace has {self._limit} {self._kind.several}, as many as it may have"
            f" ({self._kind.setting}). Delete one that no crew uses.",
            details={"setting": self._kind.setting, "limit": self._limit},
        )

    def _name_conflict(self, entry: EntryT) -> Conflict:
        named = f"{self._kind.article} {self._kind.one} named {entry.name}"
        return Conflict(f"This workspace has {named} already.", field="name")
