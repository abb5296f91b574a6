"""YAML that is written reads as the same, for every reader; what strangers send costs no more than it may.

Covers: crews.domain.yaml_reading, crews.domain.yaml_writing
"""

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from crews.domain.yaml_reading import DEEPEST, MOST_NODES, YamlFault, json_value, read_yaml
from crews.domain.yaml_writing import Remarked, yaml_text

TRAPS = st.sampled_from([
    "no", "1e3", "2024-01-15", "~", "", "null", "0x1f", "012", "1_000", "12:30:45", ".inf", "=", "<<", "- a",
    "a: b", "a #b", "😀 x", "x" * 150, "word " * 39 + "word", "word: " * 40, "a\n\nb", "a\n b\nc", "a\n\n", "\ta\nb",
])  # fmt: skip
TEXTS = st.text(max_size=30) | st.text("ab :#-\n'\"{}[],>|", max_size=60) | TRAPS
NUMBERS = st.integers(-(10**17), 10**17) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(TEXTS, VALUES, max_size=3))
def test_what_is_written_reads_as_the_same(value: Any) -> None:
    assert json_value(read_yaml(yaml_text(value)) or {}) == value


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_other_readers_read_the_same_texts(text: str) -> None:
    value = {"one": text, "several": [text, text], "behind": [{"name": text}]}
    assert yaml.safe_load(yaml_text(value)) == value


def test_long_texts_stand_in_lines_of_their_own() -> None:
    told = yaml_text({"a": "word " * 30 + "end", "b": "one\ntwo", "c": Remarked([0], "the first")})
    assert told.startswith("a: >-\n  word word")
    assert told.endswith("b: |-\n  one\n  two\nc: [0]  # the first\n")
    assert max(map(len, told.splitlines())) <= 100


def test_plain_words_stay_what_was_written() -> None:
    read = read_yaml("a: no\nb: 1e3\nc: 2024-01-15\nd: 007\ne: 'null'\nf: ~\ng: 1e999\n")
    assert {name: str(value) for name, value in read.items()} == {
        "a": "no", "b": "1e3", "c": "2024-01-15", "d": "007", "e": "null", "f": "~", "g": "1e999",
    }  # fmt: skip
    assert json_value(read) == {
        "a": "no", "b": 1000.0, "c": "2024-01-15", "d": 7, "e": "null", "f": None, "g": "1e999",
    }  # fmt: skip


def test_aliases_and_merge_keys_are_followed() -> None:
    read = read_yaml("base: &b {goal: g, role: r}\none: {<<: *b, role: own}\ntwo: *b\n")
    assert read["one"] == {"role": "own", "goal": "g"}
    assert read["two"] == {"goal": "g", "role": "r"}


def laughs() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    return "\n".join(lines)


def deep_by_alias() -> str:
    half = DEEPEST // 2
    return f"a: &a {'[' * half}{']' * half}\nb: {'[' * half}*a{']' * half}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (laughs(), f"more than {MOST_NODES} values"),
        ("a: &a [*a]", r"nothing before is called \*a"),
        ("[" * 100_000, "nest"),
        ("{a: " * 100_000, "nest"),
        ("- " * 60_000, "nest"),
        ("- x\n" * (MOST_NODES + 1), "more than"),
        ("a: 1\na: 2", "line 2, column 1: a is given twice"),
        ("a: !!python/object:os.system x", "the tag .* is not known"),
        ("? [a]\n: b", "the name of a field is a text"),
        ("a: 1\n---\nb: 2", "a second document"),
        ("a: 'x", "line "),
        ("a: \x07", "no YAML"),
        ("<<: x", "`<<` takes an object"),
        ("a: *nothing", "nothing before"),
        (deep_by_alias(), "nested deeper"),
    ],
)
def test_what_cannot_be_read_is_told(text: str, told: str) -> None:
    with pytest.raises(YamlFault, match=told):
        read_yaml(text)
