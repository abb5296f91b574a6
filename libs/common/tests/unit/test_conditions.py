"""Conditions: what they may say, what they read, and what they come to."""

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.conditions.evaluation import holds
from common.conditions.grammar import LONGEST, ConditionFault, parse_condition

OUTPUTS = {
    "research": {"score": 8, "items": None, "tags": ["a", "b"], "title": "Tea"},
    "the report": "Ready",
    "gone": None,
}
INPUTS = {"language": "en", "deep": True, "count": 3}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("outputs.research.score >= 7 and inputs.language == 'en'", True),
        ('outputs["the report"] == "Ready"', True),
        ("outputs.research.tags[0] == 'a' and outputs.research.tags[-1] == 'b'", True),
        ("outputs.research.tags[9] == null", True),
        ("outputs.research.items == null", True),
        ("outputs.research.nothing.at.all is null", True),
        ("outputs.gone == null", True),
        ("outputs.gone.score == 1", False),
        ("not outputs.gone", True),
        ("inputs.count * 2 + 1 == 7", True),
        ("-inputs.count < 0 <= inputs.count % 2", True),
        ("len(outputs.research.tags) == 2", True),
        ("lower(outputs.research.title) in ['tea', 'coffee']", True),
        ("'e' in outputs.research.title and 'score' in outputs.research", True),
        ("'x' not in outputs.research.tags", True),
        ("matches(outputs.research.title, '^T')", True),
        (r"matches('green tea', '\\btea\\b')", True),
        ("number(' 7.5 ') > 7 and max(1, 2, 3) == 3 and min(1, 2) == 1", True),
        ("abs(-1) == 1 and round(2.6) == 3 and strip(' x ') == 'x'", True),
        ("inputs.deep == 1", False),
        ("inputs.deep == true", True),
        ("'missing' in inputs and inputs.missing > 1", False),
        ("'count' in inputs", True),
    ],
)
def test_a_condition_holds_or_not(text, value):
    assert holds(text, INPUTS, OUTPUTS) is value


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("outputs.research.title > 7", "cannot compare a text with a number"),
        ("outputs.gone > 7", "cannot compare null with a number"),
        ("outputs.research.title + 'x' == 'x'", "takes numbers, not a text"),
        ("lower(7) == '7'", "takes a text"),
        ("len(7) == 7", "takes a text, a list or an object"),
        ("number('seven') == 7", "is not a number"),
        ("outputs['the report'].score == 1", "output_schema"),
        ("outputs.research.tags.first == 1", "a list has no 'first'"),
        ("inputs.count / 0 == 1", "divides by zero"),
        ("1 in 'abc'", "looks for a text"),
        ("1 in inputs.count", "on its right"),
        ("matches(outputs.research.title, '(')", "pattern cannot be used"),
    ],
)
def test_what_cannot_be_evaluated_says_why(text, told):
    with pytest.raises(ConditionFault, match="(?s)" + told.replace("(", r"\(")):
        holds(text, INPUTS, OUTPUTS)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("outputs.a = 3", "`==` compares"),
        ("inputs.a && inputs.b", "`and`, `or` and `not`"),
        ("{topic} == 'tea'", "without braces"),
        ("topic == 'tea'", "inputs.topic"),
        ("inputs", "Say which of the inputs"),
        ("__import__('os').system('x')", "can only call"),
        ("inputs.a.upper() == 'A'", "can only call"),
        ("[x for x in inputs.a]", "loops"),
        ("2 ** 9999", "powers"),
        ("lambda: 1", "functions of its own"),
        ("f'{inputs.a}'", "f-strings"),
        ("len(inputs.a, key=1)", "by position"),
        ("b'x' == inputs.a", "texts, numbers"),
        ("inputs[0] == 1", "name in quotation marks"),
        ("inputs.a in inputs", "Only a name"),
        ("len()", "`len` takes one value, and has 0"),
        ("len(inputs.a, 1)", "`len` takes one value, and has 2"),
        ("matches(inputs.a)", "`matches` takes a text and a regular expression, and has 1"),
        ("max() > 1", "`max` takes one value or more"),
        (r"matches(inputs.a, '\btea\b')", r"write `\\b`"),
        ("x" * (LONGEST + 1), "at most"),
        ("", "no condition"),
        ("- " * 240 + "1", "too long"),
        ("1" + "+1" * 200, "too long"),
        (f"1 in [{'1,' * 200}]", "too long"),
    ],
)
def test_what_is_no_condition_says_what_to_do(text, told):
    with pytest.raises(ConditionFault) as caught:
        parse_condition(text)
    assert told in str(caught.value)


def test_it_names_what_it_reads():
    read = parse_condition(
        "outputs.a.b > 1 or outputs['the c'] and inputs.d and 'e' in inputs and inputs.e"
    )
    assert (read.outputs, read.inputs) == (("a", "the c"), ("d",))


def test_no_condition_takes_long_on_large_values():
    outputs = {"a": "x" * 2_000_000, "b": [["x"] * 1_000] * 500}
    text = " or ".join(["lower(outputs.a) == 'y'"] * 12 + ["outputs.b == outputs.c"] * 3)
    started = time.process_time()
    assert holds(text, {}, {**outputs, "c": [["x"] * 1_000] * 499}) is False
    assert time.process_time() - started < 5


@given(
    st.text(max_size=60),
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        ),
    ),
)
def test_any_text_on_any_values_holds_or_says_why(text, value):
    for written in (text, f"outputs.a {text}", f"len({text}) > 1"):
        told: object
        try:
            told = holds(written, {"x": value}, {"a": value})
        except ConditionFault as fault:
            told = str(fault)
        assert told in {True, False} or (isinstance(told, str) and told)


def test_only_work_uses_up_the_time_of_an_evaluation(monkeypatch):
    monkeypatch.setattr(time, "monotonic", itertools.count(0, 100).__next__)
    assert holds("len(outputs.a) > 1", {}, {"a": "long"}), "a machine that stood still"
    monkeypatch.setattr(time, "thread_time", itertools.count(0, 0.6).__next__)
    with pytest.raises(ConditionFault, match="longer than 1 s"):
        holds("len(outputs.a) > 1", {}, {"a": "long"})
