"""Counts of tokens that are missing or cannot be true: estimated, and never the end of a run.

Covers: executor.models.counting, executor.models.prices
"""

import pytest

PROMPT = "word " * 400


@pytest.mark.parametrize(
    ("usage", "read", "wrote"),
    [
        ({"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}, 11, 7),
        ({"prompt_tokens": "11", "completion_tokens": 7.0}, 11, 7),
        ({"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": None,
          "prompt_tokens_details": None, "completion_tokens_details": "none"}, 11, 7),
        ({"prompt_tokens": 11, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": "x"},
          "cost": "free"}, 11, 7),
    ],
)  # fmt: skip
async def test_counts_that_can_be_used_are(server, model, talk, kit, usage, read, wrote):
    server.answers = [kit.said("A whole answer", usage=usage)]
    tokens = (await model.request(talk(PROMPT), [])).tokens
    assert (tokens.input, tokens.output, tokens.estimated) == (read, wrote, False)


@pytest.mark.parametrize(
    "usage",
    [
        None, {}, [], "none", 7, {"prompt_tokens": None}, {"prompt_tokens": 0, "completion_tokens": 0},
        {"prompt_tokens": -5, "completion_tokens": -1}, {"prompt_tokens": "many"},
        {"prompt_tokens": 10**30, "completion_tokens": 10**30}, {"prompt_tokens": [1]},
        {"prompt_tokens": 1e300, "completion_tokens": float("nan")},
        {"prompt_tokens": float("inf")}, {"prompt_tokens": True, "completion_tokens": False},
    ],
    ids=str,
)  # fmt: skip
async def test_counts_that_cannot_are_estimated(server, model, talk, kit, usage):
    server.answers = [kit.said("A whole answer " * 20, usage=usage)]
    tokens = (await model.request(talk(PROMPT), [])).tokens
    assert tokens.estimated
    assert 400 <= tokens.input <= 600
    assert 60 <= tokens.output <= 100


async def test_a_reply_without_usage_is_estimated(server, model, talk, kit):
    answer = kit.said("A whole answer")
    del answer["usage"]
    server.answers = [answer]
    assert (await model.request(talk(), [])).tokens.estimated


async def test_what_only_the_total_tells_is_split(server, model, talk, kit):
    server.answers = [kit.said("A whole answer", usage={"total_tokens": 900})]
    tokens = (await model.request(talk(PROMPT), [])).tokens
    assert tokens.input + tokens.output == 900
    assert tokens.estimated
    assert 1 <= tokens.output < 20
