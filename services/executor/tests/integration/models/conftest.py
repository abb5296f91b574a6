"""A server that speaks OpenAI's chat protocol, nearly, and the models behind it."""

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from aiohttp import web

from executor.models.catalogue import Models, ModelSettings
from executor.models.connections import Access
from executor.models.dialogue import Dialogue, Topic
from executor.models.patience import ModelPatience

_SENDABLE = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass
class Server:
    """Answers with what is in `answers`, the last one again and again.

    An answer is a body, bytes, or a tuple of status, body and headers; a function makes it of the
    request. `strict` has it refuse histories that OpenAI would.
    """

    url: str = ""
    answers: list[Any] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[Any] = field(default_factory=list)
    strict: bool = True

    async def handle(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        self.asked.append(asked)
        self.headers.append(request.headers)
        wrong = _wrong(asked["messages"]) if self.strict else ""
        if wrong:
            return web.json_response({"error": {"message": wrong, "code": 400}}, status=400)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if callable(answer):
            answer = answer(asked)
            if asyncio.iscoroutine(answer):
                answer = await answer
        status, body, headers = answer if isinstance(answer, tuple) else (200, answer, {})
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **headers}
        return web.Response(status=status, body=body, headers=sent)


def _wrong(messages: list[dict[str, Any]]) -> str:
    """Return what a strict provider has against a history."""
    open_ids: list[str] = []
    seen: set[str] = set()
    for message in messages:
        json.dumps(message, ensure_ascii=False).encode()
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_ids:
                return "a result without its call"
            open_ids.remove(message["tool_call_id"])
            continue
        if open_ids:
            return "a call without its result"
        for call in message.get("tool_calls") or ():
            name, arguments = call["function"]["name"], call["function"]["arguments"]
            if call["type"] != "function" or not _SENDABLE.fullmatch(name):
                return f"the name {name!r}"
            if not isinstance(arguments, str) or not isinstance(orjson.loads(arguments), dict):
                return "arguments that are no JSON object"
            if call["id"] in seen or not _SENDABLE.fullmatch(call["id"]) or len(call["id"]) > 40:
                return f"the id {call['id']!r}"
            seen.add(call["id"])
            open_ids.append(call["id"])
    return ""


def said(text: Any = None, calls: Any = (), **given: Any) -> dict[str, Any]:
    """Return a reply; `calls` are (name, arguments) or whole calls, the rest goes into the choice."""
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if calls:
        message["tool_calls"] = [
            call
            if isinstance(call, dict)
            else {
                "id": f"c{n}",
                "type": "function",
                "function": {"name": call[0], "arguments": call[1]},
            }
            for n, call in enumerate(calls)
        ]
    message |= given.pop("message", {})
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    made = {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "fake",
        "choices": [{"index": 0, "message": message, "finish_reason": given.pop("finish", "stop")}],
        "usage": usage,
    }
    return made | given


@pytest.fixture
async def server() -> Any:
    made = Server()
    app = web.Application(client_max_size=2**26)
    app.router.add_post("/v1/{path:.*}", made.handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield made
    await runner.cleanup()


@pytest.fixture
async def models(server: Server) -> Any:
    patience = ModelPatience(tries=6, longest=600, first=0.01)
    made = Models(ModelSettings({"openai": Access(url=server.url)}, timeout=60, patience=patience))
    made.warm_up()
    yield made
    await made.close()


@pytest.fixture
async def model(models: Models) -> Any:
    return await models.resolve("openai:fake")


@pytest.fixture
def talk() -> Callable[..., Dialogue]:
    def made(text: str = "Say hello", **topic: Any) -> Dialogue:
        return Dialogue("You are kind.", text, Topic("Ann", text, **topic))

    return made


@pytest.fixture(scope="session")
def kit() -> SimpleNamespace:
    return SimpleNamespace(said=said)
