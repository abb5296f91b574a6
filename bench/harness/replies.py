"""Replies and results as long as agents see them, for what grows with them: storage, messages, CPU.

Each task reads a file with `file_reader` (`RESULT` characters) and then writes its report (`REPLY`).
The same model is one in this process (`ReportModel`) and a server of OpenAI's chat protocol (`ReportServer`).
"""

import asyncio
import random
from collections.abc import Sequence
from typing import Any, Self

from aiohttp import web

from bench.harness.local_model import SILENT, LocalModel
from bench.harness.workload import ANSWER
from executor.models.dialogue import Dialogue, Reply, Tokens, ToolRequest
from executor.models.model import Listener
from executor.tools.spec import ToolSpec
from kasal_platform.local.program import free_port

REPLY, RESULT = 3_000, 4_000
"""Characters of a report, and of what a tool returns."""
FILE = "market.csv"
TOOL = "file_reader"
_WORDS = ANSWER.replace(";", "").split()
_SAID = "I read the workspace's figures before I answer."


def prose(characters: int, seed: int = 0) -> str:
    """Return sentences of that length in all, the same for the same seed."""
    rng, text = random.Random(seed), ""
    while len(text) < characters:
        text += " ".join(rng.sample(_WORDS, 12)) + ".\n"
    return text[:characters]


REPORT = prose(REPLY)


def file_content() -> bytes:
    """Return the content of the file that each task reads."""
    return prose(RESULT, seed=1).encode()


class ReportModel(LocalModel):
    """Reads the file, then writes its report, each after `latency` seconds."""

    async def request(
        self, dialogue: Dialogue, tools: Sequence[ToolSpec], listener: Listener = SILENT
    ) -> Reply:
        await asyncio.sleep(self.latency)
        if dialogue.results():
            return Reply(REPORT, tokens=Tokens(2_500, 700))
        call = ToolRequest("call_1", TOOL, {"path": FILE})
        return Reply(_SAID, calls=(call,), tokens=Tokens(1_200, 40))


class ReportServer:
    """Speaks OpenAI's chat protocol, and answers at once."""

    def __init__(self) -> None:
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}/v1"

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, backlog=1024).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        read = any(message["role"] == "tool" for message in body["messages"])
        message: dict[str, Any] = {"role": "assistant", "content": REPORT if read else _SAID}
        if not read:
            asked = {"name": TOOL, "arguments": f'{{"path": "{FILE}"}}'}
            message["tool_calls"] = [{"id": "call_1", "type": "function", "function": asked}]
        choice = {
            "index": 0,
            "message": message,
            "finish_reason": "stop" if read else "tool_calls",
        }
        usage = {"prompt_tokens": 2_500, "completion_tokens": 700, "total_tokens": 3_200}
        told = {"id": "1", "object": "chat.completion", "created": 1, "model": body["model"]}
        return web.json_response({**told, "choices": [choice], "usage": usage})
