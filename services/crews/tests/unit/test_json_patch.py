"""Two values, and the operations that make one of the other."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crews.domain.json_patch import Operation, json_patch

NAMES = st.text(alphabet="ab~/", min_size=0, max_size=2)
LEAVES = st.none() | st.booleans() | st.integers(0, 2) | st.just(1.0) | st.text("x", max_size=1)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
ENTRIES = st.lists(
    st.builds(lambda key, value: {"id": key, "value": value}, st.sampled_from("abcde"), VALUES),
    max_size=5,
    unique_by=lambda entry: entry["id"],
)


def place_of(value: Any, path: str) -> tuple[Any, Any]:
    *way, last = [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]
    for part in way:
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value, int(last) if isinstance(value, list) else last


def applied(before: Any, patch: list[Operation]) -> Any:
    """Return what RFC 6902 says that `patch` makes of `before`."""
    held = {"": copy.deepcopy(before)}
    for operation in patch:
        value = operation.get("value")
        if operation["op"] in {"move", "remove"}:
            where, key = place_of(held, "/" + operation.get("from", operation["path"]))
            value = where.pop(key)
        if operation["op"] == "remove":
            continue
        where, key = place_of(held, "/" + operation["path"])
        if isinstance(where, list) and operation["op"] != "replace":
            where.insert(key, value)
        else:
            where[key] = value
    return held[""]


@settings(max_examples=150)
@given(VALUES | ENTRIES, VALUES | ENTRIES)
def test_a_patch_makes_the_other_of_the_one(before: Any, after: Any) -> None:
    patch = json_patch(before, after)
    assert repr(applied(before, patch)) == repr(after) or applied(before, patch) == after
    assert json_patch(after, copy.deepcopy(after)) == []


@settings(max_examples=60)
@given(ENTRIES, ENTRIES)
def test_entries_with_ids_are_placed(before: Any, after: Any) -> None:
    assert applied(before, json_patch(before, after)) == after


@pytest.mark.parametrize(
    ("before", "after", "patch"),
    [
        ({"a": 1}, {"a": True}, [{"op": "replace", "path": "/a", "value": True}]),
        ({"a/b": 1}, {"m~n": 1}, ["remove /a~1b", {"op": "add", "path": "/m~0n", "value": 1}]),
        (["x", "y"], ["w", "x", "y"], [{"op": "add", "path": "/0", "value": "w"}]),
        (
            [{"id": "1", "n": 1}, {"id": "2", "n": 2}],
            [{"id": "3"}, {"id": "1", "n": 1}, {"id": "2", "n": 0}],
            [
                {"op": "add", "path": "/0", "value": {"id": "3"}},
                {"op": "replace", "path": "/2/n", "value": 0},
            ],
        ),
        (
            [{"id": "1"}, {"id": "2"}],
            [{"id": "2"}, {"id": "1"}],
            [{"op": "move", "from": "/1", "path": "/0"}],
        ),
    ],
)
def test_patches_say_no_more_than_what_is_different(before: Any, after: Any, patch: Any) -> None:
    told = [
        f"remove {one['path']}" if one["op"] == "remove" else one
        for one in json_patch(before, after)
    ]
    assert told == patch
