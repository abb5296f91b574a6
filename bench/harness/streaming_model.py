"""An endpoint in a process of its own that streams replies, for `bench.cases.deltas`."""

import asyncio
import json
import sys
import time
from typing import Any, Self

from aiohttp import ClientSession, web

from bench.harness.processes import ROOT

PIECES = 200
_PAUSE = 0.005
"""Seconds between two pieces of a reply."""
_USAGE = {"prompt_tokens": 10, "completion_tokens": PIECES, "total_tokens": PIECES + 10}


class StreamingModel:
    """The endpoint's process; `url` is its base URL."""

    def __init__(self) -> None:
        self.url = ""
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", __name__, cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        assert self._process.stdout is not None
        port = int(await self._process.stdout.readline())
        self.url = f"http://127.0.0.1:{port}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        await self._process.wait()

    async def count(self) -> int:
        """Return how many replies have been asked for."""
        async with ClientSession() as http, http.get(f"{self.url}/asked") as answer:
            return int(await answer.text())


def _body(choice: dict[str, Any] | None, **rest: Any) -> dict[str, Any]:
    choices = [] if choice is None else [{"index": 0, "finish_reason": None, **choice}]
    return {"id": "x", "object": "o", "created": 1, "model": "bench", "choices": choices, **rest}


def _event(data: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


async def _stream(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await answer.prepare(request)
    for _ in range(PIECES):
        await answer.write(_event(_body({"delta": {"content": f"@{time.monotonic():.6f} "}})))
        await asyncio.sleep(_PAUSE)
    await answer.write(_event(_body({"delta": {}, "finish_reason": "stop"})))
    await answer.write(_event(_body(None, usage=_USAGE)) + b"data: [DONE]\n\n")
    return answer


async def _serve() -> None:
    asked = 0

    async def reply(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        if (await request.json()).get("stream"):
            return await _stream(request)
        message = {"role": "assistant", "content": "@0.0 " * PIECES}
        choice = {"message": message, "finish_reason": "stop"}
        return web.json_response(_body(choice, usage=_USAGE))

    async def tell_count(_: web.Request) -> web.Response:
        return web.Response(text=str(asked))

    app = web.Application()
    app.router.add_post("/v1/chat/completions", reply)
    app.router.add_get("/v1/asked", tell_count)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve())
