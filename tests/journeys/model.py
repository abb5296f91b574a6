"""A model server that answers as a test tells it to."""

import asyncio
import json
import re
import secrets
from typing import Any

from aiohttp import web

from kasal_platform.local.program import free_port

REFUSED = "sk-a-key-that-is-refused"


class ScriptedModel:
    """A server that speaks OpenAI's chat protocol and answers as a test tells it to.

    A prompt that contains `hold:<name>` waits until the test calls `release(name)`; `held(name)`
    returns when such a call has arrived. One that contains `call:<tool>:<json>` asks for that tool
    first. One with `fail:<status>` is refused with that status, one with `flaky:<name>` once. One with
    `finish:<reason>` gets half an answer that ends for that reason, and the rest when it asks on.

    The key `REFUSED` is refused.

    One that asks for a stream gets one if it contains `stream:<name>`: a first word, then, when the test
    calls `release(name)`, the rest of the text that `say(name, text)` gave.
    """

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.done: list[Any] = []
        """What was asked of the tool at `/tool`."""
        self._arrived: dict[str, asyncio.Event] = {}
        self._released: dict[str, asyncio.Event] = {}
        self._dropped: dict[str, asyncio.Event] = {}
        self._flaked: set[str] = set()
        self._texts: dict[str, list[str]] = {}
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._answer)
        app.router.add_post("/v1/tool", self._do)
        self._runner = web.AppRunner(app, handler_cancellation=True)
        await self._runner.setup()
        port = port or free_port()
        await web.TCPSite(self._runner, host, port).start()
        self.url = f"http://127.0.0.1:{port}/v1"

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def say(self, name: str, *pieces: str) -> None:
        """Have prompts with `stream:<name>` answered with these pieces; they are held after the first."""
        self._texts[name] = list(pieces)

    async def held(self, name: str) -> None:
        async with asyncio.timeout(60):
            await self._arrived.setdefault(name, asyncio.Event()).wait()

    def release(self, name: str) -> None:
        self._released.setdefault(name, asyncio.Event()).set()

    async def dropped(self, name: str) -> None:
        """Wait until a held call has been given up by the platform."""
        async with asyncio.timeout(60):
            await self._dropped.setdefault(name, asyncio.Event()).wait()

    async def _do(self, request: web.Request) -> web.Response:
        self.done.append(await request.json())
        return web.json_response({"done": len(self.done)})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.calls.append(body)
        self.keys.append(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if self.keys[-1] == REFUSED:
            said = f"Incorrect API key provided: {REFUSED}."
            return web.json_response({"error": {"message": said}}, status=401)
        said = json.dumps(body["messages"])
        refused = re.search(r"fail:(\d{3})", said)
        if refused:
            return web.json_response({"error": {"message": "refused"}}, status=int(refused[1]))
        flaky = re.search(r"flaky:(\w+)", said)
        if flaky and flaky[1] not in self._flaked:
            self._flaked.add(flaky[1])
            return web.json_response({"error": {"message": "busy"}}, status=503)
        await self._hold(said)
        streamed = re.search(r"stream:(\w+)", said)
        if streamed:
            return await self._stream(request, body, streamed[1])
        finish = re.search(r"finish:(\w+)", said)
        if finish:
            half = not _newest_prompt(body).startswith("Your reply reached its length limit")
            answer = _completion(body, text="The answer" if half else " is ready.")
            answer["choices"][0]["finish_reason"] = finish[1] if half else "stop"
            return web.json_response(answer)
        asked = re.search(r"call:(\w+):(\{.*?\})", _newest_prompt(body))
        if asked and not any(message["role"] == "tool" for message in body["messages"]):
            return web.json_response(_completion(body, tool=(asked[1], asked[2])))
        return web.json_response(_completion(body, text="The answer is ready."))

    async def _stream(
        self, request: web.Request, body: dict[str, Any], name: str
    ) -> web.StreamResponse:
        first, *rest = self._texts[name]
        if not body.get("stream"):
            return web.json_response(_completion(body, text="".join([first, *rest])))
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        await answer.write(_chunk(body, {"role": "assistant", "content": first}))
        await self._hold(f"hold:{name}")
        for piece in rest:
            await answer.write(_chunk(body, {"content": piece}))
        await answer.write(_chunk(body, {}, finish="stop"))
        await answer.write(_event({**_facts(body), "choices": [], "usage": _USAGE}))
        await answer.write(b"data: [DONE]\n\n")
        return answer

    async def _hold(self, said: str) -> None:
        for name in re.findall(r"hold:(\w+)", said):
            self._arrived.setdefault(name, asyncio.Event()).set()
            try:
                await self._released.setdefault(name, asyncio.Event()).wait()
            except asyncio.CancelledError:
                self._dropped.setdefault(name, asyncio.Event()).set()
                raise


def _newest_prompt(body: dict[str, Any]) -> str:
    prompts = [m["content"] for m in body["messages"] if m["role"] == "user"]
    return prompts[-1] if isinstance(prompts[-1], str) else json.dumps(prompts[-1])


_USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def _facts(body: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": body["model"],
    }


def _chunk(body: dict[str, Any], delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return _event({**_facts(body), "choices": [choice]})


def _event(data: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(data)}\n\n".encode()


def _completion(
    body: dict[str, Any], text: str | None = None, tool: tuple[str, str] | None = None
) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if tool is not None:
        message["tool_calls"] = [
            {
                "id": f"call_{secrets.token_hex(4)}",
                "type": "function",
                "function": {"name": tool[0], "arguments": tool[1]},
            }
        ]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": body["model"],
        "choices": [
            {"index": 0, "message": message, "finish_reason": "tool_calls" if tool else "stop"}
        ],
        "usage": _USAGE,
    }
