"""Answers with a status of 200 that are none: their errors are found, waited out, and told."""

import pytest

from executor.models.catalogue import Models, ModelSettings
from executor.models.connections import Access
from executor.models.model import ModelFault, SilentListener
from executor.models.patience import ModelPatience


class Heard(SilentListener):
    def __init__(self):
        self.waited = []
        self.spent = []

    def on_waste(self, tokens):
        self.spent.append(tokens)

    def on_wait(self, why, seconds):
        self.waited.append((why, seconds))


@pytest.mark.parametrize(
    ("body", "code", "again"),
    [
        ({"error": {"code": 429, "message": "Slow down, please"}}, "RATE_LIMIT", True),
        ({"error": {"code": "429", "message": "Slow down, please"}}, "RATE_LIMIT", True),
        ({"error": {"type": "rate_limit_error", "message": "Slow down, please"}}, "RATE_LIMIT", True),
        ({"error": {"code": 503, "message": "Slow down, please"}}, "MODEL_UNAVAILABLE", True),
        ({"error": {"code": None, "message": "Slow down, please"}}, "MODEL_UNAVAILABLE", True),
        ({"error": "Slow down, please"}, "MODEL_UNAVAILABLE", True),
        ({"error": {"message": "Slow down, please: I cannot generate"}}, "MODEL_UNAVAILABLE", True),
        ({"error": {"message": "Slow down, please: too many requests"}}, "RATE_LIMIT", True),
        ({"error": {"status": "RESOURCE_EXHAUSTED", "message": "Slow down, please"}},
         "RATE_LIMIT", True),
        ({"error": {"type": "overloaded_error", "message": "Slow down, please"}},
         "MODEL_UNAVAILABLE", True),
        ({"error": {"code": 502, "message": "Slow down, please"}, "choices": None},
         "MODEL_UNAVAILABLE", True),
        ({"error": {"code": 400, "message": "Slow down, please"}}, "MODEL_ERROR", False),
        ({"error": {"code": "invalid_request_error", "message": "Slow down, please"}},
         "MODEL_ERROR", False),
        ({"object": "error", "code": 400, "message": "Slow down, please"}, "MODEL_ERROR", False),
        ({"error": {"code": "insufficient_quota", "message": "Slow down, please"}},
         "RATE_LIMIT", False),
        ({"choices": [{"error": {"code": 502, "message": "Slow down, please"},
                       "finish_reason": "error"}]}, "MODEL_UNAVAILABLE", True),
        ([{"error": {"code": 503, "message": "Slow down, please"}}], "MODEL_UNAVAILABLE", True),
        ({"detail": "Slow down, please"}, "MODEL_UNAVAILABLE", True),
        ({"errors": [{"message": "Slow down, please"}]}, "MODEL_UNAVAILABLE", True),
        ({"choices": None, "base_resp": {"status_code": 1002, "status_msg": "Slow down, please"}},
         "MODEL_UNAVAILABLE", True),
        ({"error_code": 17, "error_msg": "Slow down, please: too many requests"}, "RATE_LIMIT", True),
        (b"<html><title>Slow down, please</title></html>", "MODEL_UNAVAILABLE", True),
        (b"Slow down, please", "MODEL_UNAVAILABLE", True),
        (b'["Slow down, please"]', "MODEL_UNAVAILABLE", True),
    ],
)  # fmt: skip
async def test_an_error_in_a_good_answer_is_an_error(server, model, talk, kit, body, code, again):
    server.answers = [body]
    heard = Heard()
    with pytest.raises(ModelFault) as fault:
        await model.request(talk(), [], heard)
    assert fault.value.code == code
    assert "Slow down, please" in fault.value.message
    assert (len(server.asked) > 1) == again == bool(heard.waited)
    server.answers, server.asked = [body, kit.said("Hello")], []
    if again:
        assert (await model.request(talk(), [])).text == "Hello"
        assert len(server.asked) == 2


@pytest.mark.parametrize(
    "broken",
    [
        {"choices": None}, {"choices": []}, {"choices": [None]}, {"choices": {}},
        {"choices": [{"index": 0, "message": None, "finish_reason": "stop"}]},
        {"choices": [{"index": 0, "finish_reason": "stop"}]},
    ],
)  # fmt: skip
async def test_an_answer_without_a_message_is_asked_for_again(server, model, talk, kit, broken):
    server.answers = [kit.said("x") | broken, kit.said("Hello")]
    assert (await model.request(talk(), [])).text == "Hello"
    server.answers = [kit.said("x") | broken]
    with pytest.raises(ModelFault) as fault:
        await model.request(talk(), [])
    assert fault.value.code == "MODEL_UNAVAILABLE"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (42, "42"), (0, "0"), (False, "false"), ({"a": 1}, '{"a": 1}'), ([1, 2], "[1, 2]"),
        ([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Hi"}], "Hi"),
    ],
)  # fmt: skip
async def test_content_that_is_a_value_and_no_text_is_not_lost(
    server, model, talk, kit, content, text
):
    server.answers = [kit.said(content)]
    assert (await model.request(talk(), [])).text == text
    assert len(server.asked) == 1


async def test_headers_may_hold_any_bytes(server, model, talk, kit):
    server.answers = [
        (429, {"error": {"message": "Slow down"}}, {"X-Served-By": "Zürich"}),
        (200, kit.said("Hello"), {"X-Served-By": "東京"}),
    ]
    assert (await model.request(talk(), [])).text == "Hello"


@pytest.mark.parametrize("message", [{}, {"content": None}, {"content": ""}, {"content": []}])
async def test_an_empty_message_is_asked_for_again_but_not_for_ever(
    server, model, talk, kit, message
):
    empty = kit.said("x")
    empty["choices"][0]["message"] = {"role": "assistant", **message}
    server.answers = [empty, kit.said("Hello")]
    assert (await model.request(talk(), [])).text == "Hello"
    server.answers, server.asked = [empty], []
    assert (await model.request(talk(), [])).text == ""
    assert len(server.asked) == 3


@pytest.mark.parametrize(("status", "setting"), [(401, "OPENAI_API_KEY"), (403, "key")])
async def test_a_wrong_key_is_told_in_a_sentence_without_the_key(
    server, model, talk, status, setting
):
    secret = "sk-proj-abcdef1234567890"
    body = {
        "error": {"message": f"Incorrect API key provided: {secret}.", "code": "invalid_api_key"}
    }
    server.answers = [(status, body, {})]
    with pytest.raises(ModelFault) as fault:
        await model.request(talk(), [])
    told = fault.value.message
    assert fault.value.code == "MODEL_ERROR"
    assert len(server.asked) == 1
    assert setting in told
    assert "Incorrect API key" in told
    assert "127.0.0.1:" in told
    assert secret not in told
    assert "{" not in told


@pytest.mark.parametrize("kind", ["text/plain", "application/octet-stream", "text/event-stream"])
async def test_an_answer_of_another_kind_is_read_for_what_it_is(server, model, talk, kit, kind):
    server.answers = [(200, kit.said("Hello"), {"Content-Type": kind})]
    assert (await model.request(talk(), [])).text == "Hello"


async def test_replies_that_are_paid_for_are_not_asked_for_again_and_again(
    server, model, talk, kit
):
    server.answers = [kit.said("Half", finish="error")]
    heard = Heard()
    with pytest.raises(ModelFault) as fault:
        await model.request(talk(), [], heard)
    assert fault.value.code == "MODEL_UNAVAILABLE"
    assert len(server.asked) == 3
    assert sum(tokens.input for tokens in heard.spent) == 33


async def test_an_error_in_a_good_answer_of_another_protocol_is_an_error(server, talk, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url.removesuffix("/v1"))
    settings = ModelSettings(
        {"anthropic": Access("k")}, patience=ModelPatience(tries=4, longest=600, first=0.01)
    )
    server.strict = False
    server.answers = [
        {"type": "error", "error": {"type": "overloaded_error", "message": "Slow down, please"}}
    ]
    models = Models(settings)
    try:
        with pytest.raises(ModelFault) as fault:
            await (await models.resolve("claude-sonnet-4-6")).request(talk(), [])
    finally:
        await models.close()
    assert fault.value.code in {"MODEL_UNAVAILABLE", "MODEL_ERROR"}
    assert "claude-sonnet-4-6" in fault.value.message
