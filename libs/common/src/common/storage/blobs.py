"""Files too large for documents: put as a stream, read by range, listed and deleted.

They lie in a service's database in the layout of GridFS, in the collections `blobs.files` and `blobs.chunks`
(https://github.com/mongodb/specifications/blob/master/source/gridfs/gridfs-spec.md), so that MongoDB's own
tools can read them. One piece is in memory at a time. `metadata.state` in a file's document says whether it
is being `put`, is `whole`, or is `doomed`: only whole ones can be seen. docs/adr/0061-blobs.md has the reasons.
"""

import asyncio
import contextlib
import hashlib
import re
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bson import Binary
from pymongo.errors import DuplicateKeyError

from common.errors import (
    Conflict,
    InternalError,
    KasalError,
    NotFound,
    PayloadTooLarge,
    Unavailable,
)
from common.ids import new_id
from common.logs import get_logger
from common.storage.mongo import ensure_index
from common.storage.ports import Database, Document
from common.storage.stores import mongo_errors, mongo_store
from common.times import utc_now

log = get_logger(__name__)

PIECE = 255 * 1024
"""Bytes of a piece: with its id, it fits into a power of two, as GridFS' own do."""
ABANDONED_AFTER = timedelta(days=1)
"""After this time without an end, a put is taken for dead, and its pieces are removed."""
MOST_LISTED = 1_000
_DELETED_TOGETHER = 64
"""Pieces that one write deletes, so that other writes need not wait for long."""
_SWEPT_TOGETHER = 100
_TURN = 256
"""Parts of a source after which other tasks get a turn, however small the parts are."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,255}")
_AFTER_ALL_NAMES = "\x7f"
_STATE = "metadata.state"
_OWNER = "metadata.owner"


class BlobGone(NotFound):
    """The blob was deleted while it was read."""


@dataclass(frozen=True, slots=True)
class Blob:
    """A whole blob: what is known about it, and the handle by which it is read."""

    id: str
    owner: str
    name: str
    size: int
    sha256: str
    created_at: datetime
    piece: int = PIECE


async def indexes(database: Database) -> None:
    """Create the indexes that `Blobs` needs. A service that keeps blobs calls it for its schema."""
    files = database["blobs.files"]
    await ensure_index(
        files,
        [(_OWNER, 1), ("filename", 1)],
        name="owner_1_name_1",
        unique=True,
        partialFilterExpression={_STATE: "whole"},
    )
    await ensure_index(files, [(_STATE, 1), ("uploadDate", 1)], name="state_1_begun_1")
    pieces = [("files_id", 1), ("n", 1)]
    await ensure_index(database["blobs.chunks"], pieces, name="files_id_1_n_1", unique=True)


@mongo_store
class Blobs:
    """The blobs in a database. An owner's names are unique, and a blob never changes.

    A name is one to 256 letters, digits, `.`, `_`, `-` and `/`. Every method raises `DatabaseUnavailable`
    when the database does not answer.
    """

    def __init__(self, database: Database) -> None:
        self._files = database["blobs.files"]
        self._pieces = database["blobs.chunks"]

    async def put(self, owner: str, name: str, source: AsyncIterable[bytes], *, limit: int) -> Blob:
        """Store what `source` yields, at most `limit` bytes, and return the blob.

        Nobody sees it before it is whole. Whatever `source` raises is raised again, and nothing stays.
        Raises `PayloadTooLarge` beyond the limit, `Conflict` if the owner has another blob of that name,
        and `Unavailable` if it took so long that a sweep has removed it.
        """
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of a blob")
        began = Blob(new_id("blob"), owner, name, 0, "", utc_now())
        await self._files.insert_one(_document_of(began, "put"))
        try:
            size, sha256 = await self._write(began.id, source, limit)
            return await self._publish(Blob(began.id, owner, name, size, sha256, utc_now()))
        except BaseException:
            await self._discard(began.id)
            raise

    async def stat(self, owner: str, name: str) -> Blob:
        """Return the blob. Raises `NotFound`."""
        found = await self._files.find_one(_whole(owner, name))
        if found is None:
            raise NotFound(f"There is no blob {name}.")
        return _blob_of(found)

    async def read(
        self, blob: Blob, start: int = 0, stop: int | None = None
    ) -> AsyncIterator[bytes]:
        """Yield the bytes from `start` up to `stop`, by default to the end, a piece at a time.

        Raises `BlobGone` if it is deleted meanwhile, and `InternalError` if its pieces are damaged. Of a blob
        that is read as a whole, the last piece comes only if the checksum is right.
        """
        end = blob.size if stop is None else min(stop, blob.size)
        if start < 0:
            raise ValueError("a blob is read from 0 on")
        digest = hashlib.sha256() if (start, end) == (0, blob.size) else None
        for number in range(start // blob.piece, -(-end // blob.piece)):
            data = await self._piece(blob, number)
            if digest is not None:
                digest.update(data)
                if (number + 1) * blob.piece >= end and digest.hexdigest() != blob.sha256:
                    raise _damage(blob)
            offset = number * blob.piece
            yield data[max(start - offset, 0) : end - offset]

    async def list(
        self, owner: str, prefix: str = "", *, after: str = "", limit: int = 100
    ) -> Sequence[Blob]:
        """Return blobs of an owner whose names begin with `prefix`, in their order, behind the name `after`.

        They are at most `limit`, and never more than `MOST_LISTED`.
        """
        names = {"$gte": prefix, "$gt": after, "$lt": prefix + _AFTER_ALL_NAMES}
        query = {_OWNER: owner, _STATE: "whole", "filename": names}
        found = self._files.find(query).sort("filename", 1).limit(max(1, min(limit, MOST_LISTED)))
        return [_blob_of(document) for document in await found.to_list()]

    async def delete(self, owner: str, name: str) -> bool:
        """Delete the blob, which nobody sees from now on; return whether there was one.

        If the process dies meanwhile, a sweep removes the rest.
        """
        doom = {"$set": {_STATE: "doomed"}}
        found = await self._files.find_one_and_update(_whole(owner, name), doom)
        if found is not None:
            await self._remove(found["_id"])
        return found is not None

    async def sweep(self, begun_before: datetime | None = None) -> int:
        """Remove what dead processes have left: puts that began before, and what they were deleting.

        By default, puts are taken for dead after `ABANDONED_AFTER`. Returns how many were removed, at most
        a hundred.
        """
        before = begun_before or utc_now() - ABANDONED_AFTER
        removed = 0
        for query in ({_STATE: "put", "uploadDate": {"$lt": before}}, {_STATE: "doomed"}):
            found = self._files.find(query, {"_id": 1}).limit(_SWEPT_TOGETHER - removed)
            for document in await found.to_list():
                removed += await self._doom(document["_id"])
        return removed

    async def _write(
        self, blob_id: str, source: AsyncIterable[bytes], limit: int
    ) -> tuple[int, str]:
        digest, size = hashlib.sha256(), 0
        async with contextlib.aclosing(_in_pieces(source, limit)) as pieces:
            async for piece in pieces:
                digest.update(piece)
                number = size // PIECE
                await self._pieces.insert_one(
                    {"files_id": blob_id, "n": number, "data": Binary(piece)}
                )
                size += len(piece)
        return size, digest.hexdigest()

    async def _publish(self, blob: Blob) -> Blob:
        whole = _document_of(blob, "whole")
        del whole["_id"]
        try:
            done = await self._files.update_one({"_id": blob.id, _STATE: "put"}, {"$set": whole})
        except DuplicateKeyError:
            raise Conflict(f"There is a blob {blob.name} already.") from None
        if not done.matched_count:
            await self._remove(blob.id)  # what was written since it was swept
            raise Unavailable(f"Storing {blob.name} took too long: try again.")
        return blob

    async def _discard(self, blob_id: str) -> None:
        """Remove what a failed put has left, unless it was published after all."""
        try:
            with mongo_errors():
                await self._doom(blob_id)
        except KasalError as fault:
            log.warning("a blob's pieces are left to the sweep", blob=blob_id, reason=str(fault))

    async def _doom(self, blob_id: str) -> bool:
        """Remove a blob unless it is whole, and return whether it was there."""
        query = {"_id": blob_id, _STATE: {"$in": ["put", "doomed"]}}
        done = await self._files.update_one(query, {"$set": {_STATE: "doomed"}})
        if done.matched_count:
            await self._remove(blob_id)
        return done.matched_count == 1

    async def _remove(self, blob_id: str) -> None:
        first = 0
        while True:
            some = {"files_id": blob_id, "n": {"$gte": first, "$lt": first + _DELETED_TOGETHER}}
            done = await self._pieces.delete_many(some)
            if done.deleted_count < _DELETED_TOGETHER:
                break
            first += _DELETED_TOGETHER
        await self._files.delete_one({"_id": blob_id})

    async def _piece(self, blob: Blob, number: int) -> bytes:
        query = {"files_id": blob.id, "n": number}
        with mongo_errors():
            found = await self._pieces.find_one(query, {"data": 1})
            if found is not None:
                data = bytes(found["data"])
                if len(data) == min(blob.piece, blob.size - number * blob.piece):
                    return data
            if await self._files.find_one({"_id": blob.id, _STATE: "whole"}, {"_id": 1}):
                raise _damage(blob)
        raise BlobGone(f"The blob {blob.name} was deleted while it was read.")


async def _in_pieces(source: AsyncIterable[bytes], limit: int) -> AsyncGenerator[bytes]:
    """Yield what `source` yields in pieces of `PIECE` bytes. Raises `PayloadTooLarge`."""
    size, parts, held = 0, 0, bytearray()
    async for part in source:
        size, parts = size + len(part), parts + 1
        if size > limit:
            raise PayloadTooLarge(f"It is larger than {limit:,} bytes.")
        rest = memoryview(part)
        while rest:
            taken = rest[: PIECE - len(held)]
            held += taken
            rest = rest[len(taken) :]
            if len(held) == PIECE:
                yield bytes(held)
                held.clear()
        if parts % _TURN == 0:
            await asyncio.sleep(0)
    if held:
        yield bytes(held)


def _whole(owner: str, name: str) -> Document:
    return {_OWNER: owner, "filename": name, _STATE: "whole"}


def _document_of(blob: Blob, state: str) -> Document:
    return {
        "_id": blob.id,
        "filename": blob.name,
        "length": blob.size,
        "chunkSize": blob.piece,
        "uploadDate": blob.created_at,
        "metadata": {"owner": blob.owner, "state": state, "sha256": blob.sha256},
    }


def _blob_of(document: Document) -> Blob:
    return Blob(
        id=document["_id"],
        owner=document["metadata"]["owner"],
        name=document["filename"],
        size=document["length"],
        sha256=document["metadata"]["sha256"],
        created_at=document["uploadDate"],
        piece=document["chunkSize"],
    )


def _damage(blob: Blob) -> InternalError:
    log.error("a blob is damaged", blob=blob.id, owner=blob.owner, name=blob.name)
    return InternalError(f"The blob {blob.name} is damaged.")
