"""A bounded dict never holds more than its bound, and what was set longest ago makes room."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.bounded_dict import BoundedDict

MOST = 3


@pytest.fixture
def full() -> BoundedDict[str, int]:
    bounded: BoundedDict[str, int] = BoundedDict(MOST)
    bounded.update(a=1, b=2, c=3)
    return bounded


def test_the_entry_set_longest_ago_makes_room(full):
    full["d"] = 4
    assert dict(full) == {"b": 2, "c": 3, "d": 4}


def test_an_entry_that_is_set_again_is_the_newest(full):
    full["a"] = 5
    full["d"] = 4
    assert dict(full) == {"c": 3, "a": 5, "d": 4}


def test_reading_does_not_keep_an_entry(full):
    assert full["a"] == full.get("a") == full.setdefault("a", 9) == 1
    full["d"] = 4
    assert "a" not in full


def test_an_entry_that_was_removed_leaves_room(full):
    del full["b"]
    full["d"] = 4
    assert set(full) == {"a", "c", "d"}


@pytest.mark.parametrize(
    "write",
    [
        lambda bounded: bounded.update(x=1, y=2),
        lambda bounded: [bounded.setdefault(key, 1) for key in "xy"],
        lambda bounded: bounded.__ior__({"x": 1, "y": 2}),
    ],
    ids=["update", "setdefault", "in-place union"],
)
def test_the_bound_holds_however_entries_are_set(full, write):
    write(full)
    assert list(full) == ["c", "x", "y"]


def test_a_bound_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        BoundedDict(0)


@given(st.integers(1, 5), st.lists(st.tuples(st.booleans(), st.integers(0, 8))))
def test_it_holds_the_keys_last_set(most, steps):
    bounded: BoundedDict[int, int] = BoundedDict(most)
    newest: list[int] = []
    for number, (sets, key) in enumerate(steps):
        newest = [other for other in newest if other != key]
        if sets:
            bounded[key] = number
            newest = [*newest, key][-most:]
        else:
            bounded.pop(key, None)
        assert list(bounded) == newest
