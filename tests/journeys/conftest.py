"""The platform under test, in both forms, and a user of it with the tools a user has.

KASAL_TEST_URL names a platform that runs already, started with the settings of `SETTINGS` and with
KASAL_OPENAI_BASE_URL leading to KASAL_TEST_MODEL (`host:port`), where the scripted model then listens. Tests
marked `own_platform` can't be run on it: `make journeys-compose` deselects them.
"""

import asyncio
import contextlib
import json
import os
import re
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from kasal_platform.config import Settings
from kasal_platform.local.program import free_port
from kasal_platform.stack import Stack, stack_in

TERMINAL = {"execution_complete", "error", "execution_stopped"}

ELSEWHERE = os.environ.get("KASAL_TEST_URL", "")
SETTINGS = {
    "KASAL_OPEN_ROUTE_LIMIT": "100000",
    "KASAL_PLAN_CHANGES": "true",
    "KASAL_SANDBOX_TOKEN": "SANDBOX_TOKEN",
}

collect_ignore = [] if ELSEWHERE else ["test_containers.py"]  # those of `make journeys-compose`


@dataclass
class Platform:
    """A running platform: where it answers, and what of it can be reached besides."""

    form: str
    base: str
    folder: Path
    model: "ScriptedModel"
    amqp_url: str = ""
    stack: Stack | None = None
    process: asyncio.subprocess.Process | None = None

    @property
    def root(self) -> str:
        return self.base.removesuffix("/api/v1")

    @property
    def workers(self) -> list[str]:
        assert self.stack is not None
        return [name for name in self.stack.processes if name.startswith("worker")]


class ScriptedModel:
    """A server that speaks OpenAI's chat protocol and answers as a test tells it to.

    A prompt that contains `hold:<name>` waits until the test calls `release(name)`; `held(name)`
    returns when such a call has arrived. One that contains `call:<tool>:<json>` asks for that tool
    first. One with `fail:<status>` is refused with that status, one with `flaky:<name>` once. One with
    `finish:<reason>` gets half an answer that ends for that reason, and the rest when it asks on.
    """

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self._arrived: dict[str, asyncio.Event] = {}
        self._released: dict[str, asyncio.Event] = {}
        self._dropped: dict[str, asyncio.Event] = {}
        self._flaked: set[str] = set()
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._answer)
        self._runner = web.AppRunner(app, handler_cancellation=True)
        await self._runner.setup()
        port = port or free_port()
        await web.TCPSite(self._runner, host, port).start()
        self.url = f"http://127.0.0.1:{port}/v1"

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def held(self, name: str) -> None:
        async with asyncio.timeout(20):
            await self._arrived.setdefault(name, asyncio.Event()).wait()

    def release(self, name: str) -> None:
        self._released.setdefault(name, asyncio.Event()).set()

    async def dropped(self, name: str) -> None:
        """Wait until a held call has been given up by the platform."""
        async with asyncio.timeout(5):
            await self._dropped.setdefault(name, asyncio.Event()).wait()

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.calls.append(body)
        said = json.dumps(body["messages"])
        refused = re.search(r"fail:(\d{3})", said)
        if refused:
            return web.json_response({"error": {"message": "refused"}}, status=int(refused[1]))
        flaky = re.search(r"flaky:(\w+)", said)
        if flaky and flaky[1] not in self._flaked:
            self._flaked.add(flaky[1])
            return web.json_response({"error": {"message": "busy"}}, status=503)
        await self._hold(said)
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
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }


@dataclass
class User:
    """Someone with a token, over HTTP and WebSocket."""

    platform: Platform
    http: aiohttp.ClientSession
    email: str = ""
    password: str = ""
    token: str = ""
    refresh_token: str = ""
    answer: aiohttp.ClientResponse | None = field(default=None, repr=False)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    async def call(
        self, method: str, path: str, body: Any = None, *, expect: int | None = None, **rest: Any
    ) -> Any:
        """Send a request and return the decoded answer, whose status must be `expect`."""
        headers = {**self.headers, **rest.pop("headers", {})}
        async with self.http.request(
            method, self.platform.base + path, json=body, headers=headers, **rest
        ) as answer:
            raw = await answer.read()
        self.answer = answer
        if expect is not None:
            assert answer.status == expect, (method, path, answer.status, raw)
        return json.loads(raw) if raw else None

    async def login(self) -> dict[str, Any]:
        credentials = {"email": self.email, "password": self.password}
        told: dict[str, Any] = await self.call("POST", "/auth/login", credentials, expect=200)
        self.token, self.refresh_token = told["access_token"], told["refresh_token"]
        return told

    @contextlib.asynccontextmanager
    async def socket(self, **rest: Any) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        headers = rest.pop("headers", self.headers)
        url = self.platform.base + "/ws"
        async with self.http.ws_connect(url, headers=headers, **rest) as socket:
            yield socket

    async def crew(self, *descriptions: str, model: str = "offline", **rest: Any) -> str:
        """Make an active crew with one agent and a task for each description; return its id."""
        agent = {"role": "Research Agent", "goal": "Find things out", "model": model, **rest}
        body = {"name": "A crew", "process": "sequential", "agents": [agent]}
        crew_id = (await self.call("POST", "/crews", body, expect=201))["id"]
        agents = (await self.call("GET", f"/agents?crew_id={crew_id}", expect=200))["agents"]
        for text in descriptions:
            task = {"agent_id": agents[0]["id"], "description": text, "expected_output": "A text"}
            await self.call("POST", "/tasks", task, expect=201)
        return str(crew_id)

    async def remembers(self, crew_id: str, scope: str = "crew") -> None:
        """Switch a crew's memory on."""
        memory = {"short_term": True, "long_term": True, "scope": scope}
        changes = {"configuration": {"memory": memory}}
        await self.call("PUT", f"/crews/{crew_id}", changes, expect=200)

    async def start(self, crew_id: str, **inputs: Any) -> str:
        body = {"crew_id": crew_id, "inputs": inputs}
        return str((await self.call("POST", "/executions", body, expect=202))["job_id"])

    async def watch(self, job_id: str, after_seq: int = 0) -> list[dict[str, Any]]:
        """Return all events of the job from `after_seq` to its end, over a WebSocket."""
        async with self.socket() as socket:
            await socket.send_json({"type": "subscribe", "job_id": job_id, "after_seq": after_seq})
            return await read_events(socket)

    async def finished(self, job_id: str) -> dict[str, Any]:
        """Wait for the job's last event and return the execution."""
        await self.watch(job_id)
        told: dict[str, Any] = await self.call("GET", f"/executions/{job_id}", expect=200)
        return told


async def read_events(
    socket: aiohttp.ClientWebSocketResponse, until: set[str] = TERMINAL
) -> list[dict[str, Any]]:
    """Read events up to one whose type is in `until`."""
    events: list[dict[str, Any]] = []
    async with asyncio.timeout(60):
        while True:
            frame = json.loads(await socket.receive_str())
            if "seq" in frame:
                events.append(frame)
                if frame["type"] in until:
                    return events


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that ask for one form by its name: that form is started for them."""
    for item in items:
        asked = getattr(getattr(item, "callspec", None), "params", {}).get("form")
        if asked in {"embedded", "stack"}:
            item.add_marker(pytest.mark.own_platform)


@pytest.fixture(scope="session", params=["elsewhere"] if ELSEWHERE else ["embedded", "stack"])
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def platform(
    form: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Platform]:
    """The platform in the form the test is run on; started once for all tests of that form."""
    folder = tmp_path_factory.mktemp(form)
    model = ScriptedModel()
    host, _, port = os.environ.get("KASAL_TEST_MODEL", "127.0.0.1:0").rpartition(":")
    await model.start(host, int(port))
    extra = {
        **SETTINGS,
        "KASAL_OPENAI_BASE_URL": model.url,
        "OPENAI_API_KEY": "",
        "KASAL_LOG_FORMAT": "json",
    }
    try:
        if form == "elsewhere":
            yield Platform(form, ELSEWHERE + "/api/v1", folder, model)
        elif form == "embedded":
            async with embedded_platform(folder, model, extra) as running:
                yield running
        else:
            async with stack_platform(folder, model, extra) as running:
                yield running
    finally:
        await model.close()


@contextlib.asynccontextmanager
async def embedded_platform(
    folder: Path, model: ScriptedModel, extra: dict[str, str]
) -> AsyncIterator[Platform]:
    port = free_port()
    environment = {
        **os.environ,
        **extra,
        "KASAL_PORT": str(port),
        "KASAL_DATA_DIR": str(folder / "data"),
    }
    log = (folder / "log").open("ab")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "kasal_platform",
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=log,
    )
    log.close()
    try:
        await printed(process, "Kasal is up")
        base = f"http://127.0.0.1:{port}/api/v1"
        yield Platform("embedded", base, folder, model, process=process)
    finally:
        await ended(process)


async def printed(process: asyncio.subprocess.Process, words: str) -> list[str]:
    """Read what the process prints up to the line that has `words` in it."""
    assert process.stdout is not None
    lines: list[str] = []
    async with asyncio.timeout(60):
        async for line in process.stdout:
            lines.append(line.decode().rstrip())
            if words in lines[-1]:
                return lines
    if process.stderr is not None:
        lines += (await process.stderr.read()).decode().splitlines()
    raise AssertionError("the platform did not start:\n" + "\n".join(lines))


async def ended(process: asyncio.subprocess.Process, number: int = signal.SIGINT) -> int:
    """Send a signal and return the exit code, reading on so that the process never blocks."""
    if process.returncode is None:
        process.send_signal(number)
    await asyncio.wait_for(process.communicate(), timeout=20)
    assert process.returncode is not None
    return process.returncode


@contextlib.asynccontextmanager
async def stack_platform(
    folder: Path, model: ScriptedModel, extra: dict[str, str]
) -> AsyncIterator[Platform]:
    """A stack over backends of its own: two that shared a broker would run each other's jobs."""
    given = dict(os.environ)
    if "KASAL_TEST_MONGO_URL" in os.environ:
        given["KASAL_MONGO_URL"] = os.environ["KASAL_TEST_MONGO_URL"]
        extra = {**extra, "KASAL_MONGO_DATABASE_PREFIX": f"journey_{secrets.token_hex(4)}_"}
    async with stack_in(Settings(port=0), folder, given, extra) as stack:
        base = stack.urls["KASAL_GATEWAY_URL"] + "/api/v1"
        amqp_url = stack.urls["KASAL_AMQP_URL"]
        yield Platform("stack", base, folder, model, amqp_url=amqp_url, stack=stack)


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(platform: Platform) -> AsyncIterator[User]:
    """Someone without a token."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        yield User(platform, http)


@pytest_asyncio.fixture(loop_scope="session")
async def user(visitor: User) -> User:
    """The owner of a workspace of their own, logged in."""
    return await registered(visitor)


@pytest_asyncio.fixture(loop_scope="session")
async def stranger(platform: Platform) -> AsyncIterator[User]:
    """The owner of another workspace."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        yield await registered(User(platform, http))


async def registered(somebody: User) -> User:
    somebody.email = f"{secrets.token_hex(6)}@example.com"
    somebody.password = "a long password"
    credentials = {"email": somebody.email, "password": somebody.password}
    await somebody.call("POST", "/auth/register", credentials, expect=201)
    await somebody.login()
    await somebody.call("PUT", "/workspace/plan", {"tier": "enterprise"}, expect=200)
    return somebody


@pytest.fixture(scope="session")
def journeys() -> Any:
    """This module: what tests that start platforms of their own need of it."""
    return sys.modules[__name__]
