"""What MongoDB does at the edges and our stores rely on, by name, on the embedded store and on a server.

The server is what `KASAL_TEST_MONGO_URL` names, else SecantusDB; where that answers otherwise than MongoDB is in
`test_sqlite_deviations`.
"""

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Int64, MaxKey, MinKey, ObjectId
from pymongo import InsertOne, ReplaceOne, ReturnDocument, UpdateOne
from pymongo.errors import DuplicateKeyError, OperationFailure

from devkit.two_stores import Document, Operation, TwoStores, is_error

_NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _insert(both: TwoStores, *documents: Document) -> None:
    for number, document in enumerate(documents, start=1):
        whole = {"_id": number, **document}
        both.ask(f"insert {whole}", lambda c, d=whole: c.insert_one(dict(d)))


def _ids(both: TwoStores, query: Document, order: Any = ("_id", 1), limit: int = 0) -> list[Any]:
    """Return the ids of what both find."""
    pairs = [order] if isinstance(order, tuple) else order

    async def find(collection: Any) -> Any:
        return await collection.find(query, {"_id": 1}).sort(pairs).limit(limit).to_list()

    both.ask(f"find {query} by {pairs}", find)
    return [row["_id"] for row in both.run(find(both.ours))]


def _error(both: TwoStores, operation: Operation) -> Any:
    """Return the error of our store, which the other one has too."""
    assert is_error(both.ask("an error", operation))
    with pytest.raises(OperationFailure) as raised:
        both.run(operation(both.ours))
    return raised.value


def test_missing_against_null(both: TwoStores) -> None:
    _insert(
        both, {}, {"a": None}, {"a": 0}, {"a": []}, {"a": [None]}, {"a": {}}, {"a": {"b": None}}
    )
    assert _ids(both, {"a": None}) == [1, 2, 5]
    assert _ids(both, {"a": {"$ne": None}}) == [3, 4, 6, 7]
    assert _ids(both, {"a": {"$in": [None, 0]}}) == [1, 2, 3, 5]
    assert _ids(both, {"a": {"$eq": None, "$exists": True}}) == [2, 5]
    assert _ids(both, {"a": {"$exists": False}}) == [1]
    assert _ids(both, {"a": {"$gte": None}}) == [1, 2, 5]
    assert _ids(both, {"a": {"$gt": None}}) == []
    assert _ids(both, {"a.b": None}) == [1, 2, 3, 6, 7]
    assert _ids(both, {"a.b": {"$exists": True}}) == [7]


def test_order_of_types(both: TwoStores) -> None:
    rising: list[Any] = [
        *(MinKey(), None, -1, 0.5, 1, "", "b", {}, {"a": 1}, b"z", b"aa", ObjectId("0" * 24)),
        *(False, True, _NOW, MaxKey()),
    ]
    _insert(both, *({"a": value} for value in rising))
    numbers = list(range(1, len(rising) + 1))
    for _ in range(2):  # without an index, and with one
        assert _ids(both, {}, ("a", 1)) == numbers
        assert _ids(both, {}, ("a", -1)) == numbers[::-1]
        assert _ids(both, {}, ("a", -1), limit=3) == numbers[::-1][:3]
        both.ask("index", lambda c: c.create_index("a"))


def test_order_of_arrays_and_of_missing_fields(both: TwoStores) -> None:
    """An array is ordered by its least element, downwards by its greatest; an empty one before null."""
    _insert(both, {"a": 3}, {"a": [1, 9]}, {"a": []}, {}, {"a": [5]}, {"a": [None, 2]})
    for _ in range(2):
        assert _ids(both, {}, [("a", 1), ("_id", 1)]) == [3, 4, 6, 2, 1, 5]
        assert _ids(both, {}, [("a", -1), ("_id", 1)]) == [2, 5, 1, 6, 4, 3]
        both.ask("index", lambda c: c.create_index("a"))


def test_array_fields_in_conditions(both: TwoStores) -> None:
    _insert(
        both,
        {"a": [1, 2]},
        {"a": 1},
        {"a": [[1, 2]]},
        {"a": [{"b": 1, "c": 1}, {"b": 2, "c": 2}]},
        {"a": {"b": [1, 5]}},
        {"a": [0, 10]},
    )
    assert _ids(both, {"a": {"$gt": 2, "$lt": 9}}) == [6]  # by two of its elements
    for _ in range(2):
        assert _ids(both, {"a": 1}) == [1, 2]
        assert _ids(both, {"a": [1, 2]}) == [1, 3]
        assert _ids(both, {"a": {"$ne": 1}}) == [3, 4, 5, 6]
        assert _ids(both, {"a": {"$nin": [1, 10]}}) == [3, 4, 5]
        assert _ids(both, {"a": {"$elemMatch": {"$gt": 2, "$lt": 9}}}) == []
        assert _ids(both, {"a.b": 1, "a.c": 2}) == [4]
        assert _ids(both, {"a": {"$elemMatch": {"b": 1, "c": 2}}}) == []
        assert _ids(both, {"a.b": {"$in": [5, 2]}}) == [4, 5]
        assert _ids(both, {"a.1": 2}) == [1]
        assert _ids(both, {"a.1.b": 2}) == [4]
        assert _ids(both, {"a": {"$not": {"$elemMatch": {"b": {"$gt": 1}}}}}) == [1, 2, 3, 5, 6]
        both.ask("index", lambda c: c.create_index("a"))


def test_duplicate_key_errors_name_their_key(both: TwoStores) -> None:
    both.ask("index", lambda c: c.create_index([("a", 1), ("b.c", 1)], name="pair", unique=True))
    _insert(both, {"a": 1, "b": {"c": "x"}}, {"a": 1, "b": {"c": "y"}})
    fault = _error(both, lambda c: c.insert_one({"_id": 3, "a": 1, "b": {"c": "x"}}))
    assert type(fault) is DuplicateKeyError
    assert fault.details["keyPattern"] == {"a": 1, "b.c": 1}
    assert fault.details["keyValue"] == {"a": 1, "b.c": "x"}
    assert ' index: pair dup key: { a: 1, b.c: "x" }' in str(fault)
    fault = _error(both, lambda c: c.update_one({"_id": 2}, {"$set": {"b.c": "x"}}))
    assert (type(fault), fault.code) == (DuplicateKeyError, 11_000)
    fault = _error(both, lambda c: c.insert_one({"_id": 1}))
    assert fault.details["keyPattern"] == {"_id": 1}
    assert " index: _id_ dup key: { _id: 1 }" in str(fault)
    assert _ids(both, {"b.c": "y"}) == [2]


def test_an_upsert_beside_a_condition_that_fails_is_a_duplicate(both: TwoStores) -> None:
    """How `counters` learns that a job was counted before."""
    change = {"$push": {"jobs": {"$each": [{"job": 1}]}}, "$inc": {"n": 1}}
    query = {"_id": 1, "jobs.job": {"$nin": [1]}}
    both.ask("first", lambda c: c.update_one(query, change, upsert=True))
    assert _error(both, lambda c: c.update_one(query, change, upsert=True)).code == 11_000
    assert _ids(both, {"n": 1}) == [1]


def test_bulk_writes_say_which_write_failed(both: TwoStores) -> None:
    writes = [
        InsertOne({"_id": 1, "a": 1}),
        InsertOne({"_id": 1, "a": 2}),
        UpdateOne({"_id": 1}, {"$inc": {"a": 5}}),
        ReplaceOne({"_id": 2}, {"a": 7}, upsert=True),
    ]
    for ordered in (True, False):
        both.ask("empty", lambda c: c.delete_many({}))
        answer = both.ask("bulk", lambda c, o=ordered: c.bulk_write(writes, ordered=o))
        assert answer[0] == "BulkWriteError"
        assert _ids(both, {}) == ([1] if ordered else [1, 2])
        assert _ids(both, {"a": 6}) == ([] if ordered else [1])


def test_partial_indexes_of_null_and_of_existing_fields(both: TwoStores) -> None:
    both.ask(
        "index",
        lambda c: c.create_index([("a", 1)], name="closed", partialFilterExpression={"open": None}),
    )
    both.ask(
        "index",
        lambda c: c.create_index(
            [("k", 1), ("a", 1)], name="keyed", partialFilterExpression={"k": {"$exists": True}}
        ),
    )
    _insert(both, {"a": 1, "open": True}, {"a": 1}, {"a": 1, "open": None}, {"a": 1, "k": "x"}, {"a": 1, "k": None})  # fmt: skip
    assert _ids(both, {"a": 1}) == [1, 2, 3, 4, 5]
    assert _ids(both, {"a": 1, "open": None}) == [2, 3, 4, 5]
    assert _ids(both, {"a": 1, "open": True}) == [1]
    assert _ids(both, {"k": "x", "a": 1}) == [4]
    assert _ids(both, {"k": None}) == [1, 2, 3, 5]
    assert _ids(both, {"k": {"$in": ["x", None]}}) == [1, 2, 3, 4, 5]
    both.ask("close", lambda c: c.update_one({"_id": 1}, {"$unset": {"open": 1}}))
    assert _ids(both, {"a": 1, "open": None}) == [1, 2, 3, 4, 5]


def test_ranges_stay_within_a_type(both: TwoStores) -> None:
    _insert(both, {"a": 1}, {"a": "1"}, {"a": None}, {}, {"a": True}, {"a": _NOW}, {"a": {"b": 1}}, {"a": [0]})  # fmt: skip
    for _ in range(2):
        assert _ids(both, {"a": {"$lt": 5}}) == [1, 8]
        assert _ids(both, {"a": {"$gte": ""}}) == [2]
        assert _ids(both, {"a": {"$lte": True}}) == [5]
        assert _ids(both, {"a": {"$lt": datetime(2027, 1, 1, tzinfo=UTC)}}) == [6]
        assert _ids(both, {"a": {"$lt": {"b": 2}}}) == [7]
        assert _ids(both, {"a": {"$gt": None}}) == []
        both.ask("index", lambda c: c.create_index("a"))


def test_zero_and_not_a_number(both: TwoStores) -> None:
    _insert(both, {"a": -0.0}, {"a": 0}, {"a": math.nan}, {"a": -math.inf}, {"a": 1})
    for _ in range(2):
        assert _ids(both, {"a": 0.0}) == [1, 2]
        assert _ids(both, {"a": math.nan}) == [3]
        assert _ids(both, {"a": {"$lt": 5}}) == [1, 2, 4, 5]
        assert _ids(both, {"a": {"$gte": -math.inf}}) == [1, 2, 4, 5]
        assert _ids(both, {"a": {"$lte": math.nan}}) == [3]
        assert _ids(both, {"a": {"$gt": math.nan}}) == []
        assert _ids(both, {}, [("a", 1), ("_id", 1)]) == [3, 4, 1, 2, 5]
        both.ask("index", lambda c: c.create_index("a"))


def test_numbers_are_equal_across_types(both: TwoStores) -> None:
    both.ask("index", lambda c: c.create_index("a", unique=True))
    _insert(both, {"a": 1}, {"a": True}, {"a": "1"}, {"a": Int64(2**53 + 1)}, {"a": 2.0**53})
    for value in (1.0, Int64(1)):
        fault = _error(both, lambda c, v=value: c.insert_one({"_id": 9, "a": v}))
        assert fault.details["keyValue"] == {"a": value}
        assert _ids(both, {"a": value}) == [1]
    assert _ids(both, {"a": 2**53}) == [5]
    assert _ids(both, {"a": {"$gt": 2**53}}) == [4]


def test_orders_that_rise_and_fall(both: TwoStores) -> None:
    """Our stores have no index with a descending field; one is refused, and never ignored."""
    both.ask("index", lambda c: c.create_index([("a", 1), ("b", 1)]))
    _insert(both, *({"a": a, "b": b} for a in (1, 2) for b in ("x", None, 3)))
    assert _ids(both, {}, [("a", 1), ("b", -1)]) == [1, 3, 2, 4, 6, 5]
    assert _ids(both, {}, [("a", -1), ("b", 1)]) == [5, 6, 4, 2, 3, 1]
    assert _ids(both, {}, [("a", -1), ("b", -1)]) == [4, 6, 5, 1, 3, 2]
    assert _ids(both, {"a": 2}, [("b", -1)], limit=2) == [4, 6]
    assert _ids(both, {"a": {"$in": [1, 2]}}, [("b", 1), ("a", -1)], limit=3) == [5, 2, 6]
    with pytest.raises(OperationFailure, match="other keys than 1"):
        both.run(both.ours.create_index([("a", 1), ("b", -1)]))


def test_unique_indexes_of_arrays_and_missing_fields(both: TwoStores) -> None:
    both.ask("index", lambda c: c.create_index("a.k", unique=True))
    _insert(both, {"a": [{"k": 1}, {"k": 2}, {"k": 1}]}, {"a": [{"k": 3}]}, {"b": 1})
    assert _error(both, lambda c: c.insert_one({"_id": 9, "a": {"k": 2}})).details["keyValue"] == {"a.k": 2}  # fmt: skip
    assert _error(both, lambda c: c.insert_one({"_id": 9})).details["keyValue"] == {"a.k": None}
    assert _error(both, lambda c: c.insert_one({"_id": 9, "a": []})).code == 11_000
    fault = _error(both, lambda c: c.update_one({"_id": 2}, {"$push": {"a": {"k": 1}}}))
    assert fault.details["keyPattern"] == {"a.k": 1}
    both.ask("own key again", lambda c: c.update_one({"_id": 2}, {"$push": {"a": {"k": 3}}}))
    assert _ids(both, {"a.k": 3}) == [2]


def test_sparse_and_partial_unique_indexes(both: TwoStores) -> None:
    both.ask("index", lambda c: c.create_index("s", unique=True, sparse=True))
    both.ask(
        "index",
        lambda c: c.create_index("p", unique=True, partialFilterExpression={"on": True}),
    )
    _insert(both, {}, {}, {"s": None, "p": 1}, {"s": 1, "p": 1}, {"s": 2, "p": 1, "on": True})
    assert _error(both, lambda c: c.insert_one({"_id": 9, "s": None})).details["keyValue"] == {"s": None}  # fmt: skip
    assert _error(both, lambda c: c.update_one({"_id": 4}, {"$set": {"on": True}})).code == 11_000
    both.ask("off", lambda c: c.update_one({"_id": 5}, {"$unset": {"on": 1}}))
    both.ask("on", lambda c: c.update_one({"_id": 4}, {"$set": {"on": True}}))
    assert _ids(both, {"s": None}) == [1, 2, 3]
    assert _ids(both, {"p": 1}) == [3, 4, 5]


def test_a_unique_index_over_duplicates_is_refused(both: TwoStores) -> None:
    _insert(both, {"a": 1}, {"a": 1.0})
    assert _error(both, lambda c: c.create_index("a", unique=True)).code == 11_000
    assert list(both.run(both.ours.index_information())) == ["_id_"]


def test_documents_as_they_were_and_as_they_are(both: TwoStores) -> None:
    change = {"$inc": {"n": 1}, "$push": {"open": {"key": "k", "at": _NOW}}}

    def announce(after: bool) -> Operation:
        return lambda c: c.find_one_and_update(
            {"_id": "ws"}, change, {"n": 1}, upsert=True, return_document=after
        )

    assert both.ask("made", announce(ReturnDocument.BEFORE)) == both.ask("none", _nothing)
    both.ask("before", announce(ReturnDocument.BEFORE))
    both.ask("after", announce(ReturnDocument.AFTER))
    assert _ids(both, {"n": 3, "open.key": "k"}) == ["ws"]
    both.ask("whole", lambda c: c.find_one({"_id": "ws"}))


async def _nothing(_: Any) -> None:
    return None
