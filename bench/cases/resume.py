"""From SIGKILL of a worker to the job's next event from another one, beside Celery on the same broker.

A job of three tasks is killed while its third asks the model, which is a server on this machine that
counts what it is asked and holds the third call. Only one worker runs when a job starts, so it is known
which one has it; the other is started before the first is killed. Celery runs the job as a chain of
three tasks, and as one task of three steps.
"""

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from bench.harness.client import User
from bench.harness.job_load import SETTINGS
from bench.harness.processes import scratch
from bench.harness.report import Report
from bench.harness.workload import ANSWER, PARTS
from bench.peers.celery_nodes import CeleryWorkers, celery_workers
from kasal_platform.config import Settings
from kasal_platform.local.program import free_port
from kasal_platform.stack import Stack, stack_in

_KILLS = 4
"""Of each side and round."""
_BEGINNINGS = [part.description.partition("{")[0] for part in PARTS]
_PATIENCE = 60.0


class CountingModel:
    """Speaks OpenAI's chat protocol; the last task's first call of each job is never answered."""

    def __init__(self) -> None:
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}/v1"
        self.next_job()

    def next_job(self) -> None:
        self.asked = [0] * len(PARTS)
        self.held, self.again = asyncio.Event(), asyncio.Event()
        self.when = 0.0
        """When it was asked again for the last task."""

    @property
    def finished_again(self) -> int:
        """The finished tasks that the model was asked for again."""
        return sum(self.asked[:-1]) - (len(PARTS) - 1)

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._answer)
        self._runner = web.AppRunner(app, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()

    async def close(self) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        prompt = orjson.dumps(body["messages"]).decode()
        place = max(n for n, beginning in enumerate(_BEGINNINGS) if beginning in prompt)
        self.asked[place] += 1
        if place == len(PARTS) - 1:
            if self.asked[place] == 1:
                self.held.set()
                await asyncio.Event().wait()
            self.when = time.perf_counter()
            self.again.set()
        message = {"role": "assistant", "content": ANSWER}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 200, "completion_tokens": 60, "total_tokens": 260}
        told = {"id": "1", "object": "chat.completion", "created": 1, "model": body["model"]}
        return web.json_response({**told, "choices": [choice], "usage": usage})


class Ours:
    """Kills the one worker that runs, another being ready."""

    def __init__(self, stack: Stack, user: User, model: CountingModel) -> None:
        self._stack = stack
        self._user = user
        self._model = model
        self._first, self._second = stack.names_of("worker")

    async def kill(self) -> tuple[float, float, int]:
        """Return seconds to the next event and to the model's next call, and tasks done again."""
        self._model.next_job()
        crew_id = await self._user.crew("gpt-4")  # with no memory of an earlier run in its prompts
        async with self._user.connect() as socket, asyncio.timeout(_PATIENCE):
            job_id = await self._user.start(crew_id)
            await socket.send_json({"type": "subscribe", "job_id": job_id})
            await self._model.held.wait()
            await self._stack.start(self._second)
            await self._stack.ready(self._second)
            killed = time.perf_counter()
            await self._stack.signal(self._first, signal.SIGKILL)
            event = await _frame(socket, "execution_resumed")
            resumed = time.perf_counter() - killed
            if event["attempt"] != 2:
                raise SystemExit(f"another attempt than expected: {event}")
            await self._model.again.wait()
            await _frame(socket, "execution_complete")
        self._first, self._second = self._second, self._first
        return resumed, self._model.when - killed, self._model.finished_again


async def _frame(socket: aiohttp.ClientWebSocketResponse, kind: str) -> dict[str, Any]:
    while True:
        frame: dict[str, Any] = orjson.loads(await socket.receive_str())
        if frame["type"] == kind:
            return frame


class Theirs:
    """Kills a Celery node and its child, another node being ready."""

    def __init__(self, workers: CeleryWorkers, model: CountingModel) -> None:
        self._workers = workers
        self._model = model
        self._first, self._second = "one", "two"

    async def kill(self, form: str) -> tuple[float, int]:
        """Return seconds to the last step's next model call, and finished steps done again."""
        self._model.next_job()
        async with asyncio.timeout(_PATIENCE):
            await self._workers.run("start", form)
            await self._model.held.wait()
            await self._workers.start(self._second)
            killed = time.perf_counter()
            self._workers.kill(self._first)
            await self._model.again.wait()
        self._first, self._second = self._second, self._first
        return self._model.when - killed, self._model.finished_again


async def _ours(stack: Stack, model: CountingModel, kills: int, report: Report) -> None:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        user = User(stack.urls["KASAL_GATEWAY_URL"] + "/api/v1", http)
        await user.register(stack.urls["KASAL_AUTH_URL"])
        side = Ours(stack, user, model)
        await stack.stop("worker-2")
        found = [await side.kill() for _ in range(kills)]
    report.row("Kasal: SIGKILL to the next event", "s", *(event for event, _, _ in found))
    report.row("Kasal: to the open task's model call", "s", *(call for _, call, _ in found))
    report.row("Kasal: finished tasks done again", "", *(again for _, _, again in found))
    report.at_most(f"the worst of {kills} kills", 3, max(e for e, _, _ in found), unit="s")


async def _theirs(
    stack: Stack, folder: Path, model: CountingModel, kills: int, report: Report
) -> None:
    async with celery_workers(stack.urls, folder, ("one",), model.url) as workers:
        side = Theirs(workers, model)
        for form, title in (("asking", "a chain of 3"), ("whole", "one task of 3 steps")):
            found = [await side.kill(form) for _ in range(kills)]
            report.row(f"Celery, {title}: to the last step's call", "s", *(s for s, _ in found))
            report.row(f"Celery, {title}: finished steps done again", "", *(n for _, n in found))


async def _measure(rounds: int, folder: Path, report: Report) -> None:
    model = CountingModel()
    await model.start()
    given = {**SETTINGS, "KASAL_OPENAI_BASE_URL": model.url, "OPENAI_API_KEY": "none"}
    async with stack_in(Settings(port=0), folder, os.environ, given) as stack:
        await _ours(stack, model, rounds * _KILLS, report)
        await _theirs(stack, folder, model, rounds * _KILLS, report)
    await model.close()


def run(rounds: int) -> Report:
    report = Report("resume", "SIGKILL of a worker in a job's third task, another worker running")
    with scratch("resume") as folder:
        asyncio.run(_measure(rounds, folder, report))
    report.notes.append(
        "RabbitMQ gives Celery's task away when the killed process's socket closes;"
    )
    report.notes.append("Kasal's worker counts as dead when its counter stands still for 2 s,")
    report.notes.append("closed socket or not: so with a machine that vanishes or hangs, too.")
    return report
