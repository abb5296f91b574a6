"""Schemas that no run can use are refused, and looking at them holds nobody up."""

import pytest

from crews.domain.schemas import schema_faults
from devkit.loop_lag import loop_lag

D1 = {
    "default": [-1] * 3_000,
    "type": "array",
    "items": {"anyOf": [{"const": number} for number in range(600)]},
}


@pytest.mark.parametrize(
    ("schema", "field"),
    [
        ({"type": "objekt"}, "parameters.type"),
        (
            {"properties": {"a": {"pattern": "(?:a{1,500}){1,500}"}}},
            "parameters.properties.a.pattern",
        ),
        ({"properties": {"a": {"$ref": "#/$defs/b"}}}, "parameters.properties.a.$ref"),
        ({"items": {"$ref": "https://example.com/s.json"}}, "parameters.items.$ref"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, "parameters"),
        ({"anyOf": [{"type": "null"}, {"$ref": "#"}]}, "parameters"),
        ({"$ref": "#/$defs/a", "$defs": {"a": 5}}, "parameters.$defs.a"),
        ({"enum": [{"$ref": "#/x"}], "$ref": "#/enum"}, "parameters.$ref"),
    ],
)
async def test_what_no_run_can_use_is_named(schema, field):
    faults = await schema_faults([("parameters", schema)])
    assert [fault["field"] for fault in faults] == [field]
    assert faults[0]["reason"]


@pytest.mark.parametrize(
    "schema",
    [
        D1,
        {"pattern": "^(?!foo)(?=.*[0-9]).+$"},
        {"properties": {"child": {"$ref": "#"}}},
        {"$defs": {"a": {"$anchor": "x", "type": "string"}}, "$ref": "#x"},
        {"$id": "http://h/s", "$defs": {"a": {"$id": "t", "type": "string"}}, "$ref": "t"},
        {"examples": [{"$ref": "#/nowhere"}], "const": {"pattern": "("}},
    ],
)
async def test_what_can_be_used_is_taken_and_holds_nobody_up(schema):
    await schema_faults(
        [("output_schema", {"pattern": "a", "$ref": "#/$defs/b", "$defs": {"b": {}}})]
    )
    async with loop_lag():
        assert await schema_faults([(f"tasks.{n}.output_schema", schema) for n in range(20)]) == []
