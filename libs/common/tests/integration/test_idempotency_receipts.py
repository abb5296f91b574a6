"""One suite for receipts in memory and in MongoDB's documents."""

import asyncio
from datetime import timedelta

import pytest
from pymongo.errors import DuplicateKeyError

from common.idempotency import receipts
from common.idempotency.once import KeyTaken, Receipt
from common.idempotency.receipts import (
    MOST,
    MongoReceipts,
    grave,
    indexes,
    push_receipt,
    receipt_field,
    unless_kept,
)
from common.storage.mongo import ensure_index
from common.times import utc_now
from devkit.stores.receipts import MemoryReceipts

NOW = utc_now()


def receipt(key, hours=24.0, answer=b'{"id": "a\\u00e9"}'):
    return Receipt(key, f"body of {key}", answer, NOW + timedelta(hours=hours))


class MemoryDocuments(MemoryReceipts):
    async def add(self, name, given=None):
        self.check_free(given)
        self.keep(given)

    async def change(self, name, given=None):
        await self.add(name, given)


class MongoDocuments(MongoReceipts):
    """What a store does with its documents' receipts, and nothing else."""

    def __init__(self, collection):
        super().__init__(collection)
        self.collection = collection

    async def add(self, name, given=None):
        try:
            await self.collection.insert_one({"_id": name, **receipt_field(given)})
        except DuplicateKeyError:
            raise KeyTaken from None

    async def change(self, name, given=None):
        query = {"_id": name, **unless_kept(given)}
        try:
            done = await self.collection.update_one(
                query, {"$set": {"x": 1}, **push_receipt(given)}
            )
        except DuplicateKeyError:
            raise KeyTaken from None
        if not done.matched_count:
            raise KeyTaken


async def stored_documents(store_database):
    documents = MongoDocuments(store_database("test")["documents"])
    await indexes(documents.collection)
    await indexes(documents.collection)
    return documents


@pytest.fixture
async def stored(store_database):
    return await stored_documents(store_database)


@pytest.fixture
async def documents(in_memory, store_database):
    return MemoryDocuments() if in_memory else await stored_documents(store_database)


async def test_a_receipt_is_read_back_as_it_was_stored(documents):
    await documents.add("a", receipt("k1"))
    await documents.add("b")
    await documents.change("b", receipt("k2"))
    await documents.change("b", receipt("k3"))
    for key in ("k1", "k2", "k3"):
        assert await documents.receipt(key, NOW) == receipt(key)
    assert await documents.receipt("k4", NOW) is None


async def test_a_key_is_taken_once_in_all_documents(documents):
    await documents.add("a", receipt("k1"))
    with pytest.raises(KeyTaken):
        await documents.add("b", receipt("k1"))
    with pytest.raises(KeyTaken):
        await documents.change("a", receipt("k1"))
    await documents.add("c")
    with pytest.raises(KeyTaken):
        await documents.change("c", receipt("k1"))
    await documents.change("c")
    await documents.add("d")


async def test_of_many_at_once_one_gets_the_key(documents):
    await documents.add("shared")

    async def attempt(number):
        try:
            if number % 2:
                await documents.add(f"d{number}", receipt("k1"))
            else:
                await documents.change("shared", receipt("k1"))
        except KeyTaken:
            return False
        return True

    assert sum(await asyncio.gather(*(attempt(number) for number in range(20)))) == 1


async def test_a_receipt_that_has_run_out_makes_room_for_a_new_one(documents):
    await documents.add("a", receipt("k1", hours=1))
    await documents.change("a", receipt("k2", hours=3))
    later = NOW + timedelta(hours=1)
    assert await documents.receipt("k1", later - timedelta(milliseconds=1)) is not None
    assert await documents.receipt("k1", later) is None
    await documents.add("b", receipt("k1"))
    assert await documents.receipt("k1", later) == receipt("k1")
    assert await documents.receipt("k2", later) == receipt("k2", hours=3)


async def test_a_document_can_take_its_own_key_again(documents):
    await documents.add("a", receipt("k1", hours=1))
    later = NOW + timedelta(hours=2)
    assert await documents.receipt("k1", later) is None
    await documents.change("a", receipt("k1"))
    assert await documents.receipt("k1", later) == receipt("k1")


async def test_a_sweep_takes_what_has_run_out_and_nothing_else(documents):
    await documents.add("a", receipt("k1", hours=1))
    await documents.change("a", receipt("k2", hours=3))
    await documents.add("b", receipt("k3", hours=1))
    await documents.forget(NOW + timedelta(hours=2))
    await documents.forget(NOW + timedelta(hours=2))
    assert await documents.receipt("k1", NOW) is None
    assert await documents.receipt("k2", NOW) == receipt("k2", hours=3)
    assert await documents.receipt("k3", NOW) is None


async def test_a_document_without_receipts_has_no_field_of_them(stored):
    await stored.add("a", receipt("k1", hours=1))
    await stored.add("b", receipt("k2", hours=1))
    await stored.change("b", receipt("k3", hours=1))
    await stored.forget(NOW + timedelta(hours=2))
    held = await stored.collection.find().to_list()
    assert held == [{"_id": "a"}, {"_id": "b", "x": 1}]


async def test_a_document_keeps_so_many_receipts_and_no_more(stored, monkeypatch):
    assert MOST >= 1_000
    monkeypatch.setattr(receipts, "MOST", 3)
    await stored.add("a")
    for number in range(5):
        await stored.change("a", receipt(f"k{number}"))
    left = [number for number in range(5) if await stored.receipt(f"k{number}", NOW)]
    assert left == [2, 3, 4]


async def test_what_is_left_of_a_deleted_document_still_holds_its_keys(stored):
    await ensure_index(stored.collection, "gone_until", expireAfterSeconds=0)
    await stored.add("a", receipt("k1", hours=1))
    await stored.change("a", receipt("k2", hours=-1))
    await stored.change("a", receipt("k3", hours=2))
    live = await stored.live("a", NOW)
    await stored.collection.replace_one({"_id": "a"}, grave(live, name="of a"))
    assert await stored.receipt("k1", NOW) == receipt("k1", hours=1)
    assert await stored.receipt("k2", NOW) is None
    with pytest.raises(KeyTaken):
        await stored.add("b", receipt("k3"))
    held = await stored.collection.find_one({"_id": "a"})
    assert held["gone_until"] == NOW + timedelta(hours=2)
    assert held["name"] == "of a"
