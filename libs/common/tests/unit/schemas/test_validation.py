"""Users' schemas: checked as jsonschema would, but within bounds.

Covers: common.schemas.choices, common.schemas.kept
"""

import math
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from common.schemas import patterns, validation
from common.schemas.validation import complaint as beside_the_loop
from common.schemas.validation import complaint_within as complaint
from devkit.loop_lag import loop_lag


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
    begun = time.thread_time()
    complaint(schema, value)
    assert time.thread_time() - begun < 4


@pytest.mark.parametrize(
    "schema", [{"pattern": "(?:a{1,500}){1,500}"}, {"pattern": "("}, {"$ref": "http://h/s"}]
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


def nested(depth, inner, wrap):
    for _ in range(depth):
        inner = wrap(inner)
    return inner


def dependents(levels=30):
    """Return a schema that doubles at each level where only evaluated properties are asked for."""
    twice = {
        f"l{n}": {
            "dependentSchemas": {
                "a": {"$ref": f"#/$defs/l{n + 1}"},
                "b": {"$ref": f"#/$defs/l{n + 1}"},
            }
        }
        for n in range(levels)
    }
    defs = {**twice, f"l{levels}": {}}
    return {"unevaluatedProperties": False, "$defs": defs, "$ref": "#/$defs/l0"}


NUMBERS = [-1] * 3_000
HOSTILE = {
    "many choices for many items": (
        {
            "default": NUMBERS,
            "type": "array",
            "items": {"anyOf": [{"const": n} for n in range(600)]},
        },
        NUMBERS,
    ),
    "one of many": ({"items": {"oneOf": [{"minimum": -n} for n in range(600)]}}, NUMBERS),
    "all of many that allow everything": ({"items": {"allOf": [True] * 9_000}}, NUMBERS),
    "unknown words": ({"items": {f"x{n}": n for n in range(4_000)}}, NUMBERS),
    "big enumeration": ({"items": {"enum": [[n, "x"] for n in range(3_000)]}}, [[1, "y"]] * 3_000),
    "long constant": ({"items": {"const": [0] * 9_000}}, [[0] * 8_999 + [1]] * 20),
    "unique objects": ({"uniqueItems": True}, [{"a": n, "b": [n]} for n in range(20_000)]),
    "unique mixed": ({"uniqueItems": True}, [n if n % 2 else str(n) for n in range(20_000)]),
    "contains": ({"items": {"contains": {"enum": list(range(99))}}}, [[-1] * 200] * 200),
    "required": ({"items": {"required": [f"r{n}" for n in range(3_000)]}}, [{}] * 500),
    "property names": ({"propertyNames": {"enum": ["a"] * 1}}, {f"n{n}": 0 for n in range(20_000)}),
    "not evaluated": (
        {"items": {"unevaluatedProperties": False, "anyOf": [{"properties": {"a": {}}}] * 500}},
        [{"b": 1}] * 500,
    ),
    "dependent schemas": (dependents(), {"a": 1, "b": 1}),
    "references": (bomb(), 1),
    "another dialect inside": (
        {"allOf": [{"$schema": "http://json-schema.org/draft-07/schema#", **bomb()}]},
        1,
    ),
    "a recursive tree": (
        {"items": {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}},
        nested(60, [1], lambda inner: [inner]),
    ),
    "large messages": (
        nested(40, {"type": "string"}, lambda inner: {"allOf": [inner, {"type": "string"}]}),
        ["x" * 50] * 5_000,
    ),
    "large counted repetition": ({"items": {"pattern": "(?:a{1,50}){1,20}b"}}, ["a" * 3_000] * 50),
    "steps back": ({"items": {"pattern": "(?!x)(a|aa)+$"}}, ["a" * 900 + "!"] * 500),
    "long text, steps back": ({"pattern": "(?!x)(a|aa)+$"}, "a" * 200_000 + "!"),
    "many patterns": (
        {"patternProperties": {f"^x{{{n}}}(a+)+$": {} for n in range(900)}},
        {f"a{n}": 1 for n in range(900)},
    ),
    "deep value": (
        {"$ref": "#/$defs/t", "$defs": {"t": {"items": {"$ref": "#/$defs/t"}}}},
        nested(3_000, [], lambda inner: [inner]),
    ),
    "multiples": ({"items": {"multipleOf": 1e-300}}, [1e300, 10**300] * 2_000),
    "deep pointers": (
        {
            "items": {"$ref": "#/$defs" + "/a/$defs" * 40 + "/a"},
            "$defs": nested(41, {"type": "string"}, lambda inner: {"a": {"$defs": inner}}),
        },
        NUMBERS,
    ),
}


@pytest.mark.parametrize(("schema", "value"), HOSTILE.values(), ids=HOSTILE)
async def test_no_schema_holds_the_loop(schema, value):
    await beside_the_loop({"pattern": "x", "unevaluatedProperties": {"enum": [1]}}, {"a": 2})
    begun = time.process_time()
    async with loop_lag(starved=math.inf):
        await beside_the_loop(schema, value)
    assert time.process_time() - begun < 8


async def test_what_is_found_before_the_work_is_too_much_is_said():
    schema, value = HOSTILE["many choices for many items"]
    assert "-1 is not valid" in await beside_the_loop(schema, value)


async def test_work_without_an_end_is_said():
    assert "too much work" in await beside_the_loop(bomb(), 1)


async def test_a_large_honest_value_is_checked():
    row = {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}
    rows = [{"a": n, "b": "x"} for n in range(20_000)]
    schema = {"type": "array", "items": row}
    assert await beside_the_loop(schema, rows) is None
    assert "'x' is not of type" in await beside_the_loop(schema, [*rows, {"a": "x"}])


@pytest.mark.parametrize(
    ("pattern", "fits", "misfit"),
    [
        ("^(?!foo).*$", "bar", "foo"),
        (r"^(?=.*\d)(?=.*[a-z]).{8,}$", "abcdefg1", "abcdefgh"),
        (r"^(\w+)-\1$", "ab-ab", "ab-ba"),
        (r"^\d+$", "12", "\u0663"),
        (r"\p{Letter}", "\u00e9", "1"),
        (r"^[^]$", "\n", ""),
        (r"^[\b]$", "\b", "b"),
        (r"^\uD83D\uDE00$", "\U0001f600", "x"),
        (r"^\u{1F600}$", "\U0001f600", "x"),
        (r"^{a}$", "{a}", "a"),
        (r"^a{2,3}$", "aa", "a"),
        (r"^[{}\]]+$", "{}]", "a"),
        ("^a$", "a", "a\n"),
    ],
)
def test_patterns_are_those_of_ecma_262(pattern, fits, misfit):
    assert complaint({"pattern": pattern}, fits) is None
    assert "does not match" in complaint({"pattern": pattern}, misfit)


@pytest.mark.parametrize(
    ("schema", "one", "other"),
    [
        ({"const": 1}, 1.0, True),
        ({"enum": [{"a": [1, None]}]}, {"a": [1.0, None]}, {"a": [1, False]}),
        ({"uniqueItems": True}, [1, True, "1", [1], [True]], [[1, {"a": 2}], [1.0, {"a": 2.0}]]),
    ],
)
def test_equal_is_what_json_schema_calls_equal(schema, one, other):
    assert complaint(schema, one) is None
    assert complaint(schema, other) is not None


def doubled(keyword: str, deep: int) -> dict[str, Any]:
    """Return a schema whose choices are two of the next one's, `deep` times."""
    parts: dict[str, Any] = {"d0": {"type": "string"}}
    for number in range(1, deep + 1):
        parts[f"d{number}"] = {keyword: [{"$ref": f"#/$defs/d{number - 1}"}] * 2}
    return {"$defs": parts, "$ref": f"#/$defs/d{deep}"}


@pytest.mark.parametrize("keyword", ["anyOf", "oneOf"])
def test_the_faults_of_many_choices_are_not_all_kept(keyword):
    schema = doubled(keyword, 12)  # 4,096 ways to be wrong
    validation._compile(validation.serialize(schema))
    tracemalloc.start()
    try:
        assert complaint(schema, 5) is not None
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


def test_long_values_are_not_quoted_in_each_fault():
    schema = {"anyOf": [{"type": "string", "minLength": n} for n in range(60)]}
    validation._compile(validation.serialize(schema))
    tracemalloc.start()
    try:
        assert complaint(schema, ["x" * 100] * 2_000) is not None
        assert tracemalloc.get_traced_memory()[1] < 6_000_000
    finally:
        tracemalloc.stop()


def test_one_of_says_which_it_fits():
    schema = {"oneOf": [{"type": "integer"}, {"minimum": 3}, {"type": "string"}]}
    assert complaint(schema, 1) is None
    assert complaint(schema, []) is None  # fits the second alone
    assert complaint(schema, 2.5) is not None
    assert "valid under each of" in str(complaint(schema, 5))


def test_patterns_are_kept_by_their_size():
    for number in range(70):
        patterns.check_pattern(f"(?:[a-z]{{1,140}}){{1,80}}x{number}")
    assert 0 < patterns._cache().size <= 50_000_000
