"""Both shared secrets are replaced, process by process, while people log in and jobs call tools.

Covers: common.security.resealing
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from journeys.model import ScriptedModel
from journeys.platforms import SETTINGS, Platform
from journeys.users import User, registered

from kasal_platform.config import Settings
from kasal_platform.local.program import free_port
from kasal_platform.stack import Stack, stack_in

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.own_platform]

NEW = {"KASAL_SECRET_KEY": "n" * 40, "KASAL_SERVICE_SECRET": "w" * 40}
AWAY = {502, 503, 504}
"""What a client is answered while a process starts again; it sends its request again."""


class Vault:
    """An endpoint that answers who has its token, and counts those who have not."""

    def __init__(self) -> None:
        self.port = free_port()
        self.served = self.refused = 0
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/vault", self._answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def close(self) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Bearer the-vault-token":
            self.refused += 1
            return web.json_response({"error": "who are you?"}, status=401)
        self.served += 1
        return web.json_response({"gold": 7})


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def vault() -> AsyncIterator[Vault]:
    vault = Vault()
    await vault.start()
    yield vault
    await vault.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def platform(vault: Vault, tmp_path_factory: Any) -> AsyncIterator[Any]:
    folder, model = tmp_path_factory.mktemp("rotating"), ScriptedModel()
    await model.start()
    extra = {
        **SETTINGS,
        "KASAL_OPENAI_BASE_URL": model.url,
        "OPENAI_API_KEY": "",
        "KASAL_LOG_FORMAT": "json",
        "KASAL_TOOL_ALLOWED_HOSTS": f"127.0.0.1:{vault.port}",
    }
    async with stack_in(Settings(port=0), folder, os.environ, extra, counts={"worker": 1}) as stack:
        base = stack.urls["KASAL_GATEWAY_URL"] + "/api/v1"
        yield Platform("stack", base, folder, model, stack=stack)
    await model.close()


async def retried(user: Any, method: str, path: str, body: Any, **rest: Any) -> Any:
    """Send a request until its services are there to answer it; return what they say."""
    async with asyncio.timeout(120):
        while True:
            with contextlib.suppress(aiohttp.ClientConnectionError):
                told = await user.call(method, path, body, **rest)
                if user.answer.status not in AWAY:
                    assert user.answer.status < 300, (path, user.answer.status, told)
                    return told
            await asyncio.sleep(0.05)


async def busy(user: Any, crew_id: str, jobs: list[str], over: asyncio.Event) -> None:
    """Log in and start jobs, one after the other, until it is over."""
    credentials = {"email": user.email, "password": user.password}
    while not over.is_set():
        user.token = (await retried(user, "POST", "/auth/login", credentials))["access_token"]
        started = await retried(user, "POST", "/executions", {"crew_id": crew_id, "inputs": {}})
        jobs.append(started["job_id"])
        await asyncio.sleep(0.5)


async def restarted(stack: Stack, secrets: dict[str, str]) -> None:
    """Start each process again, one after the other, with other secrets."""
    for name, process in stack.processes.items():
        process.environment.update(secrets)
        await stack.stop(name)
        await stack.start(name)
        await stack.ready(name)


async def said_by(stack: Stack, service: str, verb: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", service, verb),
        env=stack.processes[service].environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, faults = await asyncio.wait_for(process.communicate(), timeout=120)
    assert process.returncode is not None
    return process.returncode, said.decode(), faults.decode()


def tool_of(vault: Vault) -> dict[str, Any]:
    return {
        "name": "vault",
        "description": "Tells how much gold there is",
        "endpoint": f"http://127.0.0.1:{vault.port}/vault",
        "method": "GET",
        "auth_type": "bearer",
        "credentials": {"token": "the-vault-token"},
    }


async def reseal_everything(stack: Stack) -> None:
    """Run each service's `reseal` twice: the second time there is nothing left to do."""
    sealed = {"auth": ["signing keys"], "crews": ["credentials of custom tools", "keys of models"]}
    for service, kinds in sealed.items():
        code, said, faults = await said_by(stack, service, "reseal")
        assert (code, faults) == (0, ""), faults
        for what in kinds:
            assert f"{what}: 1 sealed anew, 0 were under the current key" in said
        code, said, _ = await said_by(stack, service, "reseal")
        assert code == 0
        for what in kinds:
            assert f"{what}: 0 sealed anew, 1 were under the current key" in said


@pytest.mark.timeout(1_800)
async def test_both_secrets_rotate_while_people_work(platform: Any, vault: Vault) -> None:
    stack = platform.stack
    environment = stack.processes["auth"].environment
    old = {name: environment[name] for name in NEW}
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        user = await registered(User(platform, http))
        first_token = user.token
        await user.call("POST", "/tools/custom", tool_of(vault), expect=201)
        await user.call("PUT", "/models/providers/anthropic", {"api_key": "sk-ours"})
        crew_id = await user.crew("call:vault:{}", model="openai:fake", tools=["vault"])
        once = {"headers": {"Idempotency-Key": "made-under-the-old-secret"}}
        key = await user.call("POST", "/auth/api-keys", {"name": "mine"}, expect=201, **once)

        jobs: list[str] = []
        over = asyncio.Event()
        working = asyncio.create_task(busy(user, crew_id, jobs, over))
        for first, second in ((old, NEW), (NEW, old)):
            await restarted(stack, {name: f"{first[name]},{second[name]}" for name in NEW})
            repeated = await retried(user, "POST", "/auth/api-keys", {"name": "mine"}, **once)
            assert repeated == key, "a repeated request is known again under either secret"

        await reseal_everything(stack)
        await restarted(stack, NEW)
        over.set()
        await working

        ended = [await user.finished(job_id) for job_id in jobs]
        assert {one["status"] for one in ended} == {"completed"}
        assert len(ended) > 5
        assert vault.served >= len(jobs), "each job has called the tool with its credentials"
        assert vault.refused == 0
        user.token = first_token  # signed before: its key was resealed, not replaced
        assert (await user.call("GET", "/auth/me", expect=200))["email"] == user.email
        shown = await user.call("GET", "/models/providers/anthropic", expect=200)
        assert shown["has_api_key"] is True
        user.token = key["secret"] if "secret" in key else key["key"]
        assert (await user.call("GET", "/crews", expect=200))["total"] == 1


async def test_a_key_that_was_dropped_too_early_stops_the_start_in_one_line(platform: Any) -> None:
    stack = platform.stack
    stack.processes["auth"].environment["KASAL_SECRET_KEY"] = "o" * 40
    code, said, _ = await said_by(stack, "auth", "reseal")
    assert code == 1
    assert "1 open under none of the keys in KASAL_SECRET_KEY" in said
    stack.processes["auth"].environment["KASAL_PORT"] = "0"
    code, _, faults = await said_by(stack, "auth", "serve")
    assert code == 1
    assert "The signing keys cannot be read" in faults.splitlines()[-1]
    assert "KASAL_SECRET_KEY" in faults.splitlines()[-1]
