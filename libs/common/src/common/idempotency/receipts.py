"""Idempotency receipts in MongoDB: entries of a list in the documents that the requests created.

A receipt stays in its document for 24 hours. A TTL index would delete the whole document, so expired
receipts are removed by whoever finds them, and by a sweep.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Any

from common.idempotency.once import Receipt, Receipts
from common.logs import get_logger
from common.process.background import Background
from common.storage.mongo import ensure_index
from common.storage.ports import Collection, Document
from common.times import utc_now

log = get_logger(__name__)

FIELD = "idempotency"
WITHOUT = {FIELD: 0}
"""Projection that leaves out the receipts."""
MOST = 1_000
"""The most receipts in one document; beyond that, the oldest is dropped early."""
_SWEEP_EVERY = 600.0
"""Seconds. Expired receipts are ignored until they are swept."""


class MongoReceipts:
    """The receipts in the documents of one collection. Fulfils `Receipts`."""

    def __init__(self, collection: Collection) -> None:
        self._documents = collection

    async def receipt(self, key: str, now: datetime) -> Receipt | None:
        found = await self._documents.find_one({f"{FIELD}.key": key}, {FIELD: 1})
        for entry in found[FIELD] if found else ():
            if entry["key"] == key and entry["until"] > now:
                return Receipt(**{**entry, "answer": bytes(entry["answer"])})
        if found:
            await self._forget({"_id": found["_id"]}, now)
        return None

    async def forget(self, now: datetime) -> None:
        await self._forget({}, now)

    async def _forget(self, query: Document, now: datetime) -> None:
        # Remove the list with its last receipt: an empty list would be indexed, and only one could be.
        over: Document = {**query, f"{FIELD}.until": {"$lte": now}}
        none_left = {FIELD: {"$not": {"$elemMatch": {"until": {"$gt": now}}}}}
        await self._documents.update_many({**over, **none_left}, {"$unset": {FIELD: 1}})
        await self._documents.update_many(over, {"$pull": {FIELD: {"until": {"$lte": now}}}})

    async def live(self, document_id: str, now: datetime) -> list[Document]:
        """Return the entries of a document that have not expired."""
        found = await self._documents.find_one({"_id": document_id}, {FIELD: 1})
        return [entry for entry in (found or {}).get(FIELD, ()) if entry["until"] > now]


async def indexes(collection: Collection) -> None:
    """Create the indexes. They are sparse, since SecantusDB finds nothing by `$exists` in a partial one."""
    await ensure_index(collection, f"{FIELD}.key", unique=True, sparse=True)
    await ensure_index(collection, f"{FIELD}.until", sparse=True)


def receipt_field(receipt: Receipt | None) -> Document:
    """Return the field of a new document that holds its request's `receipt`."""
    return {} if receipt is None else {FIELD: [_entry(receipt)]}


def push_receipt(receipt: Receipt | None, most: int | None = None) -> Document:
    """Return the update operators that add `receipt` to a document with at most `most`, else `MOST`."""
    if receipt is None:
        return {}
    return {"$push": {FIELD: {"$each": [_entry(receipt)], "$slice": -(most or MOST)}}}


def unless_kept(receipt: Receipt | None) -> Document:
    """Return the condition that a document has no receipt with the same key."""
    return {} if receipt is None else {f"{FIELD}.key": {"$ne": receipt.key}}


def grave(live: Sequence[Document], **fields: Any) -> Document:
    """Return what remains of a deleted document while it has receipts: these, and `fields`.

    At `gone_until` it is deleted too, by a TTL index that must exist.
    """
    return {FIELD: live, "gone_until": max(entry["until"] for entry in live), **fields}


def _entry(receipt: Receipt) -> Document:
    return {
        "key": receipt.key,
        "body": receipt.body,
        "answer": receipt.answer,
        "until": receipt.until,
    }


@asynccontextmanager
async def sweeping(*stores: Receipts) -> AsyncIterator[None]:
    """Remove receipts that have run out, now and then, for as long as this is entered."""
    async with Background() as background:
        sweep = partial(_sweep, stores)
        background.repeat(sweep, every=_SWEEP_EVERY, name="sweep idempotency receipts")
        yield


async def _sweep(stores: Sequence[Receipts]) -> None:
    for store in stores:
        try:
            await store.forget(utc_now())
        except Exception:
            log.exception("idempotency receipts could not be swept; will retry")
