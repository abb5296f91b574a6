"""What models write reaches no terminal as an order."""

import json

import pytest

from kasal_client.command.cleaning import json_text, one_line, visible

_NASTY = "a\x1b[2Jb\x07c\x9b31md\u202ee\r\nf\rg\x7f\ud800\u2066"


def test_nothing_that_a_terminal_obeys_is_left() -> None:
    seen = visible(_NASTY)

    assert "\n" in seen
    assert all(c == "\n" or (c.isprintable() and not 0xD800 <= ord(c) < 0xE000) for c in seen)
    assert "␛[2J" in seen


@pytest.mark.parametrize("value", [_NASTY, {"a": [_NASTY]}, "\U000e0041 \u2028 ä 😀"])
def test_json_of_nasty_texts_is_safe_and_reads_as_the_same(value: object) -> None:
    text = json_text(value)

    assert json.loads(text) == value
    assert text == visible(text)


@pytest.mark.parametrize(
    ("text", "width", "line"),
    [("a\n b\tc", 0, "a b c"), ("abcdef", 4, "abc…"), ("abcd", 4, "abcd"), ("x" * 10**6, 3, "xx…")],
)
def test_a_line_is_cut_to_its_width(text: str, width: int, line: str) -> None:
    assert one_line(text, width) == line
