"""What may be shown of a text that is still being written."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor.models.draft import Draft, join_surrogates
from executor.models.thinking import without_thoughts


def shown(pieces, prompt=None):
    draft = Draft(prompt)
    seen = []
    for piece in pieces:
        draft.add(piece)
        seen.append(draft.visible())
    return seen


@given(st.text(max_size=60), st.integers(1, 7))
def test_text_without_tags_is_shown_as_it_comes(text, size):
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    for count, seen in enumerate(shown(pieces), 1):
        assert seen == text[: count * size]


@pytest.mark.parametrize(
    "text",
    [
        "<think>What do they want?</think>\nTea is good, 1 < 2.",
        "[THINK]Hm[/THINK]Tea is good.",
        "Tea <b>is</b> good.\n<think>Really?</think> Yes.",
        "\u25c1think\u25b7Hm\u25c1/think\u25b7Tea.",
        "<|channel|>analysis<|message|>Hm<|end|><|channel|>final<|message|>Tea is good.",
    ],
)
def test_thoughts_are_never_shown(text):
    answer = without_thoughts(text)
    for seen in shown(text, ""):
        assert answer.startswith(seen)
    assert seen == answer


def test_tags_that_the_prompt_asks_for_are_shown():
    text = "<reasoning>Because.</reasoning> Yes."
    assert shown([text], "Answer in <reasoning> first.")[-1] == text


def test_half_a_character_waits_for_its_other_half():
    assert shown(["Tea \ud83c", "\udf75!"]) == ["Tea ", "Tea \U0001f375!"]
    assert shown(["\ud83c", "x"]) == ["", "?x"]
    assert join_surrogates("\ud83c\udf75") == "\U0001f375"


def test_no_piece_is_lost_that_is_added_while_the_text_is_read():
    draft, seen = Draft(), []
    done = threading.Event()

    def read():
        while not done.is_set():
            seen.append(draft.visible())

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(20_000):
        draft.add(chr(97 + number % 26))
    done.set()
    reader.join()
    whole = "".join(chr(97 + number % 26) for number in range(20_000))
    assert draft.visible() == whole
    assert all(whole.startswith(text) for text in seen)
