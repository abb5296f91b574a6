"""What a model sends is read as what it can only have meant, and no further."""

import pytest

from executor.tools.arguments import fit_arguments

CHOICE = {"anyOf": [{"type": "integer"}, {"type": "null"}]}
SCHEMA = {
    "type": "object",
    "required": ["id"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string"},
        "n": {"type": "integer"},
        "x": {"type": "number"},
        "on": {"type": "boolean"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "empty": CHOICE,
        "kind": {"enum": ["a", "b"]},
        "either": {"type": ["integer", "boolean"]},
        "place": {"$ref": "#/$defs/place"},
    },
    "$defs": {"place": {"type": "object", "properties": {"lat": {"type": "number"}}}},
}


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ({"n": None, "kind": None, "place": None, "more": None}, {}),
        ({"empty": None}, {"empty": None}),
        ({"n": "5"}, {"n": 5}),
        ({"n": " -12 "}, {"n": -12}),
        ({"empty": "5"}, {"empty": 5}),
        ({"x": "2.5e3"}, {"x": 2500.0}),
        ({"on": "true"}, {"on": True}),
        ({"on": "False"}, {"on": False}),
        ({"tags": "one"}, {"tags": ["one"]}),
        ({"tags": [1, "b"]}, {"tags": ["1", "b"]}),
        ({"tags": '["a", "b"]'}, {"tags": ["a", "b"]}),
        ({"id": 7}, {"id": "7"}),
        ({"place": '{"lat": "1.5"}'}, {"place": {"lat": 1.5}}),
        ({"place": {"lat": None}}, {"place": {}}),
    ],
)
async def test_what_can_only_mean_one_thing_is_read(sent, meant):
    assert await fit_arguments(SCHEMA, {"id": "a", **sent}) == {"id": "a", **meant}


@pytest.mark.parametrize(
    "sent",
    [
        {"id": None},
        {"n": "five"},
        {"n": "5.5"},
        {"n": True},
        {"on": "yes"},
        {"on": 1},
        {"either": "5"},
        {"kind": "c"},
        {"place": "{broken"},
        {"more": 1},
        {"n": "9" * 400},
    ],
)
async def test_what_may_mean_something_else_is_refused(sent):
    assert isinstance(await fit_arguments(SCHEMA, {"id": "a", **sent}), str)


async def test_what_fits_is_left_alone():
    arguments = {"id": "5", "n": 5}
    assert await fit_arguments(SCHEMA, arguments) is arguments


async def test_arguments_that_are_no_object_are_refused():
    assert await fit_arguments({}, None) == "they are not a JSON object."
