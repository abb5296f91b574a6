"""Models over HTTP: a small OpenAI-compatible server that can also misbehave.

Covers: executor.models.client, executor.models.providers.anthropic, executor.models.providers.google,
    executor.models.providers.ollama, executor.models.providers.openai, executor.models.remote
"""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from executor.models.catalogue import Models, ModelSettings
from executor.models.connections import Access
from executor.models.dialogue import Dialogue, Reply, ToolReturn, Topic
from executor.models.model import ModelFault
from executor.models.patience import ModelPatience
from executor.tools.spec import ToolSpec


@dataclass
class Server:
    """Answers `/chat/completions` with what is in `answers`, the last one again and again."""

    url: str = ""
    answers: list[Any] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[Any] = field(default_factory=list)
    cut: asyncio.Event = field(default_factory=asyncio.Event)
    busy: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(await request.json())
        self.headers.append(request.headers)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer == "hang":
            self.busy.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cut.set()
                raise
        if isinstance(answer, web.Response):
            return web.Response(status=answer.status, headers=answer.headers, body=answer.body)
        return web.json_response(answer)


def said(text=None, calls=()):
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if calls:
        message["tool_calls"] = [
            {"id": f"c{n}", "type": "function", "function": {"name": name, "arguments": arguments}}
            for n, (name, arguments) in enumerate(calls)
        ]
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
    }


def refusal(status, **headers):
    body = {"error": {"message": f"refused with {status}", "type": "x"}}
    return web.json_response(body, status=status, headers=headers)


@pytest.fixture
async def server():
    made = Server()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", made.handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield made
    await runner.cleanup()


@pytest.fixture
async def model(server):
    patience = ModelPatience(tries=3, longest=600.0, first=0.01)
    models = Models(
        ModelSettings({"openai": Access(url=server.url)}, timeout=60, patience=patience)
    )
    models.warm_up()
    yield await models.resolve("gpt-4")
    await models.close()


def dialogue(text="Say hello"):
    return Dialogue("You are kind.", text, Topic("Ann", text))


TOOL = ToolSpec("t", "A tool", {"type": "object", "properties": {"x": {"type": "integer"}}})


async def test_a_model_is_asked_and_answers(server, model):
    server.answers = [said("Hello")]
    reply = await model.request(dialogue(), [])
    assert reply.text == "Hello"
    assert (reply.tokens.input, reply.tokens.output, reply.tokens.cost_usd) == (11, 7, None)
    roles = [(m["role"], m["content"]) for m in server.asked[0]["messages"]]
    assert roles == [("system", "You are kind."), ("user", "Say hello")]


@pytest.mark.parametrize("stored", [False, True])
async def test_tools_go_there_and_back_also_after_being_stored(server, model, stored):
    server.answers = [said(calls=[("t", '{"x": 1}'), ("t", "broken")]), said("done")]
    talk = dialogue()
    reply = await model.request(talk, [TOOL])
    assert server.asked[0]["tools"][0]["function"]["name"] == "t"
    assert [(c.id, c.name, c.arguments) for c in reply.calls] == [
        ("c0", "t", {"x": 1}), ("c1", "t", None)
    ]  # fmt: skip
    if stored:
        reply = Reply.load(reply.dump())
    talk.turns += [reply, (ToolReturn("c0", "t", "one"), ToolReturn("c1", "t", "Error")), "Go on"]
    assert (await model.request(talk, [TOOL])).text == "done"
    messages = server.asked[1]["messages"]
    assert [m["role"] for m in messages] == ["system", "user", "assistant", "tool", "tool", "user"]
    assert messages[2]["tool_calls"][0]["id"] == "c0"
    assert messages[3]["content"] == "one"


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_passing_refusal_is_tried_again(server, model, status):
    server.answers = [refusal(status), said("Hello")]
    assert (await model.request(dialogue(), [])).text == "Hello"
    assert len(server.asked) == 2


async def test_retry_after_is_waited_for(server, model):
    server.answers = [refusal(429, **{"Retry-After": "1"}), said("Hello")]
    begun = time.monotonic()
    await model.request(dialogue(), [])
    assert time.monotonic() - begun > 0.9


@pytest.mark.parametrize(
    ("answer", "code", "tries"),
    [
        (refusal(429), "RATE_LIMIT", 3),
        (refusal(429, **{"Retry-After": "3600"}), "RATE_LIMIT", 1),
        (refusal(500), "MODEL_UNAVAILABLE", 3),
        (refusal(503), "MODEL_UNAVAILABLE", 3),
        (refusal(400), "MODEL_ERROR", 1),
        (refusal(401), "MODEL_ERROR", 1),
        (refusal(404), "MODEL_ERROR", 1),
        ({"nonsense": True}, "MODEL_UNAVAILABLE", 3),
        (web.Response(text="<html>"), "MODEL_UNAVAILABLE", 3),
        (web.Response(text='data: {"choices": []}\n\n'), "MODEL_ERROR", 1),
    ],
    ids=lambda value: str(getattr(value, "status", value))[:20],
)
async def test_a_refusal_that_stays_becomes_a_fault(server, model, answer, code, tries):
    server.answers = [answer]
    with pytest.raises(ModelFault) as fault:
        await model.request(dialogue(), [])
    assert fault.value.code == code
    assert "gpt-4" in fault.value.message
    assert len(server.asked) == tries


async def test_a_server_that_is_not_there_is_unavailable():
    settings = ModelSettings(
        {"ollama": Access(url="http://127.0.0.1:9/v1")}, patience=ModelPatience(2, 1.0, 0.01)
    )
    models = Models(settings)
    try:
        model = await models.resolve("ollama/llama3")
        with pytest.raises(ModelFault) as fault:
            await model.request(dialogue(), [])
    finally:
        await models.close()
    assert fault.value.code == "MODEL_UNAVAILABLE"


async def test_cancelling_closes_the_connection_at_once(server, model):
    server.answers = ["hang"]
    task = asyncio.create_task(model.request(dialogue(), []))
    await asyncio.wait_for(server.busy.wait(), 60)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(server.cut.wait(), 30)  # less than the model's own time


async def test_the_key_goes_to_the_server_when_there_is_one(server):
    models = Models(ModelSettings({"openai": Access("sk-mine", server.url)}))
    try:
        server.answers = [said("Hello")]
        await (await models.resolve("o3")).request(dialogue(), [])
    finally:
        await models.close()
    assert server.headers[0]["Authorization"] == "Bearer sk-mine"
    assert server.asked[0]["model"] == "o3"
