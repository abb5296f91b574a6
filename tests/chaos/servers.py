"""The world outside of the platform: a model and the tools, on this machine, which write down what
they are asked."""

import asyncio
import itertools
import json
import random
from collections import Counter, defaultdict
from typing import Any, Self

from aiohttp import web

from chaos.script import APPEND, CHARGE, LOOK_UP, Said, read
from kasal_platform.local.program import free_port


class Outside:
    """Both servers on one port: `model_url` is what KASAL_OPENAI_BASE_URL is set to, `tools_url`
    what the tools' endpoints begin with. `latency` is the most seconds a model's turn takes.

    As any model, this one never says the same twice: what it asks a tool for has a number in it. A
    call that is made on the word of a reply which then is lost comes again with another number.
    """

    def __init__(self, seed: int, latency: float = 0.6) -> None:
        self._random = random.Random(seed)
        self._latency = latency
        self._port = free_port()
        self._runner: web.AppRunner | None = None
        self.asked: Counter[tuple[str, int, int]] = Counter()
        """How often the model was asked for the turn of a task of a job."""
        self.finished_again = 0
        """How often it was asked for a turn after a later one of its task."""
        self._furthest: Counter[tuple[str, int]] = Counter()
        self.calls: defaultdict[str, list[Any]] = defaultdict(list)
        """What each idempotency key came with, each time, to change something."""
        self.read: Counter[str] = Counter()
        """How often each key came to read."""
        self.effects: defaultdict[tuple[Any, ...], set[str]] = defaultdict(set)
        """The keys under which each step of a job had an effect; one, if all is well."""
        self._answers: dict[str, dict[str, Any]] = {}
        self._numbers = itertools.count(1)

    @property
    def model_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def tools_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/tools"

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._turn)
        app.router.add_get(f"/tools/{LOOK_UP}", self._look_up)
        app.router.add_post(f"/tools/{APPEND}", self._append)
        app.router.add_post(f"/tools/{CHARGE}", self._charge)
        self._runner = web.AppRunner(app, handler_cancellation=False)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _turn(self, request: web.Request) -> web.Response:
        body = await request.json()
        prompt = "\n".join(_text(m) for m in body["messages"] if m["role"] == "user")
        turn = sum(message["role"] == "assistant" for message in body["messages"])
        said = read(prompt)
        if said is None:
            return web.json_response({"error": {"message": f"what? {prompt[:200]}"}}, status=400)
        self.asked[said.n, said.place, turn] += 1
        self.finished_again += turn < self._furthest[said.n, said.place]
        self._furthest[said.n, said.place] = max(turn, self._furthest[said.n, said.place])
        await asyncio.sleep(self._random.uniform(0.2, 1.0) * self._latency)
        number = next(self._numbers)
        return web.json_response(_completion(body["model"], said, turn, number))

    async def _look_up(self, request: web.Request) -> web.Response:
        self.read[_key(request)] += 1
        await self._work()
        return web.json_response({"found": sorted(request.query.items())})

    async def _append(self, request: web.Request) -> web.Response:
        """Honours the key: the same one again has no effect, and gets the first answer."""
        key, body = _key(request), await request.json()
        self.calls[key].append(body)
        if key not in self._answers:
            self._answers[key] = {"entry": len(self._answers) + 1}
            self.effects[_step(APPEND, body)].add(key)
        await self._work()
        return web.json_response(self._answers[key])

    async def _charge(self, request: web.Request) -> web.Response:
        """Has its effect each time it is called."""
        key, body = _key(request), await request.json()
        self.calls[key].append(body)
        self.effects[_step(CHARGE, body)].add(f"{key} call {len(self.calls[key])}")
        await self._work()
        return web.json_response({"charged": True})

    async def _work(self) -> None:
        await asyncio.sleep(self._random.uniform(0.02, 0.25))

    def effected_twice(self) -> list[str]:
        """Return the steps that had their effect more than once."""
        return [f"{step}: {sorted(keys)}" for step, keys in self.effects.items() if len(keys) > 1]

    def keys_of_several(self) -> list[str]:
        """Return the keys that came with different requests to change something."""
        return [
            f"{key}: {came}" for key, came in self.calls.items() if any(c != came[0] for c in came)
        ]

    @property
    def repeated_calls(self) -> int:
        """Calls that were made again with the same key, as they may be."""
        return (
            sum(len(came) - 1 for came in self.calls.values()) + self.read.total() - len(self.read)
        )

    @property
    def repeated_turns(self) -> int:
        """Turns that the model was asked for again, since its reply had not been stored."""
        return sum(times - 1 for times in self.asked.values())


def _key(request: web.Request) -> str:
    return request.headers["Idempotency-Key"]


def _step(tool: str, body: dict[str, Any]) -> tuple[Any, ...]:
    return tool, body["n"], body["task"], body["turn"], body["entry"]


def _text(message: dict[str, Any]) -> str:
    content = message["content"]
    return content if isinstance(content, str) else json.dumps(content)


def _completion(model: str, said: Said, turn: int, number: int) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": None}
    calls = turn < len(said.turns)
    if calls:
        message["tool_calls"] = [
            _call(said, turn, entry, tool, number) for entry, tool in enumerate(said.turns[turn])
        ]
    else:
        message["content"] = f"Task {said.place} of job {said.n} is done."
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [
            {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }


def _call(said: Said, turn: int, entry: int, tool: str, number: int) -> dict[str, Any]:
    step = {"n": said.n, "task": said.place, "turn": turn, "entry": entry}
    arguments = step | {"number": number}
    return {
        "id": f"call_{said.place}_{turn}_{entry}",
        "type": "function",
        "function": {"name": tool, "arguments": json.dumps(arguments)},
    }
