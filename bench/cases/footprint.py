"""What `make run` needs: disk, seconds to ready, memory idle and per waiting job, time to stop.

Beside the figures of upstream Kasal (databrickslabs/kasal), which were measured once on a machine of
this size; it is not installed here.
"""

import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import aiohttp
import orjson
from aiohttp import web

from bench.harness.client import User
from bench.harness.processes import (
    ROOT,
    SCRATCH,
    end_process,
    folder_mb,
    pss_mb,
    ready,
    scratch,
    tree,
)
from bench.harness.report import Report
from kasal_platform.local.program import free_port

_JOBS, _STOPPED = 300, 20
_SETTLING = 12.0
"""Seconds that a start's imports and the demo get before memory is read."""


class HeldModel:
    """A server that accepts requests of OpenAI's chat protocol and never answers them."""

    def __init__(self) -> None:
        self.holding = 0
        self._changed = asyncio.Event()

    async def start(self) -> str:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._hold)
        self._runner = web.AppRunner(app, handler_cancellation=True)
        await self._runner.setup()
        port = free_port()
        await web.TCPSite(self._runner, "127.0.0.1", port, backlog=1024).start()
        return f"http://127.0.0.1:{port}/v1"

    async def _hold(self, request: web.Request) -> web.Response:
        await request.read()
        self._count(1)
        try:
            await asyncio.Event().wait()
        finally:
            self._count(-1)
        return web.Response()

    def _count(self, step: int) -> None:
        self.holding += step
        self._changed.set()

    async def until(self, wanted: int) -> None:
        """Wait until `wanted` calls are held."""
        async with asyncio.timeout(180):
            while self.holding != wanted:
                self._changed.clear()
                await self._changed.wait()

    async def close(self) -> None:
        await self._runner.cleanup()


@dataclass
class Embedded:
    """A platform started as `make run` starts it."""

    process: asyncio.subprocess.Process
    base: str
    seconds_to_ready: float = 0.0

    def memory_mb(self) -> float:
        """Return the memory of the process and its children, if it has any."""
        return sum(pss_mb(pid) for pid in tree(self.process.pid))


@dataclass
class Bench:
    python: Path
    folder: Path
    report: Report
    extra: dict[str, str] = field(default_factory=dict)

    @contextlib.asynccontextmanager
    async def started(self, **extra: str) -> AsyncIterator[Embedded]:
        port = free_port()
        environment = {
            **os.environ,
            "KASAL_PORT": str(port),
            "KASAL_DATA_DIR": str(self.folder / "data"),
            **extra,
        }
        with (self.folder / "log").open("ab") as log:
            started = time.monotonic()
            process = await asyncio.create_subprocess_exec(
                *(str(self.python), "-m", "kasal_platform", "run"),
                env=environment,
                stdout=log,
                stderr=log,
            )
        root = f"http://127.0.0.1:{port}"
        try:
            seconds = await ready(f"{root}/readyz", process) - started
            yield Embedded(process, f"{root}/api/v1", seconds)
        finally:
            await end_process(process)

    async def starts(self, rounds: int) -> None:
        """Start once to make the data, then as often as asked; read the memory of the last."""
        async with self.started() as platform:
            first = platform.seconds_to_ready
            await asyncio.sleep(_SETTLING)
        seconds, idle = [], []
        for _ in range(rounds):
            async with self.started() as platform:
                seconds.append(platform.seconds_to_ready)
                if len(seconds) > rounds - 2:
                    await asyncio.sleep(_SETTLING)
                    idle.append(platform.memory_mb())
        self.report.row("first start to /readyz, making the data", "s", first)
        self.report.at_most("start to /readyz", 1.0, *seconds, unit="s")
        self.report.at_most("idle memory, all processes (PSS)", 120, *idle, unit="MB")

    async def waiting_jobs(self) -> None:
        """Hold jobs in their model calls, measure their memory, stop some and measure how soon that shows."""
        model = HeldModel()
        given = {
            "KASAL_OPENAI_BASE_URL": await model.start(),
            "OPENAI_API_KEY": "held",
            "KASAL_WORKER_SLOTS": str(2 * _JOBS + 10),
            "KASAL_PLAN_CHANGES": "true",
        }
        async with (
            self.started(**given) as platform,
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
        ):
            user = User(platform.base, http)
            await user.log_in("user@example.com", "secure_password")
            await user.call(
                "PUT", "/workspace/plan", {"tier": "enterprise"}
            )  # for so many requests
            crew_id = await user.crew("gpt-4")
            await asyncio.sleep(_SETTLING)
            warm = [await user.start(crew_id) for _ in range(5)]
            await model.until(len(warm))
            read, jobs = [platform.memory_mb()], []
            for _ in range(2):
                jobs += [await user.start(crew_id) for _ in range(_JOBS)]
                await model.until(len(warm) + len(jobs))
                await asyncio.sleep(3)
                read.append(platform.memory_mb())
            # The first ones fill caches too, which have bounds of their own.
            first, each = ((after - before) / _JOBS for before, after in pairwise(read))
            self.report.row(f"memory per waiting job, the first {_JOBS}", "MB", first)
            self.report.at_most(f"memory per waiting job, {_JOBS} more", 0.1, each, unit="MB")
            await self._stops(user, model, jobs)
        await model.close()

    async def _stops(self, user: User, model: HeldModel, jobs: list[str]) -> None:
        crowded = [await _stop(user, model, job) for job in jobs[:_STOPPED]]
        for job in jobs[_STOPPED:]:
            await user.call("POST", f"/executions/{job}/stop")
        await asyncio.sleep(5)
        crew_id = await user.crew("gpt-4")
        alone = []
        for _ in range(_STOPPED):
            job, held = await user.start(crew_id), model.holding
            await model.until(held + 1)
            alone.append(await _stop(user, model, job))
        self.report.at_most(
            "POST stop to the end event, median",
            100,
            statistics.median(one.seen for one in alone),
            unit="ms",
        )
        self.report.row("stop to the end event", "ms", *(one.seen for one in alone))
        self.report.row("stop to the model call cut off", "ms", *(one.cut for one in alone))
        what = f"stop to the end event, {2 * _JOBS} jobs waiting"
        self.report.row(what, "ms", *(one.seen for one in crowded))


@dataclass(frozen=True)
class _Stop:
    """Milliseconds from the POST to what a watcher sees, and to the end of the model call."""

    seen: float
    cut: float


async def _stop(user: User, model: HeldModel, job_id: str) -> _Stop:
    async with user.connect() as socket:
        await socket.send_json({"type": "subscribe", "job_id": job_id})
        while orjson.loads(await socket.receive_str())["type"] != "task_start":
            pass
        left = model.holding - 1
        started = time.perf_counter()

        async def seconds_to_event() -> float:
            while orjson.loads(await socket.receive_str())["type"] != "execution_stopped":
                pass
            return (time.perf_counter() - started) * 1000

        async def cut() -> float:
            await model.until(left)
            return (time.perf_counter() - started) * 1000

        async with asyncio.timeout(30):
            told = await asyncio.gather(
                seconds_to_event(), cut(), user.call("POST", f"/executions/{job_id}/stop")
            )
    return _Stop(told[0], told[1])


def run_environment() -> Path:
    """Return the Python of an environment with `requirements.lock` and the members, nothing more."""
    folder = SCRATCH / "run"
    locked = sha256((ROOT / "requirements.lock").read_bytes()).hexdigest()[:16]
    done, python = folder / f"locked-{locked}", folder / "bin" / "python"
    if not done.exists():
        print("Installing requirements.lock into .bench/run (once for each lock) ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        install = [str(python), "-m", "pip", "install", "-q"]
        locks = ["--require-hashes", "--no-deps", "-r", str(ROOT / "requirements.lock")]
        subprocess.run([*install, *locks], check=True)
        editable = [word for member in _members() for word in ("-e", str(member))]
        subprocess.run([*install, "--no-deps", "--no-build-isolation", *editable], check=True)
        done.touch()
    # As `tools/setup.sh` does: sources may have changed since, and a start that compiles is not a warm one.
    sources = [str(member / "src") for member in _members()]
    subprocess.run([str(python), "-m", "compileall", "-q", *sources], check=True)
    return python


def _members() -> list[Path]:
    return [ROOT / "apps/kasal", ROOT / "libs/common", *sorted(ROOT.glob("services/*/"))]


def run(rounds: int) -> Report:
    report = Report("footprint", "what `make run` takes")
    python = run_environment()
    report.at_most("environment", 340, folder_mb(SCRATCH / "run"), unit="MB")
    with scratch("footprint") as folder:
        bench = Bench(python, folder, report)
        asyncio.run(bench.starts(rounds))
        asyncio.run(bench.waiting_jobs())
    report.notes.append(
        "Upstream Kasal: environment 1.8 GB, 12.7 s to the first answer, 642 MB idle,"
    )
    report.notes.append("534-605 MB and a process a run, stop 15.1 s (API frozen up to 9.9 s).")
    return report
