"""Why a model stopped, as each family of providers says it."""

import json
from typing import Any

import pytest
from aiohttp import web
from msgspec.json import decode, encode

from executor.domain.log.events import StoredReply
from executor.models.catalogue import Models, ModelSettings
from executor.models.connections import Access
from executor.models.dialogue import Finish, Reply
from executor.models.model import ModelFault
from executor.models.patience import ModelPatience

TEXT = "Half of an ans"


@pytest.mark.parametrize(
    ("given", "finish", "reason", "text"),
    [
        ({"finish": "stop"}, Finish.STOP, "", TEXT),
        ({"finish": None}, Finish.STOP, "", TEXT),
        ({"finish": "length"}, Finish.LENGTH, "length", TEXT),
        ({"finish": "max_tokens"}, Finish.LENGTH, "max_tokens", TEXT),
        ({"finish": "model_length"}, Finish.LENGTH, "model_length", TEXT),
        ({"finish": "content_filter"}, Finish.FILTERED, "content_filter", TEXT),
        ({"finish": "guardrail_intervened"}, Finish.FILTERED, "guardrail_intervened", TEXT),
        ({"finish": "sensitive"}, Finish.FILTERED, "sensitive", TEXT),
        ({"finish": "content_filter", "message": {"content": None}},
         Finish.FILTERED, "content_filter", ""),
        ({"message": {"content": None, "refusal": "I \ud83d cannot"}},
         Finish.REFUSED, "I ? cannot", ""),
        ({"message": {"refusal": "I cannot"}}, Finish.REFUSED, "I cannot", ""),
        ({"finish": "whatever"}, Finish.OTHER, "whatever", TEXT),
    ],
)  # fmt: skip
@pytest.mark.parametrize("stored", [False, True])
async def test_servers_of_the_chat_protocol(
    server, model, talk, kit, given, finish, reason, text, stored
):
    server.answers = [kit.said(TEXT, **given)]
    reply = await model.request(talk(), [])
    if stored:
        reply = Reply.load(decode(encode(reply.dump()), type=StoredReply))
    assert (reply.text, len(server.asked)) == (text, 1)
    assert (stored and reply.finish in {finish, Finish.STOP}) or reply.finish is finish
    assert reply.reason == reason


async def test_a_reply_that_broke_off_is_asked_for_again(server, model, talk, kit):
    server.answers = [kit.said(TEXT, finish="error"), kit.said("A whole answer")]
    assert (await model.request(talk(), [])).text == "A whole answer"
    server.answers = [kit.said(TEXT, finish="error")]
    with pytest.raises(ModelFault) as fault:
        await model.request(talk(), [])
    assert fault.value.code == "MODEL_UNAVAILABLE"


@pytest.mark.parametrize("status", [400, 403])
async def test_a_filter_that_refuses_the_request_is_a_filter(server, model, talk, status):
    told = {"message": "Against our policy", "code": "content_filter", "innererror": {"code": "x"}}
    server.answers = [(status, {"error": told}, {})]
    with pytest.raises(ModelFault) as fault:
        await model.request(talk(), [])
    assert fault.value.code == "CONTENT_FILTERED"
    assert "Against our policy" in fault.value.message
    assert len(server.asked) == 1


@pytest.fixture
async def provider(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Stand in for the three providers that have protocols of their own; it answers `answers`."""
    answers: list[dict[str, Any]] = []
    asked: list[dict[str, Any]] = []

    async def handle(request: web.Request) -> web.Response:
        asked.append(await request.json())
        if asked[-1].get("stream"):
            return web.Response(text=events(answers[0]), content_type="text/event-stream")
        return web.json_response(answers[0])

    app = web.Application()
    app.router.add_post("/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    monkeypatch.setenv("OPENAI_BASE_URL", f"{url}/v1")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", url)
    access = {name: Access("k") for name in ("openai", "anthropic", "google")}
    patience = ModelPatience(tries=6, longest=600, first=0.01)
    models = Models(ModelSettings(access, timeout=60, patience=patience))
    models.warm_up()
    yield models, answers, asked
    await models.close()
    await runner.cleanup()


def response(status, content, why=None):
    return {
        "id": "r", "object": "response", "created_at": 1, "model": "gpt-4o", "status": status,
        "output": [{"type": "message", "id": "m", "role": "assistant", "status": "completed",
                    "content": content}],
        "incomplete_details": why, "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
        "usage": {"input_tokens": 5, "output_tokens": 6, "total_tokens": 11,
                  "input_tokens_details": {"cached_tokens": 0},
                  "output_tokens_details": {"reasoning_tokens": 0}},
    }  # fmt: skip


def message(stop, **given):
    return {
        "id": "m", "type": "message", "role": "assistant", "model": "claude-sonnet-4-6",
        "content": [{"type": "text", "text": TEXT}], "stop_reason": stop,
        "usage": {"input_tokens": 5, "output_tokens": 6}, **given,
    }  # fmt: skip


def events(told):
    """Return a message of Anthropic's as the stream of it."""
    said = [
        {"type": "message_start", "message": {**told, "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": TEXT}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": told["stop_reason"]},
         "usage": {"output_tokens": 6}},
        {"type": "message_stop"},
    ]  # fmt: skip
    return "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in said)


def candidate(stop, **given):
    content = {"role": "model", "parts": [{"text": TEXT}]}
    return {
        "candidates": [{"content": content, "finishReason": stop, "index": 0, **given}],
        "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 6, "totalTokenCount": 11},
        "modelVersion": "gemini-2.5-flash",
    }


OUT = {"type": "output_text", "text": TEXT, "annotations": []}


@pytest.mark.parametrize(
    ("name", "answer", "finish"),
    [
        ("gpt-4o", response("completed", [OUT]), Finish.STOP),
        ("gpt-4o", response("incomplete", [OUT], {"reason": "max_output_tokens"}), Finish.LENGTH),
        ("gpt-4o", response("incomplete", [OUT], {"reason": "content_filter"}), Finish.FILTERED),
        ("gpt-4o", response("completed", [{"type": "refusal", "refusal": "I cannot"}]),
         Finish.REFUSED),
        ("claude-sonnet-4-6", message("end_turn"), Finish.STOP),
        ("claude-sonnet-4-6", message("max_tokens"), Finish.LENGTH),
        ("claude-sonnet-4-6", message("model_context_window_exceeded"), Finish.LENGTH),
        ("claude-sonnet-4-6", message("refusal"), Finish.REFUSED),
        ("gemini-2.5-flash", candidate("STOP"), Finish.STOP),
        ("gemini-2.5-flash", candidate("MAX_TOKENS"), Finish.LENGTH),
        ("gemini-2.5-flash", candidate("SAFETY"), Finish.FILTERED),
        ("gemini-2.5-flash", candidate("RECITATION"), Finish.FILTERED),
        ("gemini-2.5-flash", candidate("PROHIBITED_CONTENT"), Finish.FILTERED),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
async def test_providers_with_protocols_of_their_own(provider, talk, name, answer, finish):
    models, answers, asked = provider
    answers[:] = [answer]
    reply = await (await models.resolve(name)).request(talk(), [])
    assert reply.finish is finish
    assert len(asked) == 1
    assert (reply.tokens.input, reply.tokens.output) == (5, 6)
    assert reply.tokens.cost_usd
    assert bool(reply.reason) == (finish is not Finish.STOP)
    if finish in {Finish.STOP, Finish.LENGTH}:
        assert reply.text == TEXT


OBJECT = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("gpt-4o", response("completed", [OUT])),
        ("claude-sonnet-4-6", message("end_turn")),
        ("gemini-2.5-flash", candidate("STOP")),
    ],
    ids=["openai", "anthropic", "google"],
)
async def test_a_schema_of_the_answer_is_sent_where_the_provider_has_it(
    provider, talk, name, answer
):
    models, answers, asked = provider
    answers[:] = [answer]
    model = await models.resolve(name)
    await model.request(talk(output_schema=OBJECT), [])
    assert '"additionalProperties"' in json.dumps(asked[0])
    await model.request(talk(), [])
    assert '"additionalProperties"' not in json.dumps(asked[1])
