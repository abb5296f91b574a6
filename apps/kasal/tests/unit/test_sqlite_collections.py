"""The methods of a collection that stores use, with PyMongo's results and exceptions."""

from datetime import UTC, datetime

import pytest
from pymongo import IndexModel, InsertOne, ReturnDocument, UpdateOne
from pymongo.errors import (
    BulkWriteError,
    DocumentTooLarge,
    DuplicateKeyError,
    OperationFailure,
    WriteError,
)

from executor.store.reach import is_too_large
from kasal_platform.embedded.sqlite.client import SqliteClient


@pytest.fixture
async def database(tmp_path):
    async with SqliteClient(tmp_path) as client:
        yield client["kasal_things"]


async def test_what_is_inserted_is_found_as_bson_keeps_it(database) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
    document = {"_id": "a", "at": moment, "blob": b"x", "list": (1, 2)}
    done = await database["things"].insert_one(document)
    found = await database["things"].find_one({"_id": "a"})
    assert done.inserted_id == "a"
    assert found == {
        "_id": "a",
        "at": moment.replace(microsecond=678_000),
        "blob": b"x",
        "list": [1, 2],
    }


async def test_a_document_without_an_id_gets_one(database) -> None:
    document: dict[str, object] = {"n": 1}
    done = await database["things"].insert_one(document)
    assert document["_id"] == done.inserted_id
    assert await database["things"].find_one({"n": 1}) == document


async def test_a_second_id_is_refused_with_mongodbs_details(database) -> None:
    await database["things"].insert_one({"_id": "a"})
    with pytest.raises(DuplicateKeyError) as raised:
        await database["things"].insert_one({"_id": "a"})
    assert raised.value.code == 11_000
    assert raised.value.details == {
        "index": 0,
        "code": 11_000,
        "errmsg": "E11000 duplicate key error collection: kasal_things.things index: _id_"
        ' dup key: { _id: "a" }',
        "keyPattern": {"_id": 1},
        "keyValue": {"_id": "a"},
    }


async def test_a_unique_index_refuses_and_nothing_of_the_write_remains(database) -> None:
    things = database["things"]
    await things.create_indexes([IndexModel("other"), IndexModel("entries.id", unique=True)])
    await things.insert_one({"_id": 1, "other": "x", "entries": [{"id": "a"}, {"id": "b"}]})
    with pytest.raises(DuplicateKeyError) as raised:
        await things.insert_one({"_id": 2, "other": "y", "entries": [{"id": "c"}, {"id": "b"}]})
    assert raised.value.details is not None
    assert raised.value.details["keyValue"] == {"entries.id": "b"}
    assert await things.count_documents({"other": "y"}) == 0
    await things.insert_one({"_id": 2, "other": "y", "entries": [{"id": "c"}]})
    with pytest.raises(DuplicateKeyError):
        await things.update_one({"_id": 2}, {"$set": {"other": "z", "entries": [{"id": "a"}]}})
    assert await things.find_one({"other": "y"}) == {
        "_id": 2,
        "other": "y",
        "entries": [{"id": "c"}],
    }
    assert await things.find_one({"entries.id": "a"}, {"_id": 1}) == {"_id": 1}


async def test_many_are_inserted_but_for_those_that_cannot_be(database) -> None:
    things = database["things"]
    await things.insert_one({"_id": 1})
    with pytest.raises(BulkWriteError) as raised:
        await things.insert_many([{"_id": 0}, {"_id": 1}, {"_id": 2}], ordered=False)
    (error,) = raised.value.details["writeErrors"]
    assert (error["index"], error["code"], error["keyPattern"]) == (1, 11_000, {"_id": 1})
    assert raised.value.details["nInserted"] == 2
    with pytest.raises(BulkWriteError) as raised:
        await things.insert_many([{"_id": 3}, {"_id": 1}, {"_id": 4}])
    assert raised.value.details["nInserted"] == 1
    assert await things.count_documents({}) == 4


async def test_find_sorts_skips_limits_and_projects(database) -> None:
    things = database["things"]
    await things.create_index([("kind", 1), ("n", 1)])
    await things.insert_many([{"_id": n, "kind": n % 2, "n": -n, "x": n} for n in range(10)])
    by_index = things.find({"kind": 1}, {"n": 1}).sort([("n", 1)]).skip(1).limit(2)
    assert await by_index.to_list() == [{"_id": 7, "n": -7}, {"_id": 5, "n": -5}]
    backwards = things.find({"kind": {"$in": [0, 1]}}).sort("n", -1).limit(3)
    assert [one["_id"] async for one in backwards] == [0, 1, 2]
    in_memory = things.find({"kind": 0}, {"_id": 1}).sort("x", -1).limit(2)
    assert await in_memory.to_list() == [{"_id": 8}, {"_id": 6}]
    assert await things.find_one({}, sort=[("n", 1)]) == {"_id": 9, "kind": 1, "n": -9, "x": 9}


async def test_a_cursor_reads_in_batches_and_may_be_left(database) -> None:
    things = database["things"]
    await things.insert_many([{"_id": n} for n in range(1_000)])
    seen = []
    async with things.find({}).batch_size(10) as cursor:
        async for one in cursor:
            seen.append(one["_id"])
            if len(seen) == 25:
                break
    assert seen == list(range(25))
    assert len(await things.find({}).to_list()) == 1_000


async def test_an_update_says_what_it_did(database) -> None:
    things = database["things"]
    await things.insert_one({"_id": 1, "n": 1})
    changed = await things.update_one({"_id": 1, "n": 1}, {"$inc": {"n": 1}})
    same = await things.update_one({"_id": 1}, {"$set": {"n": 2}})
    missed = await things.update_one({"_id": 1, "n": 1}, {"$set": {"n": 9}})
    made = await things.update_one({"_id": 2}, {"$setOnInsert": {"n": 5}}, upsert=True)
    assert (changed.matched_count, changed.modified_count) == (1, 1)
    assert (same.matched_count, same.modified_count) == (1, 0)
    assert (missed.matched_count, missed.upserted_id) == (0, None)
    assert (made.matched_count, made.upserted_id) == (0, 2)
    assert await things.find({}).to_list() == [{"_id": 1, "n": 2}, {"_id": 2, "n": 5}]


async def test_many_are_updated_and_deleted(database) -> None:
    things = database["things"]
    await things.create_index("n")
    await things.insert_many([{"_id": n, "n": n} for n in range(700)])
    done = await things.update_many({"n": {"$lt": 600}}, {"$inc": {"n": 10}})
    assert (done.matched_count, done.modified_count) == (600, 600)
    assert await things.count_documents({"n": {"$gte": 600}}) == 110
    assert (await things.delete_many({"n": {"$gte": 300}})).deleted_count == 410
    assert await things.count_documents({}) == 290
    assert (await things.delete_one({"_id": 0})).deleted_count == 1
    assert (await things.delete_one({"_id": 0})).deleted_count == 0


async def test_replace_and_find_and_update(database) -> None:
    things = database["things"]
    made = await things.replace_one({"_id": "a"}, {"n": 1}, upsert=True)
    assert made.upserted_id == "a"
    assert (await things.replace_one({"_id": "a"}, {"m": 2})).matched_count == 1
    before = await things.find_one_and_update({"_id": "a"}, {"$set": {"m": 3}})
    after = await things.find_one_and_update(
        {"_id": "b"},
        {"$inc": {"m": 1}},
        {"m": 1},
        upsert=True,
        return_document=ReturnDocument.AFTER,
    )
    assert before == {"_id": "a", "m": 2}
    assert after == {"_id": "b", "m": 1}


async def test_a_bulk_writes_all_that_it_can(database) -> None:
    things = database["things"]
    await things.insert_one({"_id": 1, "n": 1})
    done = await things.bulk_write(
        [
            UpdateOne({"_id": 1}, {"$inc": {"n": 1}}),
            UpdateOne({"_id": 2}, {"$set": {"n": 7}}, upsert=True),
            UpdateOne({"_id": 3}, {"$set": {"n": 7}}),
        ],
        ordered=False,
    )
    assert (done.matched_count, done.modified_count, done.upserted_count) == (1, 1, 1)
    with pytest.raises(BulkWriteError) as raised:
        await things.bulk_write([InsertOne({"_id": 1}), InsertOne({"_id": 4})], ordered=False)
    assert [error["index"] for error in raised.value.details["writeErrors"]] == [0]
    assert raised.value.details["nInserted"] == 1


async def test_distinct_and_count(database) -> None:
    things = database["things"]
    await things.create_index([("open", 1), ("owner", 1)])
    rows = [{"_id": n, "open": True, "owner": f"w{n % 3}"} for n in range(30)]
    await things.insert_many([*rows, {"_id": 98, "open": True}, {"_id": 99, "open": False}])
    assert await things.distinct("owner", {"open": True}) == ["w0", "w1", "w2"]
    assert await things.distinct("owner", {"open": True, "owner": {"$ne": "w1"}}) == ["w0", "w2"]
    assert await things.distinct("owner", {"_id": {"$lt": 2}}) == ["w0", "w1"]
    assert await things.count_documents({"open": True}, limit=5) == 5
    assert await things.count_documents({"open": True}) == 31


async def test_indexes_are_told_and_kept(database) -> None:
    things = database["things"]
    assert await things.index_information() == {}
    partial = IndexModel("n", name="some", partialFilterExpression={"n": {"$exists": True}})
    await things.create_indexes([partial])
    await things.create_indexes([partial])  # it is there
    told = await things.index_information()
    assert told["some"]["key"] == [("n", 1)]
    assert told["some"]["partialFilterExpression"] == {"n": {"$exists": True}}
    await things.drop_index("some")
    assert list(await things.index_information()) == ["_id_"]
    with pytest.raises(OperationFailure, match="index not found"):
        await things.drop_index("some")


async def test_a_unique_index_is_not_made_over_what_is_there_twice(database) -> None:
    things = database["things"]
    await things.insert_many([{"_id": 1, "n": 1}, {"_id": 2, "n": 1}])
    with pytest.raises(DuplicateKeyError):
        await things.create_index("n", unique=True)
    assert list(await things.index_information()) == ["_id_"]
    await things.delete_one({"_id": 2})
    await things.create_index("n", unique=True)
    with pytest.raises(DuplicateKeyError):
        await things.insert_one({"_id": 3, "n": 1})


async def test_what_is_not_known_is_refused(database) -> None:
    things = database["things"]
    await things.insert_one({"_id": 1})
    with pytest.raises(OperationFailure):
        await things.create_index("n", collation={"locale": "en"})
    with pytest.raises(OperationFailure):
        await things.create_index([("n", "text")])
    with pytest.raises(OperationFailure):
        await things.bulk_write([UpdateOne({}, {"$set": {"n": 1}}, hint="n_1")])
    with pytest.raises(OperationFailure):
        await things.find_one({"$where": "1"})
    with pytest.raises(ValueError, match="only works with"):
        await things.update_one({"_id": 1}, {"n": 1})
    with pytest.raises(OperationFailure):
        await database.command("serverStatus")


async def test_a_document_that_is_too_large_is_refused_as_mongodb_does(database) -> None:
    things = database["things"]
    with pytest.raises(DocumentTooLarge):
        await things.insert_one({"_id": 1, "x": b"x" * (16 * 1024 * 1024)})
    rows = [{"_id": 0}, {"_id": 1, "x": b"x" * (16 * 1024 * 1024)}, {"_id": 2}]
    with pytest.raises(BulkWriteError) as many:
        await things.insert_many(rows, ordered=False)
    assert [is_too_large(one["code"]) for one in many.value.details["writeErrors"]] == [True]
    await things.insert_one({"_id": 1, "x": b"x" * (15 * 1024 * 1024)})
    with pytest.raises(WriteError) as raised:
        await things.update_one({"_id": 1}, {"$set": {"y": b"x" * (2 * 1024 * 1024)}})
    assert is_too_large(raised.value.code)
    assert set(await things.find_one({"_id": 1})) == {"_id", "x"}


async def test_what_was_written_is_there_after_a_restart(tmp_path) -> None:
    async with SqliteClient(tmp_path) as client:
        things = client["kasal_things"]["things"]
        await things.create_index("n", unique=True)
        await things.insert_many([{"_id": n, "n": n} for n in range(10)])
    async with SqliteClient(tmp_path) as client:
        things = client["kasal_things"]["things"]
        assert await things.count_documents({"n": {"$gte": 5}}) == 5
        with pytest.raises(DuplicateKeyError):
            await things.insert_one({"_id": "x", "n": 3})
        assert await client["kasal_things"].list_collection_names() == ["things"]


def nested(levels: int) -> dict[str, object]:
    document: dict[str, object] = {"x": 1}
    for _ in range(levels - 1):
        document = {"x": document}
    return document


async def test_a_document_that_is_nested_too_deep_is_refused(database) -> None:
    things = database["things"]
    await things.insert_one({"_id": 1, **nested(100)})
    for levels in (101, 5_000):
        with pytest.raises(OperationFailure, match="levels of nesting"):
            await things.insert_one({"_id": 2, **nested(levels)})
    path = ".".join(["x"] * 99)
    await things.update_one({"_id": 2}, {"$set": {path: 1}}, upsert=True)
    for change in ({f"{path}.x.x": 1}, {f"{path}": nested(2)}):
        with pytest.raises(OperationFailure, match="levels of nesting"):
            await things.update_one({"_id": 2}, {"$set": change})
    assert await things.find_one({"_id": 2}, {"_id": 1}) == {"_id": 2}
