"""Which fields a read returns, as MongoDB's manual says."""

from typing import Any

import pytest
from pymongo.errors import OperationFailure

from kasal_platform.embedded.sqlite.projecting import compile_projection

_DOCUMENT: dict[str, Any] = {
    "_id": 1,
    "a": 1,
    "b": {"c": 2, "d": [3, 4]},
    "e": [{"f": 5, "g": 6}, 7, [{"f": 8, "g": 9}], {"g": 10}],
}


@pytest.mark.parametrize(
    ("projection", "shown"),
    [
        (None, _DOCUMENT),
        ({"a": 1}, {"_id": 1, "a": 1}),
        ({"a": True, "_id": 0}, {"a": 1}),
        ({"_id": 1}, {"_id": 1}),
        ({"_id": 0}, {name: value for name, value in _DOCUMENT.items() if name != "_id"}),
        ({"e": 1, "a": 1}, {"_id": 1, "a": 1, "e": _DOCUMENT["e"]}),
        ({"b.c": 1}, {"_id": 1, "b": {"c": 2}}),
        ({"b.x": 1, "a.x": 1, "none": 1}, {"_id": 1, "b": {}}),
        ({"e.f": 1}, {"_id": 1, "e": [{"f": 5}, [{"f": 8}], {}]}),
        ({"a": 0, "b": 0}, {"_id": 1, "e": _DOCUMENT["e"]}),
        ({"a": 0, "b": 0, "e.f": 0}, {"_id": 1, "e": [{"g": 6}, 7, [{"g": 9}], {"g": 10}]}),
        ({"b.d": {"$slice": -1}, "a": 0, "e": 0}, {"_id": 1, "b": {"c": 2, "d": [4]}}),
        ({"e": {"$slice": 1}, "b": 0}, {"_id": 1, "a": 1, "e": [{"f": 5, "g": 6}]}),
        ({"e": {"$slice": -9}, "a": 1}, {"_id": 1, "a": 1, "e": _DOCUMENT["e"]}),
        ({"a": {"$slice": 1}, "b": 0, "e": 0}, {"_id": 1, "a": 1}),
        ({"_id": 1, "b.d": {"$slice": 1}}, {"_id": 1, "b": {"d": [3]}}),
        ({"_id": 0, "e": {"$slice": 0}, "b": 0}, {"a": 1, "e": []}),
    ],
)
def test_a_projection_shows(projection: dict[str, Any] | None, shown: dict[str, Any]) -> None:
    found = compile_projection(projection).apply(_DOCUMENT)
    assert list(found.items()) == list(shown.items())


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({"e.g": 10}, [{"g": 10}]),
        ({"e.f": {"$gt": 1}}, [{"f": 5, "g": 6}]),
        ({"e": 7}, [7]),
    ],
)
def test_the_element_that_the_query_found_is_shown(query: dict[str, Any], shown: list[Any]) -> None:
    projection = compile_projection({"e.$": 1, "a": 1})
    assert projection.apply(_DOCUMENT, query) == {"_id": 1, "a": 1, "e": shown}


@pytest.mark.parametrize(
    ("projection", "code"),
    [
        ({"a": 1, "b": 0}, 31_254),
        ({"a": 0, "b": 1}, 31_253),
        ({"b": 1, "b.c": 1}, 31_249),
        ({"b.c": 1, "b": 1}, 31_250),
        ({"a": "x"}, 238),
        ({"a": {"$elemMatch": {"b": 1}}}, 238),
        ({"a": {"$slice": [1, 2]}}, 238),
        ({"a": {"$meta": "textScore"}}, 238),
        ({"a.$": 0}, 31_395),
    ],
)
def test_a_projection_is_refused(projection: dict[str, Any], code: int) -> None:
    with pytest.raises(OperationFailure) as raised:
        compile_projection(projection)
    assert raised.value.code == code


@pytest.mark.parametrize(
    ("query", "code"), [({}, 51_246), ({"a": 1}, 51_246), ({"e": 7, "e.f": 5}, 238)]
)
def test_an_element_that_no_single_condition_names_is_refused(
    query: dict[str, Any], code: int
) -> None:
    with pytest.raises(OperationFailure) as raised:
        compile_projection({"e.$": 1}).apply(_DOCUMENT, query)
    assert raised.value.code == code
