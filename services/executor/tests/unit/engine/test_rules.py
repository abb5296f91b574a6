"""Guardrails that need no model."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.contracts.guardrails import rules_of
from executor.engine.history import Output
from executor.engine.personal_data import first_personal_data, is_card, is_iban
from executor.engine.rules import objection

ALL = ("card", "email", "iban", "ip_address", "phone")


async def told(rule, answer):
    output = Output.of(answer)
    (read,) = rules_of(rule)
    return await objection(read, output)


@pytest.mark.parametrize(
    ("rule", "good", "bad", "reason"),
    [
        ({"kind": "regex", "pattern": "^# "}, "# Tea", "Tea", "must fit this pattern"),
        ({"kind": "regex", "pattern": "(?i)lorem", "forbid": True}, "Tea", "LOREM", "must not have"),
        ({"kind": "length", "max": 3}, "tea", "teas", "4 characters, and at most 3"),
        ({"kind": "length", "min": 2, "unit": "words"}, "a b", "a", "1 words, and at least 2"),
        ({"kind": "length", "max": 2, "unit": "lines"}, "a\nb", "a\nb\nc", "3 lines"),
        ({"kind": "contains", "all": ["a", "b"]}, "ab", "a", '"b"'),
        ({"kind": "contains", "any": ["A", "B"], "ignore_case": True}, "b", "c", "one of"),
        ({"kind": "contains", "none": ["as an AI"]}, "fine", "as an AI", "must not contain"),
        ({"kind": "json_schema", "schema": {"type": "array"}}, "[1]", '{"a": 1}', "not of type 'array'"),
        ({"kind": "json_schema", "schema": {"type": "array"}}, [1], {"a": 1}, "not of type 'array'"),
        ({"kind": "json_schema", "schema": {"type": "array"}}, "see [1]", "none", "not one JSON value"),
        ({"kind": "max_tokens", "max": 2}, "12345678", "123456789", "3 tokens"),
        ({"kind": "no_personal_data"}, "Call us", "Write to ann@example.com", "e-mail address"),
        ({"kind": "no_personal_data", "kinds": ["phone"]}, "ann@example.com", "+49 30 901820", "telephone"),
        (
            {"kind": "no_personal_data", "allow": ["info@example.com"]},
            "Write to info@example.com", "Write to ann@example.com", "ann…om",
        ),
    ],
)  # fmt: skip
async def test_a_rule_lets_pass_what_meets_it_and_says_what_does_not(rule, good, bad, reason):
    assert await told(rule, good) == ""
    assert reason in await told(rule, bad)
    assert (await told({**rule, "message": "Do it well."}, bad)).endswith("Do it well.")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("4111 1111 1111 1111", "card"),
        ("5500-0000-0000-0004", "card"),
        ("378282246310005", "card"),
        ("jane.doe+news@mail.example.co.uk", "email"),
        ("DE89 3704 0044 0532 0130 00", "iban"),
        ("GB82WEST12345698765432", "iban"),
        ("203.0.113.7", "ip_address"),
        ("2001:db8::7", "ip_address"),
        ("+49 (30) 901820", "phone"),
        ("0049 30 901820", "phone"),
        ("030 / 901820", "phone"),
        ("(415) 555-2671", "phone"),
    ],
)
def test_personal_data_is_found_by_its_form(text, kind):
    assert first_personal_data(f"It is {text}, she says.", ALL, ()) == (kind, text)


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112", "1234567890123456", "DE89 3704 0044 0532 0130 01", "version 1.2.3", "12:30:45",
        "2026-11-27", "127.0.0.1", "::", "a@b", "@ann", "ISBN 978-3-16-148410-0", "1,000,000", "10 000 000 €",
        "3.14159265358979", "part 4 of 12", "05 12 2024", "01-12-2024", "task_01jd3a7h", "999.1.1.1",
    ],
)  # fmt: skip
def test_what_only_looks_like_it_is_none(text):
    assert first_personal_data(f"It is {text} then.", ALL, ()) is None


@given(st.integers(10**11, 10**18 - 1))
def test_the_check_digit_of_a_card_is_the_one_that_fits(number):
    fitting = [digit for digit in range(10) if is_card(f"4{number}{digit}")]
    assert len(fitting) == (1 if len(str(number)) <= 17 else 0)


def test_the_check_digits_of_an_account_are_those_that_fit():
    body = "370400440532013000"
    assert [n for n in range(2, 99) if is_iban(f"DE{n:02}{body}")] == [89]


@pytest.mark.parametrize(
    "text",
    ["1 " * 500_000, "a" * 1_000_000, "a@" * 400_000, "::" * 400_000, "DE89" + " A" * 400_000, "+1" + "(2" * 400_000],
)  # fmt: skip
def test_the_search_takes_time_in_proportion_to_the_text(text):
    started = time.process_time()
    first_personal_data(text, ALL, ())
    assert time.process_time() - started < 5


async def test_an_answer_that_a_pattern_cannot_be_tried_on_does_not_pass():
    rule = {"kind": "regex", "pattern": r"^(a+)+(?=b)$"}
    assert "cannot be checked" in await told(rule, "a" * 20_000)


async def test_rules_run_in_order_and_the_agent_is_told_of_the_first_that_is_not_met(stage, kit):
    said = ["four words are many", "no end", "ends."]
    heard = []

    def say(_model, dialogue, _tools):
        heard.append(dialogue.turns[-1] if dialogue.turns else "")
        return said.pop(0)

    stage.script.say = say
    rules = [
        {"kind": "length", "max": 3, "unit": "words"},
        {"kind": "regex", "pattern": "\\.$", "message": "End with a full stop."},
    ]
    events = await stage.run(kit.crew(1, task_1={"guardrail": rules}))
    assert events[-1].body.result == "ends."
    rejected = [event.body for event in events if event.type == "answer_rejected"]
    assert [(body.kind, body.rule, body.answer, body.left) for body in rejected] == [
        ("length", 0, 1, 2), ("regex", 1, 2, 1)
    ]  # fmt: skip
    assert "at most 3 are allowed" in heard[1]
    assert "End with a full stop." in heard[2]
    assert "it has at most 3 words" in stage.script.requests[0][1]


async def test_an_answer_is_read_anew_before_the_rules_and_counts_as_one(stage, kit):
    said = ["no JSON", '{"n": 1}', "again none", '{"n": 2}']
    stage.script.say = lambda *_: said.pop(0)
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    rule = {"kind": "contains", "all": ["2"]}
    crew = kit.crew(1, task_1={"output_schema": schema, "guardrail": rule, "max_retries": 3})
    events = await stage.run(crew)
    assert events[-1].body.result == {"n": 2}
    kinds = [event.body.kind for event in events if event.type == "answer_rejected"]
    assert kinds == ["output", "contains", "output"]


async def test_no_more_answers_than_the_task_allows(stage, kit):
    stage.script.say = lambda *_: "long"
    rule = {"kind": "length", "max": 1}
    events = await stage.run(kit.crew(1, task_1={"guardrail": rule, "max_retries": 1}))
    assert events[-1].body.code == "OUTPUT_INVALID"
    assert len(stage.script.requests) == 2
    assert [event.body.left for event in events if event.type == "answer_rejected"] == [1, 0]


async def test_a_rule_in_words_stands_beside_the_others(stage, kit):
    def say(_model, dialogue, _tools):
        return "PASS" if dialogue.topic.purpose == "judge" else "short"

    stage.script.say = say
    rules = [{"kind": "length", "max": 10}, "It is polite", {"kind": "contains", "all": ["short"]}]
    events = await stage.run(kit.crew(1, task_1={"guardrail": rules}))
    assert events[-1].body.result == "short"
    assert len(stage.script.requests) == 2
