"""Idempotency receipts of executions: entries of a collection of their own, found by the key.

With a unique index on the executions' keys, they could not be sharded by job, and finding a key would query
every shard. So an entry is written before its job and contains the job's id. It has no effect until that job
exists; until then, a request with the same key and body stores the job under the same id. If two do so, only
one succeeds, since ids are unique. See docs/adr/0021-receipts-of-executions.md.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from pymongo.errors import DuplicateKeyError

from common.idempotency.once import KEPT_FOR, Receipt
from common.process.backoff import Backoff
from common.storage.mongo import ensure_index
from common.storage.ports import Database, Document

_BACKOFF = Backoff((0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0))
"""Seconds between checks whether a concurrent request has stored its job."""


@dataclass(frozen=True, slots=True)
class Named:
    """The job of a request. `own` says that this request was the first to name it.

    `pinned` is how far the log goes that the job copies, for one that copies another's.
    """

    job_id: str
    own: bool
    pinned: int = 0


class MongoReceiptBook:
    """The collection `receipts`."""

    def __init__(self, database: Database) -> None:
        self._receipts = database["receipts"]
        self._executions = database["executions"]

    async def receipt(self, key: str, now: datetime) -> Receipt | None:
        """Return the receipt of a request whose job exists; remove it if it has expired."""
        entry = await self._receipts.find_one({"_id": key})
        if entry is None:
            return None
        if entry["until"] <= now:
            await self._run_out(entry)
            return None
        if not await self._stored(entry["job_id"]):
            return None
        return Receipt(key, entry["body"], bytes(entry["answer"]), entry["until"])

    async def forget(self, now: datetime) -> None:
        """Remove the expired entries."""
        await self._receipts.delete_many({"until": {"$lte": now}})

    async def name(self, receipt: Receipt, job_id: str, pinned: int = 0) -> Named | None:
        """Enter `receipt` for `job_id`, or return the job that an earlier request entered for the key.

        Returns None if that job exists, or if the key came with a different body.
        """
        while True:
            entry = await self._enter(
                _entry(receipt, job_id) | ({"pinned": pinned} if pinned else {})
            )
            if entry is None:
                return Named(job_id, own=True, pinned=pinned)
            if entry["until"] > receipt.until - KEPT_FOR:
                break
            await self._run_out(entry)
        if entry["body"] != receipt.body or await self._soon_stored(entry["job_id"]):
            return None
        return Named(entry["job_id"], own=False, pinned=entry.get("pinned", 0))

    async def withdraw(self, receipt: Receipt, job_id: str) -> None:
        """Remove the entry of a job that cannot be stored."""
        await self._receipts.delete_one({"_id": receipt.key, "job_id": job_id})

    async def _run_out(self, entry: Document) -> None:
        await self._receipts.delete_one({"_id": entry["_id"], "until": entry["until"]})

    async def _enter(self, entry: Document) -> Document | None:
        """Insert `entry` and return None, or return the existing entry."""
        while True:
            try:
                await self._receipts.insert_one(entry)
            except DuplicateKeyError:
                found = await self._receipts.find_one({"_id": entry["_id"]})
                if found is not None:  # else it was swept just now
                    return found
            else:
                return None

    async def _soon_stored(self, job_id: str) -> bool:
        for pause in _BACKOFF.steps:
            if await self._stored(job_id):
                return True
            await asyncio.sleep(pause)
        return await self._stored(job_id)

    async def _stored(self, job_id: str) -> bool:
        return await self._executions.find_one({"_id": job_id}, {"_id": 1}) is not None


async def indexes(database: Database) -> None:
    """Make the index that the sweep needs. The keys are the documents' ids."""
    await ensure_index(database["receipts"], "until")


def _entry(receipt: Receipt, job_id: str) -> Document:
    return {
        "_id": receipt.key,
        "job_id": job_id,
        "body": receipt.body,
        "answer": receipt.answer,
        "until": receipt.until,
    }


async def move_receipts(database: Database) -> None:
    """Move receipts from the executions' documents to their own collection; drop the old indexes."""
    await indexes(database)
    executions = database["executions"]
    known = await executions.index_information()
    if "idempotency.key_1" not in known:
        return
    async for row in executions.find({"idempotency.until": {"$exists": True}}, {"idempotency": 1}):
        for kept in row["idempotency"]:
            receipt = Receipt(kept["key"], kept["body"], bytes(kept["answer"]), kept["until"])
            entry = _entry(receipt, row["_id"])
            await database["receipts"].replace_one({"_id": receipt.key}, entry, upsert=True)
    for name in {"idempotency.key_1", "idempotency.until_1"} & known.keys():
        await executions.drop_index(name)
