"""Which documents a query finds, as MongoDB's manual and its source (`matcher/path.cpp`) say."""

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Int64, ObjectId, Regex
from hypothesis import given
from hypothesis import strategies as st
from pymongo.errors import OperationFailure

from kasal_platform.embedded.sqlite.matching import compile_query
from kasal_platform.embedded.sqlite.ranges import holds
from kasal_platform.embedded.sqlite.values import EMPTY_ARRAY_KEY, END, sort_key

_NOW = datetime(2026, 1, 1, tzinfo=UTC)

_FINDS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"a": 1}),
    ({"a": 1}, {"a": 1.0}),
    ({"a": 1}, {"a": Int64(1)}),
    ({"a": 1}, {"a": [3, 1]}),
    ({"a": [3, 1]}, {"a": [3, 1]}),
    ({"a": [3, 1]}, {"a": [[3, 1]]}),
    ({"a": None}, {}),
    ({"a": None}, {"a": None}),
    ({"a": None}, {"a": [1, None]}),
    ({"a.b": None}, {"a": 5}),
    ({"a.b": None}, {"a": [{}, {"b": 1}]}),
    ({"a.b": {"$ne": None}}, {"a": []}),
    ({"a.b": {"$exists": False}}, {"a": [1, 2]}),
    ({"a": {"$exists": True}}, {"a": None}),
    ({"a": {"$exists": True}}, {"a": []}),
    ({"a": {"$exists": False}}, {"b": 1}),
    ({"a.b": 1}, {"a": [{"b": 2}, {"b": [0, 1]}]}),
    ({"a.b": [1, 2]}, {"a": {"b": [1, 2]}}),
    ({"a.b": 2}, {"a": {"b": [1, 2]}}),
    ({"a.b": {"$type": "array"}}, {"a": [{"b": []}]}),
    ({"a.b": {"$elemMatch": {"$gt": 1}}}, {"a": {"b": [1, 2]}}),
    ({"a.1": 7}, {"a": [5, 7]}),
    ({"a.1": [2, 4]}, {"a": [5, [2, 4]]}),
    ({"a.1": 4}, {"a": [5, {"1": 4}]}),
    ({"a.1.b": 4}, {"a": [5, {"b": 4}]}),
    ({"a.1.b": 4}, {"a": [5, [{"b": 4}]]}),
    ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1.0, "c": 2}}),
    ({"a": {"$ne": 1}}, {"a": [2, 3]}),
    ({"a": {"$ne": 1}}, {}),
    ({"a": {"$nin": [1, None]}}, {"a": "x"}),
    ({"a": {"$in": [1, None]}}, {}),
    ({"a": {"$in": ["x", "y"]}}, {"a": ["z", "y"]}),
    ({"a": {"$in": [[1]]}}, {"a": [1]}),
    ({"a": {"$gt": 1, "$lt": 5}}, {"a": [0, 10]}),
    ({"a": {"$gte": None}}, {}),
    ({"a": {"$lte": None}}, {"a": None}),
    ({"a": {"$gt": 2**53}}, {"a": Int64(2**53 + 1)}),
    ({"a": {"$lte": math.nan}}, {"a": math.nan}),
    ({"a": {"$gt": "b"}}, {"a": "c"}),
    ({"a": {"$gt": False}}, {"a": True}),
    ({"a": {"$gte": _NOW}}, {"a": datetime(2026, 1, 1)}),  # noqa: DTZ001 - read without a zone
    ({"a": {"$lt": [2]}}, {"a": [1, 9]}),
    ({"a": {"$lt": {"b": 2}}}, {"a": {"b": 1}}),
    ({"a": {"$type": "binData"}}, {"a": b"x"}),
    ({"a": {"$type": "array"}}, {"a": []}),
    ({"a": {"$type": 2}}, {"a": [1, "x"]}),
    ({"a": {"$type": "long"}}, {"a": Int64(1)}),
    ({"a": {"$type": "number"}}, {"a": 1.5}),
    ({"a": {"$regex": "[^\\x00-\\x7f]"}}, {"a": "caf\xe9"}),
    ({"a": {"$regex": "^A\\.b", "$options": "i"}}, {"a": "a.B and more"}),
    ({"a": {"$not": {"$gt": 5}}}, {}),
    ({"a": {"$not": {"$gt": 1, "$lt": 5}}}, {"a": 7}),
    ({"a": {"$not": {"$elemMatch": {"until": {"$gt": _NOW}}}}}, {"a": [{"until": _NOW}]}),
    ({"a": {"$elemMatch": {"b": 1, "c": 2}}}, {"a": [{"b": 1}, {"b": 1, "c": 2}]}),
    ({"a": {"$elemMatch": {"$gt": 1, "$lt": 5}}}, {"a": [0, 3, 10]}),
    ({"a": {"$elemMatch": {"$ne": 1}}}, {"a": [1, 2]}),
    ({"a": {"$eq": 1, "$exists": True}}, {"a": 1}),
    ({"a": {"$eq": {"$gt": 1}}}, {"a": {"$gt": 1}}),
    ({"a": ObjectId("0" * 24)}, {"a": ObjectId("0" * 24)}),
    ({"a": 0.0}, {"a": -0.0}),
]  # fmt: skip

_MISSES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"a": 1}, {"a": True}),
    ({"a": False}, {"a": 0}),
    ({"a": False}, {}),
    ({"a": "1"}, {"a": 1}),
    ({"a": None}, {"a": []}),
    ({"a": None}, {"a": False}),
    ({"a.b": None}, {"a": []}),
    ({"a.b": None}, {"a": [1, 2]}),
    ({"a.0": 1}, {"a": [[1, 2]]}),
    ({"a.01": 7}, {"a": [5, 7]}),
    ({"a.b": {"$elemMatch": {"$gt": 1}}}, {"a": {"b": [[1, 2]]}}),
    ({"a.b": 1}, {"a": [[{"b": 1}]]}),
    ({"a": {"b": 1, "c": 2}}, {"a": {"c": 2, "b": 1}}),
    ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}),
    ({"a": {"$ne": 1}}, {"a": [2, 1]}),
    ({"a": {"$nin": [1, None]}}, {}),
    ({"a": {"$in": []}}, {}),
    ({"a": {"$exists": True}}, {}),
    ({"a.b": {"$exists": True}}, {"a": []}),
    ({"a": {"$gt": 5}}, {"a": "6"}),
    ({"a": {"$lt": 5}}, {"a": None}),
    ({"a": {"$lt": 5}}, {}),
    ({"a": {"$lt": 5}}, {"a": math.nan}),
    ({"a": {"$gt": -math.inf}}, {"a": math.nan}),
    ({"a": {"$lt": math.nan}}, {"a": 1}),
    ({"a": {"$gt": None}}, {"a": 1}),
    ({"a": {"$lt": True}}, {"a": 0}),
    ({"a": {"$gt": 2**53}}, {"a": 2.0**53}),
    ({"a": {"$type": "int"}}, {"a": 1.0}),
    ({"a": {"$type": "int"}}, {"a": True}),
    ({"a": {"$type": "null"}}, {}),
    ({"a": {"$regex": "x"}}, {"a": 5}),
    ({"a": {"$not": {"$gt": 5}}}, {"a": [1, 6]}),
    ({"a": {"$not": {"$gt": 1, "$lt": 5}}}, {"a": [0, 10]}),
    ({"a": {"$elemMatch": {"b": 1, "c": 2}}}, {"a": [{"b": 1}, {"c": 2}]}),
    ({"a": {"$elemMatch": {"b": 1}}}, {"a": {"b": 1}}),
    ({"a": {"$elemMatch": {"$gt": 1, "$lt": 5}}}, {"a": [0, 10]}),
    ({"a": 1, "b": 2}, {"a": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("query", "document"), _FINDS)
def test_a_query_finds(query: dict[str, Any], document: dict[str, Any]) -> None:
    assert compile_query(query).matches(document)


@pytest.mark.parametrize(("query", "document"), _MISSES)
def test_a_query_does_not_find(query: dict[str, Any], document: dict[str, Any]) -> None:
    assert not compile_query(query).matches(document)


@pytest.mark.parametrize(
    ("query", "code", "told"),
    [
        ({"$or": [{"a": 1}]}, 2, "unknown top level operator: $or"),
        ({"$where": "1"}, 2, "unknown top level operator: $where"),
        ({"a": {"$size": 1}}, 2, "unknown operator: $size"),
        ({"a": {"$gt": 1, "b": 2}}, 2, "unknown operator: b"),
        ({"a": {"$in": 1}}, 2, r"\$in needs an array"),
        ({"a": {"$in": [{"$gt": 1}]}}, 2, r"cannot nest \$ under \$in"),
        ({"a": {"$not": 5}}, 2, r"\$not needs a regex or a document"),
        ({"a": {"$elemMatch": 5}}, 2, r"\$elemMatch needs an Object"),
        ({"a": {"$options": "i"}}, 2, r"\$options needs a \$regex"),
        ({"a": {"$type": "text"}}, 2, "Unknown type name alias: text"),
        ({"a": {"$type": ["int"]}}, 238, "does not know"),
        ({"a": Regex("x")}, 238, "does not know compiled patterns"),
        ({"a": {"$in": [Regex("x")]}}, 238, "does not know compiled patterns"),
        ({"a": {"$regex": "x", "$options": "x"}}, 238, "does not know the option"),
        *[
            ({"a": {"$regex": pattern}}, 238, "could take long")
            for pattern in ("(a+)+$", "a*", "a{9}", "a|b", "a?", "(a)", "\\w", "[a", "a" * 501)
        ],
    ],
)
def test_what_is_not_known_is_refused(query: dict[str, Any], code: int, told: str) -> None:
    with pytest.raises(OperationFailure, match=told.replace("$", r"\$").replace(r"\\$", r"\$")) as raised:  # fmt: skip
        compile_query(query)
    assert raised.value.code == code


def test_a_pattern_is_not_searched_for_in_a_text_that_takes_too_long() -> None:
    query = compile_query({"a": {"$regex": "[^\\x00-\\x7f]"}})
    assert not query.matches({"a": "x" * 300_000})
    with pytest.raises(OperationFailure, match="texts of over 416,666 characters"):
        query.matches({"a": "x" * 500_000})


def _point(value: Any) -> tuple[bytes, bytes]:
    return sort_key(value), sort_key(value) + END


@pytest.mark.parametrize(
    ("query", "ranges", "exact", "missing"),
    [
        ({"a": 5}, [_point(5)], True, False),
        ({"a": None}, [_point(None)], True, True),
        ({"a": {"$in": [3, "x", 1]}}, [_point(1), _point(3), _point("x")], True, False),
        ({"a": {"$gt": 5}}, [(sort_key(5) + END, b"\x1f")], True, False),
        ({"a": {"$gte": 5, "$lt": 9}}, [(sort_key(5), sort_key(9))], True, False),
        ({"a": {"$gt": 9, "$lt": 5}}, [], True, False),
        ({"a": {"$gt": 1, "$in": [0, 1, 2]}}, [_point(2)], True, False),
        ({"a": {"$eq": None, "$exists": True}}, [_point(None)], False, True),
        ({"a": {"$eq": 1, "$exists": True}}, [_point(1)], True, False),
        ({"a": [1]}, [_point(1), _point([1])], False, False),
    ],
)
def test_what_a_query_says_to_an_index(
    query: dict[str, Any], ranges: list[Any], exact: bool, missing: bool
) -> None:
    found = compile_query(query).intervals("a", multikey=False)
    assert found is not None
    assert (list(found.ranges), found.exact, found.holds_missing) == (ranges, exact, missing)


def test_an_index_of_arrays_is_used_for_one_condition_only() -> None:
    """`[0, 10]` has a value above 1 and one below 5, though none between them."""
    found = compile_query({"a": {"$gt": 1, "$lt": 5}}).intervals("a", multikey=True)
    assert found is not None
    assert list(found.ranges) == [(sort_key(1) + END, b"\x1f")]
    assert not found.exact


@pytest.mark.parametrize(
    "wanted", [{"$exists": True}, {"$regex": "x"}, {"$not": {"$gt": 1}}, {"$gt": [1]}, {"$ne": [1]}]
)
def test_what_says_nothing_to_an_index(wanted: Any) -> None:
    assert compile_query({"a": wanted}).intervals("a", multikey=False) is None


@pytest.mark.parametrize("wanted", [{"$ne": None}, {"$nin": [1, None]}])
def test_no_index_of_arrays_says_what_is_not_null(wanted: Any) -> None:
    """`{"a": []}` has the key of null at `a.b`, where it has nothing that is null."""
    assert compile_query({"a.b": wanted}).intervals("a.b", multikey=True) is None
    assert compile_query({"a.b": wanted}).matches({"a": []})
    found = compile_query({"a.b": wanted}).intervals("a.b", multikey=False)
    assert found is not None
    assert not found.holds_missing


@pytest.mark.parametrize(
    ("query", "filter_", "implied"),
    [
        ({"open": True, "b": 1}, {"open": True}, True),
        ({"b": 1}, {"open": True}, False),
        ({"open": False}, {"open": True}, False),
        ({"open": None}, {"open": None}, True),
        ({"keyed": "x"}, {"keyed": {"$exists": True}}, True),
        ({"keyed": None}, {"keyed": {"$exists": True}}, False),
        ({"keyed": {"$in": ["x", None]}}, {"keyed": {"$exists": True}}, False),
        ({"keyed": {"$exists": True}}, {"keyed": {"$exists": True}}, True),
        ({"keyed": {"$ne": 1}}, {"keyed": {"$exists": True}}, False),
        ({"n": {"$gt": 5}}, {"n": {"$gte": 5}}, True),
        ({"n": {"$gte": 5}}, {"n": {"$gt": 5}}, False),
        ({"n": 7}, {"n": {"$gt": 5}}, True),
        ({"n": [7]}, {"n": [7]}, True),
        ({"n": [7]}, {"n": 7}, False),
        ({"n": {"$gt": [1]}}, {"n": 7}, False),
    ],
)
def test_which_partial_index_a_query_may_use(
    query: dict[str, Any], filter_: dict[str, Any], implied: bool
) -> None:
    assert compile_query(query).implies(compile_query(filter_)) is implied


_SCALARS = st.sampled_from(
    [None, True, False, 0, 1, 1.0, 1.5, math.nan, math.inf, Int64(2**53 + 1), "", "a", "b", b"x", _NOW, {}, {"b": 1}]
)  # fmt: skip
_VALUES = st.one_of(_SCALARS, st.lists(_SCALARS, max_size=3))
_OPERATORS = st.one_of(
    st.tuples(st.sampled_from(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"]), _VALUES),
    st.tuples(st.sampled_from(["$in", "$nin"]), st.lists(_VALUES, max_size=3)),
    st.tuples(st.just("$exists"), st.booleans()),
)
_QUERIES = st.lists(_OPERATORS, min_size=1, max_size=3).map(lambda pairs: {"a": dict(pairs)})
_MISSING: dict[str, Any] = {}


@given(_QUERIES, st.one_of(st.just(_MISSING), _SCALARS.map(lambda value: {"a": value})))
def test_a_single_value_that_is_found_has_its_key_in_the_intervals(
    query: dict[str, Any], document: dict[str, Any]
) -> None:
    compiled = compile_query(query)
    found = compiled.intervals("a", multikey=False)
    if found is not None:
        inside = holds(found.ranges, sort_key(document.get("a")))
        assert inside or not compiled.matches(document)
        if found.exact:
            assert inside is compiled.matches(document)
        assert found.holds_missing or document or not compiled.matches(document)


@given(_QUERIES, _VALUES)
def test_an_array_that_is_found_has_a_key_in_the_intervals(
    query: dict[str, Any], value: Any
) -> None:
    compiled = compile_query(query)
    found = compiled.intervals("a", multikey=True)
    if found is not None and compiled.matches({"a": value}):
        elements = value if isinstance(value, list) else [value]
        keys = [sort_key(element) for element in elements] or [EMPTY_ARRAY_KEY]
        assert any(holds(found.ranges, key) for key in keys)


@given(_QUERIES, _QUERIES, st.one_of(st.just(_MISSING), _VALUES.map(lambda value: {"a": value})))
def test_what_implies_a_filter_finds_nothing_outside_of_it(
    query: dict[str, Any], filter_: dict[str, Any], document: dict[str, Any]
) -> None:
    compiled, filtered = compile_query(query), compile_query(filter_)
    if compiled.implies(filtered) and compiled.matches(document):
        assert filtered.matches(document)
