"""Thoughts between tags are taken out of answers, and tags that are talked about stay."""

import time

import pytest

from executor.models.thinking import without_thoughts

ANSWER = "The answer."


@pytest.mark.parametrize(
    "text",
    [
        "<think>let me see</think>The answer.",
        "<think>\nlet me see\n</think>\n\nThe answer.",
        "let me see\n</think>\n\nThe answer.",
        "let me see</think>The answer.",
        "let me see</think> The answer.",
        "let me see\n</THINK>\nThe answer.",
        "let me see\n</thinking>\n\nThe answer.",
        "let me see\n</reasoning>\n\nThe answer.",
        "<thinking>let me see</thinking>\nThe answer.",
        "<reasoning>\nlet me see</reasoning>\nThe answer.",
        "<thought>let me see</thought>\n\nThe answer.",
        "<think></think>\n\nThe answer.",
        "<think>a</think>\n<think>b</think>\nThe answer.",
        "<think>I could use <think> here</think>The answer.",
        "<think>a</think>b</think>\nThe answer.",
        "The answer.\n<think>is that right? yes",
        "The answer.<think>is that right? yes</think>",
        "```\nlet me see\n</think>\n\nThe answer.",
        "[THINK]let me see[/THINK]The answer.",
        "let me see[/THINK]The answer.",
        "◁think▷let me see◁/think▷The answer.",
        "<seed:think>let me see</seed:think>The answer.",
        "<|begin_of_thought|>let me see<|end_of_thought|>\nThe answer.",
        "<think>use `x</think>The answer.",
        "<think>use `a</think>\nThe answer.",
        "  <think>```python\nx\n```</think>\nThe answer.",
        (
            "<|channel|>analysis<|message|>let me see<|end|><|start|>assistant<|channel|>final"
            "<|message|>The answer.<|return|>"
        ),
    ],
)
def test_thoughts_are_left_out(text):
    assert without_thoughts(text) == ANSWER


@pytest.mark.parametrize(
    "text",
    [
        ANSWER,
        "a < b and c > d",
        "Models write `<think>` before and `</think>` after.",
        "```\n<think>a</think>\n```\nThis is how it looks.",
        "~~~xml\nlet me see\n</think>\n~~~",
        "End a thought with </think>.",
        "The tag </think> ends it.",
        "It says '</think>' there.",
        '{"a": "</think> is a tag"}',
        "<thinker>x</thinker>",
        "Magistral writes `[THINK]` and `[/THINK]`.",
        "I [think] so.",
        "Think <b>big</b>.",
        "  An answer with blanks around it.  \n",
    ],
)
def test_what_is_talked_about_stays(text):
    assert without_thoughts(text) == text


def test_parts_around_thoughts_stay():
    assert without_thoughts("One.\n<think>hm</think>\nTwo.") == "One.\n\nTwo."
    assert without_thoughts("Hello <think>secret</think>world") == "Hello world"


def test_tags_that_the_prompt_asks_for_stay():
    text = "<reasoning>because</reasoning><answer>4</answer>"
    assert without_thoughts(text, "Use <reasoning> and <answer>.") == text
    assert without_thoughts(text) == "<answer>4</answer>"


def test_a_thought_that_does_not_end_is_no_answer():
    assert without_thoughts("<think>let me see") == ""


@pytest.mark.parametrize(
    "text",
    [
        "</think>" * 100_000, "<think>" * 100_000, "<think></think>" * 60_000, "`" * 1_000_000,
        "`a`" * 300_000, "`a" * 500_000, "```\n" * 200_000, "<think" + " " * 1_000_000,
        "a </think> b" * 80_000, "<|channel|>final<|message|>" * 40_000, "<|channel|> final" * 60_000,
        " " * 1_000_000 + "</think>", "\n" * 1_000_000 + "</think>x", "~~~ " * 250_000,
        "<think>" + "x\n" * 500_000,
    ],
    ids=lambda text: text[:20].strip() or "blanks",
)  # fmt: skip
def test_hostile_texts_cost_what_they_are_long(text):
    begun = time.process_time()
    without_thoughts(text, "a prompt with <tags>")
    assert time.process_time() - begun < 2.0
