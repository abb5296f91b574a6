"""JSON in models' answers: read however it is wrapped, kept as it was said, or refused with a reason."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.schemas.validation import complaint_within as complaint
from devkit.cpu_time import cpu_limit
from executor.domain.log.records import json_bytes
from executor.engine.values import LONGEST, UnreadableValue, find_value

OBJECT = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def read(text, schema=OBJECT):
    return find_value(text, lambda value: complaint(schema, value))


def test_line_breaks_in_texts_need_no_escape():
    assert read('{"n": 1, "t": "a\nb\tc"}')["t"] == "a\nb\tc"


@pytest.mark.parametrize(
    "text",
    [
        '{"n": 1}',
        '\ufeff{"n": 1}',
        ' \r\n{"n": 1}\n',
        '```json\n{"n": 1}\n```',
        '```json {"n": 1}```',
        '```{"n": 1}```',
        '```JSON\r\n{"n": 1}\r\n```\r\n',
        '```json\n{"n": 1}',
        'Here it is:\n```json\n{"n": 1}\n```\nAnything else?',
        '```python\nprint(1)\n```\nand\n```json\n{"n": 1}\n```',
        '```json\n{"n": 1}\n```\nIt follows from\n```\nthe sources\n```',
        '```json\n{"m": 0}\n```\nNo, corrected:\n```json\n{"n": 1}\n```',
        'The answer is {"n": 1}.',
        'Infinity is no number, so: {"n": 1}',
        '1e999 is too large, so {"n": 1}',
        '99999999999999999999999 too, so {"n": 1}',
        'As [1] and {name} say:\n{"n": 1}\nHope this helps!',
        'See [the docs](https://example.org): {"n": 1}',
        json.dumps('{"n": 1}'),
        json.dumps(json.dumps('{"n": 1}')),
        "```json\n" + json.dumps('{"n": 1}') + "\n```",
        "```json\n" + json.dumps({"n": 1}, indent=4) + "\n```",
    ],
)
def test_a_value_is_read_however_it_is_wrapped(text):
    try:
        assert read(text) == {"n": 1}
    except UnreadableValue as fault:
        pytest.fail(str(fault))


@pytest.mark.parametrize(
    ("text", "schema", "value"),
    [
        ('{"n": 1, "code": "```json\\n{}\\n```"}', OBJECT, {"n": 1, "code": "```json\n{}\n```"}),
        ('```json\n{"n": 1, "c": "```x```"}\n```', OBJECT, {"n": 1, "c": "```x```"}),
        ('"{}"', {"type": "string"}, "{}"),
        ("[1, 2]", {"type": "array"}, [1, 2]),
        ("```\n5\n```", {"type": "integer"}, 5),
        ("```5```", {"type": "integer"}, 5),
        (str(2**63 - 1), {"type": "integer"}, 2**63 - 1),
        ("1e300", {"type": "number"}, 1e300),
        ('"\\ud83d\\ude00"', {"type": "string"}, "😀"),
        ('"\\ud83d"', {"type": "string"}, "?"),
        ('{"n": 1, "t": "1e999 NaN 123456789012345678901234567890"}', OBJECT, None),
    ],
)
def test_a_value_is_kept_as_it_was_said(text, schema, value):
    found = read(text, schema)
    assert found == (json.loads(text) if value is None else value)
    assert json.loads(json_bytes(found)) == found


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("NaN", "not a number in JSON"),
        ('{"n": Infinity}', "not a number in JSON"),
        ("-Infinity", "not a number in JSON"),
        ("1e999", "out of range"),
        ('{"n": -1e999}', "out of range"),
        ("9" * 30, "out of range"),
        (str(2**64), "out of range"),
        (str(-(2**63) - 1), "out of range"),
        ("9" * 5_000, "out of range"),
        ("[" * 300 + "]" * 300, "nested deeper"),
        ("[" * 101 + "]" * 101, "nested deeper"),
        ('{"a":' * 50_000, "deep"),
        ("[" * 200_000, "deep"),
        ('{"n": "x"}', "meet the schema"),
        ('{"n": 1, "items": [{"n": 2}, {"n": 3}', "not one JSON value"),
        ('{"n": tru, "m": {"n": 1}}', "not one JSON value"),
        ("no json", "not one JSON value"),
        ("", "not one JSON value"),
        ("```json\n{broken\n```", "not one JSON value"),
        ("```json\n9e999\n```", "out of range"),
        ('{"n": 1}' + " " * LONGEST, "too long"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_the_reason(text, reason):
    with pytest.raises(UnreadableValue, match=reason):
        read(text)


HOSTILE = [
    "```" + "\n" * 2_000 + "x",
    "```" + "\n" * 250_000 + "x",
    "```" * 80_000,
    "[" * 250_000,
    '{"a":' * 50_000,
    '["' * 120_000,
    '{"' * 120_000,
    "{ " * 120_000,
    "[1," * 80_000,
    "```json\n[" * 20_000,
    "9" * 250_000,
    "9e9" * 80_000,
    ("9" * 18 + " ") * 13_000,
    " " * 250_000 + "x",
    "\ufeff" * 200_000,
    '"' + "\\ud800" * 40_000 + '"',
    "x" * 10_000_000,
    "[" + "[]," * 80_000 + "1]",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_answer_is_read_in_little_time(text):
    with cpu_limit(0.25), contextlib.suppress(UnreadableValue):
        read(text, {"type": "integer"})


scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=20)
scalars |= st.floats(allow_nan=False, allow_infinity=False)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=20,
)
around = st.text(
    alphabet=st.characters(exclude_characters="[]{}`\"'", exclude_categories=["Cs"]), max_size=40
)


@given(
    value=st.dictionaries(st.text(max_size=5), anything, min_size=1),
    before=around,
    after=around,
    indent=st.sampled_from([None, 2]),
)
def test_any_object_comes_out_of_any_prose(value, before, after, indent):
    said = json.dumps(value, ensure_ascii=False, indent=indent)
    schema = {"const": value}
    for text in (
        said,
        f"{before}{said}{after}",
        f"{before}\n```json\n{said}\n```\n{after}",
        json.dumps(said),
    ):
        assert read(text, schema) == value


@given(text=st.text(alphabet='{}[]"`:,0123456789eE.\\nul \n', max_size=200))
def test_whatever_is_said_is_a_value_that_can_be_stored_or_a_reason(text):
    try:
        value = read(text, {})
    except UnreadableValue:
        return
    assert json.loads(json_bytes(value)) == value
