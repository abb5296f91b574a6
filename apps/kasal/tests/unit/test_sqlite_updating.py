"""What updates make of documents, as MongoDB's manual says."""

import copy
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any

import bson
import pytest
from bson import Int64, ObjectId
from bson.codec_options import CodecOptions
from pymongo.errors import OperationFailure

from kasal_platform.embedded.sqlite.matching import compile_query
from kasal_platform.embedded.sqlite.updating import compile_update


class _Colour(StrEnum):
    RED = "red"


_CHANGES: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({"a": 1}, {"$set": {"a": 2}}, {"a": 2}),
    ({"a": 1}, {"$set": {"b.c": 2}}, {"a": 1, "b": {"c": 2}}),
    ({}, {"$set": {"z": 1}, "$inc": {"b": 1}, "$push": {"c": 1}}, {"b": 1, "c": [1], "z": 1}),
    ({"a": [1, 2]}, {"$set": {"a.1": 5}}, {"a": [1, 5]}),
    ({"a": [1]}, {"$set": {"a.3": 5}}, {"a": [1, None, None, 5]}),
    ({"a": [{"b": 1}]}, {"$set": {"a.0.c": 2}}, {"a": [{"b": 1, "c": 2}]}),
    ({"a": [1]}, {"$set": {"a.2.b": 5}}, {"a": [1, None, {"b": 5}]}),
    ({}, {"$set": {"a.0": 5}}, {"a": {"0": 5}}),
    ({"a": 1, "b": 2}, {"$unset": {"a": ""}}, {"b": 2}),
    ({"a": [1, 2]}, {"$unset": {"a.0": ""}}, {"a": [None, 2]}),
    ({"a": 5}, {"$unset": {"a.b": "", "c.d": ""}}, {"a": 5}),
    ({"a": 1}, {"$inc": {"a": 2, "b.c": 3}}, {"a": 3, "b": {"c": 3}}),
    ({"a": 1}, {"$inc": {"a": 0.5}}, {"a": 1.5}),
    ({"a": [1]}, {"$push": {"a": [2]}}, {"a": [1, [2]]}),
    ({"a": [1]}, {"$push": {"a": {"$each": [2, 3], "$slice": -2}}}, {"a": [2, 3]}),
    ({"a": [1]}, {"$push": {"a": {"$each": [2, 3], "$slice": 2}}}, {"a": [1, 2]}),
    ({"a": [1]}, {"$push": {"a": {"$each": [2], "$slice": 0}}}, {"a": []}),
    ({}, {"$push": {"a.b": {"$each": []}}}, {"a": {"b": []}}),
    ({"a": [1, 2, 1.0, "x"]}, {"$pull": {"a": 1}}, {"a": [2, "x"]}),
    ({"a": [{"k": 1, "x": 9}, {"k": 2}, 3]}, {"$pull": {"a": {"k": 1}}}, {"a": [{"k": 2}, 3]}),
    ({"a": [{"k": 1}, {"k": 5}]}, {"$pull": {"a": {"k": {"$in": [5]}}}}, {"a": [{"k": 1}]}),
    ({"a": [1, 5, 9]}, {"$pull": {"a": {"$gte": 5}}}, {"a": [1]}),
    ({"a": [[1], [2]]}, {"$pull": {"a": [1]}}, {"a": [[2]]}),
    ({"a": 5}, {"$pull": {"b": 1, "a.b": 1}}, {"a": 5}),
    ({"a": 5}, {"$max": {"a": 7, "b": 1}}, {"a": 7, "b": 1}),
    ({"a": 5}, {"$max": {"a": None}, "$min": {"b": 3}}, {"a": 5, "b": 3}),
    ({"a": 5}, {"$max": {"a": "text"}}, {"a": "text"}),
    ({"a": 5}, {"$min": {"a": 4.5}}, {"a": 4.5}),
    ({"a": 5}, {"$setOnInsert": {"b": 1}}, {"a": 5}),
    ({"a": 5}, {"$set": {}}, {"a": 5}),
    ({"a": 5}, {"b": 1}, {"b": 1}),
    ({"a": 5}, {}, {}),
]


@pytest.mark.parametrize(("before", "update", "after"), _CHANGES)
def test_an_update_changes(
    before: dict[str, Any], update: dict[str, Any], after: dict[str, Any]
) -> None:
    document = {"_id": 1, **before}
    untouched = copy.deepcopy(document)
    made = compile_update(update).apply(document)
    assert list(made.items()) == [("_id", 1), *after.items()]
    assert document == untouched


_REFUSED: list[tuple[dict[str, Any], dict[str, Any], int, str]] = [
    ({}, {"$set": {"a": 1}, "$inc": {"a": 1}}, 40, "Updating the path 'a' would create a conflict at 'a'"),
    ({}, {"$set": {"a": 1}, "$inc": {"a.b": 1}}, 40, "Updating the path 'a.b' would create a conflict at 'a'"),
    ({}, {"$inc": {"a": "x"}}, 14, "Cannot increment with non-numeric argument"),
    ({"a": "x"}, {"$inc": {"a": 1}}, 14, "of non-numeric type string"),
    ({"a": None}, {"$inc": {"a": 1}}, 14, "of non-numeric type null"),
    ({"a": True}, {"$inc": {"a": 1}}, 14, "of non-numeric type bool"),
    ({"a": Int64(2**63 - 1)}, {"$inc": {"a": 1}}, 2, "Failed to apply"),
    ({"a": 1}, {"$push": {"a": 1}}, 2, "The field 'a' must be an array but is of type int"),
    ({"a": None}, {"$push": {"a": 1}}, 2, "must be an array but is of type null"),
    ({}, {"$push": {"a": {"$each": 1}}}, 2, "must be an array but it was of type: int"),
    ({}, {"$push": {"a": {"$each": [], "$slice": "x"}}}, 2, "must be an integer value"),
    ({}, {"$push": {"a": {"$each": [], "$other": 1}}}, 2, "Unrecognized clause in"),
    ({}, {"$push": {"a": {"$each": [], "$sort": 1}}}, 238, "does not know"),
    ({"a": 1}, {"$pull": {"a": 1}}, 2, "to a non-array value"),
    ({"a": 1}, {"$set": {"a.b": 1}}, 28, "Cannot create field 'b' in element {a: 1}"),
    ({"a": None}, {"$set": {"a.b": 1}}, 28, "Cannot create field 'b' in element {a: None}"),
    ({"a": [1]}, {"$set": {"a.b": 1}}, 28, "Cannot create field 'b' in element {a: ...}"),
    ({"a": [1]}, {"$set": {"a.b.c": 1}}, 28, "Cannot create field 'b' in element {a: ...}"),
    ({"a": []}, {"$set": {"a.2000000": 1}}, 34, "backfill"),
    ({}, {"$set": {"_id": 2}}, 66, "would modify the immutable field '_id'"),
    ({}, {"$unset": {"_id": ""}}, 66, "would modify the immutable field '_id'"),
    ({}, {"_id": 2}, 66, "found to have been altered"),
    ({}, {"$rename": {"a": "b"}}, 9, "Unknown modifier: $rename"),
    ({}, {"$set": 5}, 9, "Modifiers operate on fields but we found type int instead"),
    ({}, {"$set": {"a..b": 1}}, 56, "contains an empty field name"),
    ({}, {"$set": {"a.$x": 1}}, 52, "is not valid for storage"),
    ({}, {"$set": {"a.$": 1}}, 238, "positional"),
    ({}, {"$set": {"a.$[]": 1}}, 238, "positional"),
    ({}, {"a": 1, "$set": 1}, 52, "The dollar ($) prefixed field '$set'"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "update", "code", "told"), _REFUSED)
def test_an_update_is_refused_as_mongodb_refuses_it(
    before: dict[str, Any], update: dict[str, Any], code: int, told: str
) -> None:
    with pytest.raises(OperationFailure) as raised:
        compile_update(update).apply({"_id": 1, **before})
    assert raised.value.code == code
    assert told in str(raised.value)


def test_pipelines_are_refused() -> None:
    with pytest.raises(OperationFailure, match="pipelines"):
        compile_update([{"$set": {"a": 1}}])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "amount", "kind"),
    [
        (1, 1, int),
        (2**31 - 1, 1, Int64),
        (Int64(1), 1, Int64),
        (1, Int64(1), Int64),
        (1, 1.0, float),
        (1.0, 1, float),
        (-(2**31), -1, Int64),
    ],
)
def test_sums_have_the_type_that_mongodb_gives_them(value: Any, amount: Any, kind: type) -> None:
    made = compile_update({"$inc": {"a": amount}}).apply({"_id": 1, "a": value})
    assert type(made["a"]) is kind
    assert made["a"] == value + amount


def test_a_result_is_what_reading_it_again_gives() -> None:
    """Documents that were just written are kept as they are, and not read again."""
    zone = timezone(timedelta(hours=2))
    values = {
        "times": [datetime(2026, 1, 1, 3, 0, 0, 123_456, tzinfo=zone), datetime(2026, 1, 1)],  # noqa: DTZ001
        "far": datetime(1900, 1, 1, 0, 0, 0, 999_999, tzinfo=UTC),
        "tuple": (1, {"a": (2,)}),
        "colour": _Colour.RED,
        "large": 2**40,
        "bytes": bytearray(b"x") and memoryview(b"x").tobytes(),
    }
    made = compile_update({"$set": values}).apply({"_id": 1})
    options: CodecOptions[Any] = CodecOptions(tz_aware=True)
    again = bson.decode(bson.encode(made), options)
    assert made == again
    for name in values:
        assert type(made[name]) is type(again[name]), name


def test_a_result_shares_nothing_with_the_update() -> None:
    pushed = {"k": [1]}
    update = compile_update({"$push": {"a": pushed}})
    made = update.apply({"_id": 1})
    pushed["k"].append(2)
    assert made["a"] == [{"k": [1]}]


@pytest.mark.parametrize(
    ("query", "update", "made"),
    [
        ({"_id": 7}, {"$set": {"a": 1}}, {"_id": 7, "a": 1}),
        ({"c": 3, "b": 2, "_id": 7}, {"$set": {"a": 1}}, {"_id": 7, "b": 2, "c": 3, "a": 1}),
        ({"_id": 7, "b": {"$in": [2, 2.0]}}, {"$set": {"a": 1}}, {"_id": 7, "b": 2, "a": 1}),
        ({"_id": 7, "b": {"$in": [2, 3]}}, {"$set": {"a": 1}}, {"_id": 7, "a": 1}),
        ({"_id": 7, "b.c": 2}, {"$inc": {"b.d": 1}}, {"_id": 7, "b": {"c": 2, "d": 1}}),
        ({"_id": 7, "lock": None}, {"$set": {"lock": 1}}, {"_id": 7, "lock": 1}),
        ({"_id": 7, "b": {"$gt": 2}}, {"$setOnInsert": {"a": 1}}, {"_id": 7, "a": 1}),
        ({"_id": 7, "b": {"$eq": 2}}, {"$set": {}}, {"_id": 7, "b": 2}),
        ({"_id": 7, "c.j": {"$nin": [1]}}, {"$push": {"c": {"j": 1}}}, {"_id": 7, "c": [{"j": 1}]}),
        ({"_id": 7, "b": 2}, {"a": 1}, {"_id": 7, "a": 1}),
        ({"b": 2}, {"a": 1, "_id": 9}, {"_id": 9, "a": 1}),
        ({}, {"$set": {"a": 1, "_id": 4}}, {"_id": 4, "a": 1}),
    ],
)
def test_an_upsert_begins_with_what_its_query_says(
    query: dict[str, Any], update: dict[str, Any], made: dict[str, Any]
) -> None:
    found = compile_update(update).apply({}, inserting=True, query=compile_query(query))
    assert list(found.items()) == list(made.items())


def test_an_upsert_without_an_id_gets_one() -> None:
    made = compile_update({"$set": {"a": 1}}).apply({}, inserting=True, query=compile_query({}))
    assert list(made) == ["_id", "a"]
    assert isinstance(made["_id"], ObjectId)


@pytest.mark.parametrize(
    ("query", "update", "code"),
    [
        ({"a": 1, "a.b": 2}, {"$set": {"c": 1}}, 54),
        ({"_id": 1}, {"$set": {"_id": 2}}, 66),
        ({"_id": 1}, {"_id": 2}, 66),
        ({"a": 1}, {"$set": {"a.b": 2}}, 28),
    ],
)
def test_an_upsert_that_contradicts_its_query_is_refused(
    query: dict[str, Any], update: dict[str, Any], code: int
) -> None:
    with pytest.raises(OperationFailure) as raised:
        compile_update(update).apply({}, inserting=True, query=compile_query(query))
    assert raised.value.code == code
