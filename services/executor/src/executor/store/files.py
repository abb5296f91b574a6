"""What is known about files, in MongoDB: the collection `files`.

A document's `state` says whether it is being `put`, is `whole` or is `doomed`; each change of it is one write
on the condition of the `content` that it speaks of. Those that are not whole are marked `unfinished`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo.errors import DuplicateKeyError

from common.idempotency import receipts
from common.idempotency.once import KeyTaken, Receipt
from common.storage.cursors import Place
from common.storage.mongo import ensure_index
from common.storage.ports import Database, Document
from common.storage.stores import mongo_store
from common.times import utc_now
from executor.domain.files.file import FileKind, NewFile, Origin, StoredFile

_COUNTED = 10_000
_ORDER = [("created_at", 1), ("_id", 1)]
_NEWEST_FIRST = [("created_at", -1), ("_id", -1)]
_LISTS = {
    "list_of_all": ("workspace_id",),
    "list_of_kind": ("workspace_id", "kind"),
    "list_of_job": ("workspace_id", "job_id"),
    "list_of_name": ("workspace_id", "job_id", "name"),
}
"""The filters of lists; each index has the files in a list's order."""
_WHOLE = {"state": "whole"}


async def indexes(database: Database) -> None:
    """Make the indexes of files: for each list, and for the sweep."""
    files = database["files"]
    for name, filters in _LISTS.items():
        keys = [(field, 1) for field in filters]
        await ensure_index(files, [*keys, *_ORDER], name=name, partialFilterExpression=_WHOLE)
    await ensure_index(
        files,
        [("unfinished", 1), ("since", 1)],
        name="sweep",
        partialFilterExpression={"unfinished": True},
    )
    await receipts.indexes(files)


@dataclass(frozen=True, slots=True)
class Remnant:
    """Fulfils `Unfinished`."""

    file_id: str
    workspace_id: str
    content: str
    size: int | None


@mongo_store
class MongoFileRecords:
    """Fulfils `FileRecords`."""

    def __init__(self, database: Database) -> None:
        self._files = database["files"]
        self._receipts = receipts.MongoReceipts(self._files)

    async def receipt(self, key: str, now: datetime) -> Receipt | None:
        return await self._receipts.receipt(key, now)

    async def forget(self, now: datetime) -> None:
        await self._receipts.forget(now)

    async def begin(self, new: NewFile, content: str) -> StoredFile | Remnant | None:
        begun = _document_of(new, content)
        try:
            await self._files.insert_one(begun)
        except DuplicateKeyError:
            return await self._take_over(new, begun)
        return None

    async def _take_over(self, new: NewFile, begun: Document) -> StoredFile | Remnant | None:
        found = await self._files.find_one({"_id": new.file_id, **_WHOLE})
        if found is not None:
            return _file_of(found)
        earlier = await self._files.find_one_and_update(
            {"_id": new.file_id, "state": {"$in": ["put", "doomed"]}},
            {
                "$set": {name: held for name, held in begun.items() if name != "_id"},
                "$unset": dict.fromkeys(("size", "sha256", "media_type"), ""),
            },
        )
        if earlier is None:  # it was finished or removed just now
            return await self.begin(new, begun["content"])
        return _remnant_of(earlier)

    async def publish(self, file: StoredFile, receipt: Receipt | None) -> bool:
        whole = {
            "state": "whole",
            "size": file.size,
            "sha256": file.sha256,
            "media_type": file.media_type,
            **receipts.receipt_field(receipt),
        }
        query = {"_id": file.file_id, "content": file.content, "state": "put"}
        change = {"$set": whole, "$unset": {"unfinished": "", "since": ""}}
        try:
            done = await self._files.update_one(query, change)
        except DuplicateKeyError:
            raise KeyTaken from None
        return done.matched_count == 1

    async def find(self, workspace_id: str, file_id: str) -> StoredFile | None:
        query = {"_id": file_id, "workspace_id": workspace_id, **_WHOLE}
        found = await self._files.find_one(query, receipts.WITHOUT)
        return None if found is None else _file_of(found)

    async def find_all(self, workspace_id: str, file_ids: Sequence[str]) -> Sequence[StoredFile]:
        query = {"_id": {"$in": list(file_ids)}, "workspace_id": workspace_id, **_WHOLE}
        found = await self._files.find(query, receipts.WITHOUT).to_list()
        return [_file_of(document) for document in found]

    async def newest(self, workspace_id: str, name: str, job_id: str | None) -> StoredFile | None:
        query = {"workspace_id": workspace_id, "job_id": job_id, "name": name, **_WHOLE}
        found = await self._files.find(query).sort(_NEWEST_FIRST).limit(1).to_list()
        return _file_of(found[0]) if found else None

    async def page(
        self,
        workspace_id: str,
        *,
        kind: FileKind | None,
        job_id: str | None,
        skip: int,
        limit: int,
        before: Place | None,
    ) -> Sequence[StoredFile]:
        query = _of_list(workspace_id, kind, job_id)
        most = skip + limit
        if before is None:
            rows = await self._next(query, most)
        else:
            moment, last = before
            rows = await self._next({**query, "created_at": moment, "_id": {"$lt": last}}, most)
            if len(rows) < most:
                older = {**query, "created_at": {"$lt": moment}}
                rows += await self._next(older, most - len(rows))
        return [_file_of(row) for row in rows[skip:]]

    async def _next(self, query: Document, most: int) -> list[Document]:
        return await self._files.find(query).sort(_NEWEST_FIRST).limit(most).to_list()

    async def count(self, workspace_id: str, *, kind: FileKind | None, job_id: str | None) -> int:
        return await self._files.count_documents(
            _of_list(workspace_id, kind, job_id), limit=_COUNTED
        )

    async def doom(self, workspace_id: str, file_id: str) -> Remnant | None:
        query = {"_id": file_id, "workspace_id": workspace_id, **_WHOLE}
        found = await self._files.find_one_and_update(query, _doom())
        return None if found is None else _remnant_of(found)

    async def give_up(self, file_id: str, content: str) -> bool:
        query = {"_id": file_id, "content": content, "state": "put"}
        return (await self._files.update_one(query, _doom())).matched_count == 1

    async def erase(self, file_id: str, content: str) -> None:
        await self._files.delete_one({"_id": file_id, "content": content, "state": "doomed"})

    async def take_unfinished(self, before: datetime, limit: int) -> Sequence[Remnant]:
        query = {"unfinished": True, "since": {"$lt": before}}
        left: list[Remnant] = []
        for row in await self._files.find(query).limit(limit).to_list():
            same = {"_id": row["_id"], "content": row["content"], "state": row["state"]}
            if row["state"] == "doomed" or (
                (await self._files.update_one(same, _doom())).matched_count
            ):
                left.append(_remnant_of(row))
        return left


def _doom() -> Document:
    return {
        "$set": {"state": "doomed", "unfinished": True, "since": utc_now()},
        "$unset": {receipts.FIELD: ""},
    }


def _of_list(workspace_id: str, kind: FileKind | None, job_id: str | None) -> Document:
    """Return the filter of a list; there is an index for each."""
    query: Document = {"workspace_id": workspace_id, **_WHOLE}
    if job_id is not None:
        return {**query, "job_id": job_id}
    return query if kind is None else {**query, "kind": kind}


def _document_of(new: NewFile, content: str) -> Document:
    origin = new.origin
    return {
        "_id": new.file_id,
        "workspace_id": new.workspace_id,
        "kind": new.kind,
        "name": new.name,
        "created_at": new.created_at,
        "created_by": new.created_by,
        "content": content,
        "state": "put",
        "unfinished": True,
        "since": utc_now(),
        "job_id": None if origin is None else origin.job_id,
        **_origin_fields(origin),
    }


def _origin_fields(origin: Origin | None) -> Document:
    if origin is None:
        return {}
    return {"task_id": origin.task_id, "call": origin.call, "part": origin.part}


def _file_of(row: Document) -> StoredFile:
    return StoredFile(
        file_id=row["_id"],
        workspace_id=row["workspace_id"],
        name=row["name"],
        created_at=row["created_at"],
        created_by=row["created_by"],
        media_type=row["media_type"],
        size=row["size"],
        sha256=row["sha256"],
        content=row["content"],
        origin=_origin_of(row),
    )


def _origin_of(row: Document) -> Origin | None:
    if row["job_id"] is None:
        return None
    return Origin(row["job_id"], row["task_id"], row["call"], row["part"])


def _remnant_of(row: dict[str, Any]) -> Remnant:
    return Remnant(row["_id"], row["workspace_id"], row["content"], row.get("size"))
