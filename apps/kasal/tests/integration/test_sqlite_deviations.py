"""Where SecantusDB answers otherwise than MongoDB's manual or source says: our store follows MongoDB.

Where `KASAL_TEST_MONGO_URL` names a MongoDB, it has to answer as this table says. Elsewhere a case fails once
SecantusDB is mended, so that `test_sqlite_differential` need not go around it any more.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import bson
import pytest
from bson import Binary
from pymongo.errors import OperationFailure, PyMongoError, WriteError

from devkit.two_stores import Answer, Document, Operation, TwoStores


@dataclass(frozen=True)
class Deviation:
    """Where SecantusDB answers otherwise than MongoDB: what is there, what is asked, what MongoDB answers."""

    reason: str
    before: Sequence[Operation]
    asked: Operation
    answer: Answer


def _add(*documents: Document) -> Operation:
    return lambda collection: collection.insert_many([dict(one) for one in documents])


def _index(keys: Any, **options: Any) -> Operation:
    return lambda collection: collection.create_index(keys, **options)


def _update(query: Document, change: Document, **options: Any) -> Operation:
    return lambda collection: collection.update_one(query, change, **options)


def _find(query: Document, **options: Any) -> Operation:
    return lambda collection: collection.find(query, **options).to_list()


def _refused(kind: type[PyMongoError], code: int) -> Answer:
    return (kind.__name__, (0, code))


def _found(*documents: Document) -> Answer:
    return ("answer", tuple(map(bson.encode, documents)))


_DEVIATIONS = {
    "two arrays in one index": Deviation(
        "MongoDB refuses a document with two arrays in a compound index (manual: Multikey Indexes)",
        [_index([("a", 1), ("b", 1)])],
        lambda c: c.insert_one({"_id": 1, "a": [1], "b": [2]}),
        _refused(WriteError, 171),
    ),
    "null at a place that an array does not have": Deviation(
        "an array holds nothing to compare there, so it does not match (MongoDB's own tests of the matcher: EqOp, nested null)",
        [_add({"_id": 1, "a": []})],
        _find({"a.0": None}),
        _found(),
    ),
    "two bounds in an array, by an index": Deviation(
        "each bound may be met by another element (manual: Query an Array); an index must not join them",
        [_index("a"), _add({"_id": 1, "a": [0, 10]})],
        _find({"a": {"$gt": 2, "$lt": 9}}),
        _found({"_id": 1, "a": [0, 10]}),
    ),
    "the first of two duplicate keys": Deviation(
        "MongoDB checks the index of _id first, then the others in the order of their making",
        [_index("a", unique=True), _add({"_id": 1, "a": 1})],
        lambda c: c.insert_one({"_id": 1, "a": 1}),
        ("DuplicateKeyError", (0, 11_000, *map(bson.encode, ({"_id": 1}, {"_id": 1})))),
    ),
    "new fields by name": Deviation(
        "operators add fields in the order of their names since 5.0 (manual: Update Operators Behavior)",
        [_add({"_id": 1}), _update({"_id": 1}, {"$set": {"z": 1}, "$inc": {"b": 1}})],
        _find({}),
        _found({"_id": 1, "b": 1, "z": 1}),
    ),
    "an update is checked before it is needed": Deviation(
        "MongoDB compiles an update before it looks for documents",
        [],
        lambda c: c.find_one_and_update({"_id": 1}, {"$set": {"a": 1}, "$inc": {"a": 1}}),
        _refused(OperationFailure, 40),
    ),
    "an upsert that names a field twice": Deviation(
        "the query's equalities contradict each other (source: path_support.cpp, NotSingleValueField)",
        [],
        _update({"_id": 1, "a": 1, "a.b": 2}, {"$set": {"c": 1}}, upsert=True),
        _refused(WriteError, 54),
    ),
    "subtypes of bytes": Deviation(
        "bytes are ordered by length, subtype, content (manual: Comparison/Sort Order)",
        [_add({"_id": 1, "a": Binary(b"x", 5)})],
        _update({"_id": 1}, {"$min": {"a": b"x"}}),
        ("answer", ("updated", 1, 1, False)),
    ),
    "a place in an array with a leading zero": Deviation(
        "places are compared as texts (source: path.cpp), so `01` is none",
        [_add({"_id": 1, "a": [5, 7]})],
        _find({"a.01": 7}),
        _found(),
    ),
    "order of what lies in arrays": Deviation(
        "an element that is no document has null at a path into it, in an index and in a sort",
        [_add({"_id": 1, "a": [5, {"b": 1}]}, {"_id": 2, "a": {"b": 0}})],
        lambda c: c.find({}, {"_id": 1}).sort("a.b", 1).to_list(),
        _found({"_id": 1}, {"_id": 2}),
    ),
    "distinct through arrays": Deviation(
        "distinct follows a path into the documents of an array (manual: distinct, Arrays)",
        [_add({"_id": 1, "a": [{"b": 1}, {"b": 2}]})],
        lambda c: c.distinct("a.b"),
        ("answer", tuple(bson.encode({"": value}) for value in (1, 2))),
    ),
    "distinct of true and 1": Deviation(
        "true is no number",
        [_add({"_id": 1, "a": 1}, {"_id": 2, "a": True})],
        lambda c: c.distinct("a"),
        ("answer", tuple(bson.encode({"": value}) for value in (1, True))),
    ),
    "fields that begin with a dollar": Deviation(
        "they cannot be set by an update (manual: Field Names with Periods and Dollar Signs)",
        [_add({"_id": 1})],
        _update({"_id": 1}, {"$set": {"a.$x": 1}}),
        _refused(WriteError, 52),
    ),
    "a modifier of `$push` that is not known": Deviation(
        "its code is BadValue (source: push_node.cpp)",
        [_add({"_id": 1})],
        _update({"_id": 1}, {"$push": {"a": {"$each": [], "$other": 1}}}),
        _refused(WriteError, 2),
    ),
    "a place far beyond an array's end": Deviation(
        "at most 1,500,000 nulls are filled in (source: path_support.h, CannotBackfillArray)",
        [_add({"_id": 1, "a": []})],
        _update({"_id": 1}, {"$set": {"a.1500001": 1}}),
        _refused(WriteError, 34),
    ),
}


@pytest.mark.parametrize("name", _DEVIATIONS)
def test_where_secantusdb_deviates_our_store_follows_mongodb(both: TwoStores, name: str) -> None:
    case = _DEVIATIONS[name]
    for operation in case.before:
        both.answers(operation)
    ours, theirs = both.answers(case.asked)
    assert ours == case.answer, case.reason
    if "KASAL_TEST_MONGO_URL" in os.environ:
        assert theirs == case.answer, case.reason
    else:
        assert theirs != case.answer, "SecantusDB does now: take the case out of the table."
