"""Users' schemas: checked as jsonschema would, but within bounds."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from executor.tools.arguments import complaint


def bomb(levels=40):
    """Return a schema whose references double at each level."""
    twice = {
        f"l{n}": {"allOf": [{"$ref": f"#/$defs/l{n + 1}"}, {"$ref": f"#/$defs/l{n + 1}"}]}
        for n in range(levels)
    }
    return {"$defs": {**twice, f"l{levels}": {"type": "integer"}}, "$ref": "#/$defs/l0"}


EVIL = "(a+)+$"
TEXT = "a" * 60 + "!"


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"pattern": EVIL}, TEXT),
        ({"properties": {"x": {"pattern": EVIL}}}, {"x": TEXT}),
        ({"patternProperties": {EVIL: {}}}, {TEXT: 1}),
        ({"patternProperties": {EVIL: {}}, "additionalProperties": False}, {TEXT: 1}),
        ({"patternProperties": {EVIL: {}}, "unevaluatedProperties": False}, {TEXT: 1}),
        ({"propertyNames": {"pattern": EVIL}}, {TEXT: 1}),
        (bomb(), 1),
        (bomb(), "x"),
    ],
)
def test_no_schema_keeps_it_busy(schema, value):
    begun = time.monotonic()
    complaint(schema, value)
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize(
    "schema", [{"pattern": "a(?=b)"}, {"pattern": "("}, {"$ref": "http://h/s"}]
)
def test_what_cannot_be_checked_is_said(schema):
    assert "its JSON Schema cannot be used" in complaint(schema, "ab")


KEYS = st.text(alphabet="abx", max_size=3)
VALUES = st.dictionaries(
    KEYS, st.one_of(st.integers(-3, 3), st.text("ab1", max_size=3)), max_size=4
)
RULES = st.one_of(
    st.just({}), st.just({"type": "integer"}), st.just({"pattern": "^a+$"}), st.just(False)
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(KEYS, RULES, max_size=2),
            "patternProperties": st.dictionaries(
                st.sampled_from(["^a", "b$", "x"]), RULES, max_size=2
            ),
            "additionalProperties": RULES,
            "required": st.lists(KEYS, max_size=2, unique=True),
            "$ref": st.just("#/$defs/some"),
        },
    ),
    VALUES,
)
def test_it_says_what_jsonschema_says(schema, value):
    schema = {**schema, "$defs": {"some": {"minProperties": 1}}}
    assert (complaint(schema, value) is None) is Draft202012Validator(schema).is_valid(value)
