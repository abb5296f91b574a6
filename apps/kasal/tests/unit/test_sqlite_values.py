"""The order of values: what docs.mongodb.com says of it, and that keys keep it."""

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Binary, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.errors import InvalidDocument
from hypothesis import given
from hypothesis import strategies as st
from pymongo.errors import OperationFailure

from kasal_platform.embedded.sqlite.values import (
    END,
    compare,
    equal,
    plain,
    reversed_key,
    sort_key,
    type_bounds,
)

_RISING: list[Any] = [
    MinKey(),
    None,
    math.nan,
    -math.inf,
    -1e300,
    Int64(-(2**63)),
    Int64(-(2**63) + 1),
    -(2**53) - 1,
    -(2.0**53),
    -1,
    -1e-300,
    0,
    1e-300,
    1.5,
    2**53,
    2**53 + 1,
    2**53 + 2,
    Int64(2**63 - 1),
    2.0**63,
    1e300,
    math.inf,
    "",
    "\x00",
    "\x00\x00",
    "\x00\x01",
    "\x01",
    "A",
    "a",
    "a\x00",
    "a\x00b",
    "a\x01",
    "aa",
    "ä",
    "\uffff",
    "\U0001f600",
    {},
    {"b": 1},
    {"b": 1, "a": 1},
    {"a": "x"},
    {"a": "x", "b": None},
    [],
    [None],
    [1],
    [1, 2],
    [2],
    ["a"],
    b"",
    Binary(b"", 5),
    b"z",
    b"aa",
    ObjectId("000000000000000000000001"),
    ObjectId("000000000000000000000002"),
    False,
    True,
    datetime(1900, 1, 1, tzinfo=UTC),
    datetime(2026, 1, 1, 0, 0, 0, 1_000, tzinfo=UTC),
    datetime(2026, 1, 1, 0, 0, 0, 2_000),  # noqa: DTZ001 - taken for UTC
    MaxKey(),
]


@pytest.mark.parametrize("place", range(len(_RISING) - 1))
def test_values_of_all_types_are_in_the_order_of_mongodb(place: int) -> None:
    for higher in _RISING[place + 1 :]:
        assert compare(_RISING[place], higher) == -1, higher
        assert compare(higher, _RISING[place]) == 1, higher
        assert reversed_key(sort_key(_RISING[place])) > reversed_key(sort_key(higher)), higher


def test_no_key_begins_with_another_so_that_keys_can_be_joined() -> None:
    keys = [sort_key(value) for value in _RISING]
    assert not [(a, b) for a in keys for b in keys if a is not b and b.startswith(a)]
    assert all(key < END for key in keys)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1, 1.0, True),
        (1, Int64(1), True),
        (0.0, -0.0, True),
        (math.nan, math.nan, True),
        (2**53 + 1, 2.0**53, False),
        (1, True, False),
        (0, False, False),
        (None, False, False),
        ("1", 1, False),
        (b"a", "a", False),
        (b"a", Binary(b"a", 0), True),
        (b"a", Binary(b"a", 5), False),
        ({"a": 1, "b": 2}, {"a": 1.0, "b": 2}, True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, False),
        ([1, 2], [2, 1], False),
        ([True], [1], False),
        (datetime(2026, 1, 1, 0, 0, 0, 1_999, tzinfo=UTC), datetime(2026, 1, 1, 0, 0, 0, 1_000), True),  # noqa: DTZ001
    ],
)  # fmt: skip
def test_equality_is_that_of_mongodb(one: Any, other: Any, same: bool) -> None:
    assert equal(one, other) is equal(other, one) is same
    assert (compare(one, other) == 0) is same


@given(
    st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False)),
    st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False)),
)
def test_numbers_compare_exactly_across_types(one: float, other: float) -> None:
    assert compare(one, other) == (one > other) - (one < other)


@given(st.text(), st.text(), st.integers(-5, 5), st.integers(-5, 5))
def test_joined_keys_compare_field_by_field(a: str, b: str, m: int, n: int) -> None:
    """Also where the second field is descending, and the first ends in the other's beginning."""
    left = sort_key(a) + reversed_key(sort_key(m))
    right = sort_key(b) + reversed_key(sort_key(n))
    assert (left < right) == ((a.encode(), -m) < (b.encode(), -n))


def test_a_range_holds_one_type_and_no_nan() -> None:
    low, high = type_bounds(5)
    inside = [value for value in _RISING if low <= sort_key(value) < high]
    assert inside == [
        value for value in _RISING if type(value) in {int, float, Int64} and value == value
    ]
    low, high = type_bounds(True)
    assert [value for value in _RISING if low <= sort_key(value) < high] == [False, True]


@pytest.mark.parametrize("value", [Decimal128("1"), Regex("a"), {"a": [Timestamp(1, 1)]}])
def test_types_that_no_store_writes_are_refused(value: Any) -> None:
    for use in (sort_key, plain):
        with pytest.raises(OperationFailure, match="keeps no values of type"):
            use(value)


@pytest.mark.parametrize("value", [object(), {"a": [{1, 2}]}])
def test_what_is_no_bson_value_is_refused_as_pymongo_refuses_it(value: Any) -> None:
    for use in (sort_key, plain):
        with pytest.raises(InvalidDocument):
            use(value)


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1])
def test_integers_of_more_than_64_bits_are_refused_as_pymongo_refuses_them(value: int) -> None:
    with pytest.raises(OverflowError, match="8-byte ints"):
        sort_key(value)
