"""Questions answered key by key, without a terminal."""

from typing import Any

import pytest

from kasal_client.command.keyboard import keys_in
from kasal_client.command.line_editor import LineEditor
from kasal_client.command.question_form import GRACE, Answer, QuestionForm
from kasal_client.command.schema_forms import fields_of

_LATER = GRACE + 1


def form(**question: Any) -> QuestionForm:
    return QuestionForm({"question_id": "q1", "prompt": "Well?", **question}, 0.0)


def press(asked: QuestionForm, keys: str) -> Answer | None:
    answer = None
    for key in keys_in(keys):
        answer = asked.press(key, _LATER)
    return answer


def call(**arguments: Any) -> dict[str, Any]:
    return {"kind": "approval", "tool_call": {"tool": "pay", "arguments": arguments}}


@pytest.mark.parametrize(
    ("question", "keys", "answer"),
    [
        (call(), "a", Answer("approved")),
        (call(), "A", Answer("approved")),
        (call(), "rToo much\r", Answer("rejected", comment="Too much")),
        (call(), "r\r", Answer("rejected")),
        (call(eur=5), "e\x157\x7f\x15{}\r", Answer("approved", arguments={})),
        (
            call(eur=5),
            'e\x7f, "to": "Ann"}\r',
            Answer("approved", arguments={"eur": 5, "to": "Ann"}),
        ),
        ({"kind": "review"}, "a", Answer("approved")),
        ({"kind": "review"}, "cShorter\r", Answer("answered", "Shorter")),
        ({"kind": "unknown_outcome"}, "t", Answer("retry")),
        ({"kind": "unknown_outcome"}, "wIt was paid\r", Answer("answered", "It was paid")),
        ({"kind": "question"}, "wBlue\r", Answer("answered", "Blue")),
        ({"kind": "question", "choices": ["Red", "Blue"]}, "2", Answer("answered", "Blue")),
        ({"kind": "question", "choices": list("abcdefghijk")}, "wk\r", Answer("answered", "k")),
        ({"response_schema": {"type": "integer"}}, "w12\r", Answer("answered", 12)),
        ({"response_schema": {"type": "array"}}, "w[1, 2]\r", Answer("answered", [1, 2])),
    ],
)
def test_keys_become_an_answer(question: Any, keys: str, answer: Answer) -> None:
    asked = form(**question)
    assert press(asked, keys) == answer
    assert asked.is_sent


@pytest.mark.parametrize(
    ("question", "keys", "fault"),
    [
        (call(), "e\x15[1]\r", "JSON object"),
        (call(), "e\x15{\r", "no JSON"),
        ({"kind": "question"}, "w \r", "Write something"),
        ({"kind": "question", "choices": list("abcdefghijk")}, "wz\r", "one of"),
        ({"response_schema": {"type": "integer"}}, "wmany\r", "no integer"),
        ({"response_schema": {"type": "boolean"}}, "wmaybe\r", "neither yes nor no"),
        ({"response_schema": {"enum": ["x", "y"]}}, "wz\r", "none of x, y"),
        ({"response_schema": {"type": "number"}}, "wnan\r", "no number"),
    ],
)
def test_what_does_not_fit_is_asked_again(question: Any, keys: str, fault: str) -> None:
    asked = form(**question)
    assert press(asked, keys) is None
    assert fault in asked.fault
    assert asked.editor is not None, "what was typed can be mended"


def test_values_of_a_schema_are_asked_for_one_after_another() -> None:
    properties = {
        "day": {"type": "string", "enum": ["Mon", "Tue"]},
        "people": {"type": "integer", "description": "How many?"},
        "note": {"type": "string"},
        "window": {"type": "boolean", "default": True},
    }
    schema = {"type": "object", "properties": properties, "required": ["day", "people"]}
    asked = form(response_schema=schema)

    press(asked, "wTue\r")
    assert asked.label == "How many? (an integer)"
    answer = press(asked, "4\r\r\r")
    assert answer == Answer("answered", {"day": "Tue", "people": 4, "window": True})


def test_a_schema_of_more_than_simple_fields_is_asked_for_as_json() -> None:
    nested = {"type": "object", "properties": {"a": {"type": "object"}}}
    assert [field.kind for field in fields_of(nested)] == ["json"]


def test_a_text_is_never_a_yes_and_other_keys_do_nothing() -> None:
    assert press(form(**call()), "yqx1\r\t") is None


def test_keys_that_were_pressed_before_the_question_came_up_do_not_count() -> None:
    asked = form(**call())
    assert asked.press("a", GRACE / 2) is None
    assert asked.press("a", GRACE) == Answer("approved")


def test_an_answer_is_sent_once_and_asked_again_when_it_was_refused() -> None:
    asked = form(**call())
    press(asked, "a")
    assert press(asked, "a") is None

    asked.refuse("arguments.eur: must be positive")
    assert asked.fault
    assert press(asked, "a") == Answer("approved")


def test_escape_goes_back() -> None:
    asked = form(**call())
    press(asked, "rno\x1b")
    assert asked.editor is None
    assert press(asked, "a") == Answer("approved")


@pytest.mark.parametrize(
    ("pressed", "keys"),
    [
        ("aé😀", ["a", "é", "😀"]),
        ("\x1b[D\x1bOC\x1b[1;5C\x1b", ["left", "right", "escape"]),
        ("a\nb\r", ["a", " ", "b", "enter"]),
        ("\x00\x1b[200", []),
    ],
)
def test_keys_are_told_apart(pressed: str, keys: list[str]) -> None:
    assert keys_in(pressed) == keys


def test_a_line_can_be_mended() -> None:
    line = LineEditor("one two")
    for key in [
        "ctrl-w",
        "3",
        "home",
        "delete",
        "O",
        "end",
        "backspace",
        "left",
        "x",
        "right",
        "!",
    ]:
        line.press(key)
    assert line.text == "Onex !"
    assert len(line.window(4)) == 4
    assert "▏" in line.window(4)
