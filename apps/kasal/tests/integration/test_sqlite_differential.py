"""The embedded store gives the answers of a server that speaks MongoDB's protocol: documents, counts, errors.

hypothesis makes collections with indexes, and what is done to them. `KASAL_TEST_MONGO_URL` names a MongoDB to
compare with; else it is SecantusDB, of which `test_sqlite_deviations` lists where MongoDB's manual says otherwise.
With SecantusDB the examples are always the same: one in some thousands finds another deviation of its.
"""

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Int64, ObjectId
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo import (
    DeleteOne,
    IndexModel,
    InsertOne,
    ReplaceOne,
    ReturnDocument,
    UpdateOne,
)

from devkit.two_stores import Answer, Document, Operation, TwoStores, is_error
from kasal_platform.embedded.sqlite.values import sort_key

Step = tuple[str, Operation]
"""What is done, for a person to read and for the stores to do."""

_LATER = datetime(2100, 1, 1, tzinfo=UTC)
_INDEXES: Mapping[str, list[IndexModel]] = {
    "plain": [],
    "unique": [IndexModel("a", unique=True), IndexModel([("b", 1), ("a", 1)])],
    "sparse": [IndexModel("a", unique=True, sparse=True), IndexModel("b", sparse=True)],
    "inner": [IndexModel("d.x", unique=True, sparse=True), IndexModel([("a", 1), ("d.y", 1)])],
    "compound": [IndexModel([("a", 1), ("b", 1), ("_id", 1)]), IndexModel("t")],
    "partial": [
        IndexModel([("a", 1), ("b", 1)], name="some", partialFilterExpression={"c": True}),
        IndexModel("b", name="one", unique=True, partialFilterExpression={"c": 1}),
    ],
    "ttl": [IndexModel("t", expireAfterSeconds=0), IndexModel([("a", 1), ("t", 1)])],
}

_ANY_SCALAR = st.sampled_from(
    [
        *(None, True, False, 0, 1, 2, 1.0, 1.5, -0.0, math.nan, math.inf, Int64(1)),
        *(Int64(2**53 + 1), 2.0**53, "", "a", "b", "a\x00", b"x", b"yy"),
        *(_LATER, datetime(2101, 1, 1, 0, 0, 0, 1_000, tzinfo=UTC), ObjectId("0" * 23 + "1")),
    ]
)  # fmt: skip
_SMALL = st.sampled_from([0, 1, 2, "a", None])
_INNER = st.dictionaries(st.sampled_from("xy"), _SMALL, max_size=2)
_LISTS_OF_ANY = st.lists(st.one_of(_SMALL, _INNER, _ANY_SCALAR, st.just([1])), max_size=3)

# An example has so few values that its queries find documents by them.
_SCALARS = st.shared(st.lists(_ANY_SCALAR, min_size=2, max_size=3), key="scalars").flatmap(
    st.sampled_from
)
_VALUES = st.shared(
    st.lists(st.one_of(_ANY_SCALAR, _SMALL, _INNER, _LISTS_OF_ANY), min_size=3, max_size=5),
    key="values",
).flatmap(st.sampled_from)
_IDS = st.sampled_from([1, 2, 3, 4, "one"])
_FIELDS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("a", "b", "d"), _VALUES),
        "c": st.sampled_from([True, 1, None]),
        "t": st.one_of(st.just(_LATER), _SMALL),
        "n": st.sampled_from([5, Int64(5), 0.5, 2**31 - 1]),
    },
)
_PATHS = st.sampled_from(["a", "b", "c", "d", "t", "d.x", "d.y", "a.x", "d.0", "d.1.x", "z"])


@st.composite
def _documents(draw: Any) -> Document:
    return {"_id": draw(_IDS), **draw(_FIELDS)}


_EXPRESSIONS = st.one_of(
    _VALUES,
    _VALUES.map(lambda value: {"$eq": value}),
    _VALUES.map(lambda value: {"$ne": value}),
    _SCALARS.map(lambda value: {"$gt": value}),
    _SCALARS.map(lambda value: {"$gte": value}),
    _SCALARS.map(lambda value: {"$lt": value}),
    _SCALARS.map(lambda value: {"$lte": value}),
    st.lists(_VALUES, max_size=3, unique_by=sort_key).map(lambda values: {"$in": values}),
    st.lists(_VALUES, max_size=3).map(lambda values: {"$nin": values}),
    st.booleans().map(lambda there: {"$exists": there}),
    _SMALL.map(lambda value: {"$eq": value, "$exists": True}),
    st.sampled_from(["binData", "string", "number", "int", "array", "null"]).map(
        lambda name: {"$type": name}
    ),
    st.sampled_from(["a", "^b", "[^\\x00-\\x7f]"]).map(lambda pattern: {"$regex": pattern}),
    _SMALL.map(lambda value: {"$not": {"$gt": value}}),
    _INNER.map(lambda inner: {"$elemMatch": inner}),
    _SMALL.map(lambda value: {"$elemMatch": {"$gte": value}}),
    _SMALL.map(lambda value: {"$not": {"$elemMatch": {"x": {"$gt": value}}}}),
)
_BETWEEN = st.tuples(_SCALARS, _SCALARS).map(lambda ends: {"$gte": ends[0], "$lt": ends[1]})
_PLACES = {"d.0", "d.1.x"}


def _names_null(expression: Any) -> bool:
    if isinstance(expression, dict):
        return any(map(_names_null, expression.values()))
    return expression is None or (isinstance(expression, list) and None in expression)


def _is_compared(query: Document) -> bool:
    """Say whether no place in an array is compared with null, where SecantusDB deviates."""
    return not any(_names_null(query[path]) for path in _PLACES & {*query})


_QUERIES = st.one_of(
    st.dictionaries(_PATHS, _EXPRESSIONS, max_size=2).filter(_is_compared),
    st.fixed_dictionaries({"t": _BETWEEN}, optional={"a": _EXPRESSIONS}),  # `t` is never an array
)


@st.composite
def _updates(draw: Any) -> Document:
    """Operators on fields that do not contain one another, in the order in which MongoDB adds fields."""
    chosen: dict[str, tuple[str, Any]] = {}
    for name in draw(
        st.lists(st.sampled_from(sorted(_OPERATORS)), min_size=1, max_size=3, unique=True)
    ):
        paths, operands = _OPERATORS[name]
        path = draw(paths)
        chosen.setdefault(path.partition(".")[0], (path, (name, draw(operands))))
    return {name: {path: operand} for path, (name, operand) in sorted(chosen.values(), key=_path)}


def _path(chosen: tuple[str, Any]) -> str:
    return chosen[0]


def _pushed() -> st.SearchStrategy[Any]:
    each = st.lists(_VALUES, max_size=2)
    sliced = st.tuples(each, st.integers(-2, 2)).map(lambda b: {"$each": b[0], "$slice": b[1]})
    return st.one_of(_VALUES, each.map(lambda values: {"$each": values}), sliced)


def _pulled() -> st.SearchStrategy[Any]:
    listed = st.lists(_SMALL, max_size=2).map(lambda values: {"$in": values})
    return st.one_of(_SMALL, _INNER, listed, _SMALL.map(lambda v: {"x": {"$lte": v}}))


_LISTS = st.sampled_from(["d", "a", "d.x"])
_OPERATORS: Mapping[str, tuple[st.SearchStrategy[str], st.SearchStrategy[Any]]] = {
    "$set": (_PATHS, _VALUES),
    "$setOnInsert": (_PATHS, _VALUES),
    "$unset": (_PATHS, st.just("")),
    "$inc": (st.sampled_from(["n", "a", "d.x"]), st.sampled_from([1, -2, 0.5, Int64(3)])),
    "$max": (_PATHS, _SCALARS),
    "$min": (_PATHS, _SCALARS),
    "$push": (_LISTS, _pushed()),
    "$pull": (_LISTS, _pulled()),
}
_ORDERS = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c", "t", "d"]), st.sampled_from([1, -1])),
    max_size=2,
    unique_by=lambda pair: pair[0],
).map(lambda pairs: [*pairs, ("_id", 1)])
_SHOWN = st.sampled_from(
    [None, {"a": 1}, {"d.x": 1}, {"d.x": 0, "a": 0}, {"d": {"$slice": -1}}, {"d": {"$slice": 1}, "a": 1}, {"_id": 0, "b": 1}]
)  # fmt: skip


@st.composite
def _steps(draw: Any) -> Step:
    kind = draw(st.sampled_from(sorted(_KINDS)))
    arguments = draw(_ARGUMENTS[kind])
    return f"{kind}{arguments}", lambda collection: _KINDS[kind](collection, *arguments)


async def _find(c: Any, query: Any, shown: Any, order: Any, skip: int, limit: int) -> Any:
    return await c.find(query, shown).sort(order).skip(skip).limit(limit).to_list()


async def _distinct(c: Any, path: str, query: Any) -> Any:
    """Return the values by their keys: of 1, 1.0 and (SecantusDB) True a server may return any."""
    values = await c.distinct(path, query)
    return sorted({sort_key(int(one) if isinstance(one, bool) else one) for one in values})


async def _find_and_update(
    c: Any, query: Any, update: Any, order: Any, upsert: bool, after: bool
) -> Any:
    return await c.find_one_and_update(
        query, update, sort=order, upsert=upsert, return_document=after
    )


def _one(query: Any, key: Any) -> Document:
    return {**query, "_id": key}


def _turn(write: tuple[Any, ...]) -> int:
    """Return when PyMongo sends a write of an unordered bulk: inserts first, and deletes last."""
    return {InsertOne: 0, DeleteOne: 2}.get(write[0], 1)


_KINDS: Mapping[str, Callable[..., Any]] = {
    "find": _find,
    "count": lambda c, query, limit: c.count_documents(
        query, **({"limit": limit} if limit else {})
    ),
    "distinct": _distinct,
    "insert": lambda c, document: c.insert_one(dict(document)),
    "update": lambda c, query, key, update, upsert: c.update_one(
        _one(query, key), update, upsert=upsert
    ),
    "update all": lambda c, query, update: c.update_many(query, update),
    "replace": lambda c, query, key, fields, upsert: c.replace_one(
        _one(query, key), dict(fields), upsert=upsert
    ),
    "delete": lambda c, query, key: c.delete_one(_one(query, key)),
    "delete all": lambda c, query: c.delete_many(query),
    "find and update": lambda c, *arguments: _find_and_update(c, *arguments),
    "find or insert": lambda c, *arguments: _find_and_update(c, *arguments),
    "bulk": lambda c, writes, ordered: c.bulk_write(
        [make(*a) for make, *a in writes], ordered=ordered
    ),
}
_FEW = st.one_of(st.just({}), _QUERIES)
"""Half of the writes are of any document, so that more is changed than left alone."""
_BY_ID = st.builds(_one, _FEW, _IDS)
_WRITES = st.one_of(
    st.tuples(st.just(InsertOne), _documents()),
    st.tuples(st.just(DeleteOne), _BY_ID),
    st.tuples(st.just(UpdateOne), _BY_ID, _updates(), st.booleans()),
    st.tuples(st.just(ReplaceOne), _BY_ID, _FIELDS, st.booleans()),
)
_UNORDERED = st.lists(_WRITES, min_size=1, max_size=4, unique_by=lambda write: write[1]["_id"]).map(
    lambda writes: sorted(writes, key=_turn)
)
_AFTER = st.sampled_from([ReturnDocument.BEFORE, ReturnDocument.AFTER])
_ARGUMENTS: Mapping[str, st.SearchStrategy[Any]] = {
    "find": st.tuples(_QUERIES, _SHOWN, _ORDERS, st.integers(0, 2), st.integers(0, 3)),
    "count": st.tuples(_QUERIES, st.integers(0, 2)),
    "distinct": st.tuples(st.sampled_from("abcdt"), _QUERIES),
    "insert": st.tuples(_documents()),
    "update": st.tuples(_FEW, _IDS, _updates(), st.booleans()),
    "update all": st.tuples(_FEW, _updates()),
    "replace": st.tuples(_FEW, _IDS, _FIELDS, st.booleans()),
    "delete": st.tuples(_FEW, _IDS),
    "delete all": st.tuples(_QUERIES),
    "find and update": st.tuples(_FEW, _updates(), _ORDERS, st.just(False), _AFTER),
    "find or insert": st.tuples(_BY_ID, _updates(), _ORDERS, st.just(True), _AFTER),
    "ordered bulk": st.tuples(st.lists(_WRITES, min_size=1, max_size=4), st.just(True)),
    "bulk": st.tuples(_UNORDERED, st.just(False)),
}


@pytest.fixture
def stores(two_stores: Callable[[str], TwoStores]) -> Mapping[str, TwoStores]:
    """Two collections for each of `_INDEXES`."""
    made = {kind: replace(two_stores(kind), excuses=_is_excused) for kind in _INDEXES}
    for kind, indexes in _INDEXES.items():
        if indexes:
            made[kind].ask("indexes", lambda c, i=indexes: c.create_indexes(i))
    return made


@settings(
    max_examples=200,
    derandomize="KASAL_TEST_MONGO_URL" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    st.sampled_from(sorted(_INDEXES)),
    st.lists(_documents(), max_size=6, unique_by=lambda document: document["_id"]),
    st.lists(_steps(), min_size=1, max_size=8),
)
def test_both_stores_answer_the_same(
    stores: Mapping[str, TwoStores], kind: str, documents: list[Document], steps: list[Step]
) -> None:
    both = stores[kind]
    both.answers(lambda c: c.delete_many({}))
    inserts = [(f"insert {document}", _inserting(document)) for document in documents]
    for told, step in [*inserts, *steps]:
        answer = both.ask(told, step)
        if _is_refused_here_alone(answer):
            return  # SecantusDB has done it
        if is_error(answer) and told.startswith("update all"):
            return  # which documents were changed before depends on the order in which they were read
    both.ask("all", lambda c: c.find({}).sort("_id", 1).to_list())


def _inserting(document: Document) -> Operation:
    return lambda collection: collection.insert_one(dict(document))


def _is_excused(ours: Answer, theirs: Answer) -> bool:
    """Say whether SecantusDB answers otherwise by one of the deviations in `test_sqlite_deviations`."""
    if _is_refused_here_alone(ours):
        return True
    return [_without_first_key(one) for one in ours] == [_without_first_key(one) for one in theirs]


def _is_refused_here_alone(answer: Answer) -> bool:
    """Say whether it is about two arrays in an index, or an upsert that names a field twice."""
    return any(type(one) is tuple and one[1:2] in {(171,), (54,)} for one in answer)


def _without_first_key(told: Any) -> Any:
    """Leave out which of several keys a duplicate has: SecantusDB names that of `_id` last."""
    return told[:2] if type(told) is tuple and told[1:2] == (11_000,) else told
