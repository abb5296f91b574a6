"""CPU by process of the distributed form: a job, a watched job, a request, a socket's opening.

Jobs come through the gateway from several connections at once. Their model is a server in this process,
which answers at once; each task reads a file and writes a report (`bench.harness.replies`). What the
processes use when idle is subtracted.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from bench.harness.client import User
from bench.harness.processes import cpu_seconds, scratch, tree
from bench.harness.replies import FILE, REPLY, RESULT, TOOL, ReportServer, file_content
from bench.harness.report import Report
from kasal_platform.config import Settings
from kasal_platform.stack import Stack, stack_in

JOBS, AT_ONCE, SOCKETS, REQUESTS = 300, 20, 600, 1_500
_IDLE = 5.0
_ENDS = {"execution_complete", "error", "execution_stopped"}
_ENVIRONMENT = {
    "OPENAI_API_KEY": "none-is-checked",
    "KASAL_PLAN_CHANGES": "true",
    "KASAL_OPEN_ROUTE_LIMIT": "100000",
    "KASAL_HANDSHAKE_LIMIT": "100000",
    "KASAL_LOG_FORMAT": "json",
}


def _cpu_by_kind(stack: Stack) -> Counter[str]:
    """CPU in milliseconds by kind of process."""
    found: Counter[str] = Counter()
    for name, process in stack.processes.items():
        assert process.child is not None
        kind = "worker" if name.startswith("worker") else name
        found[kind] += cpu_seconds(process.child.pid) * 1000  # type: ignore[assignment]
    for name, backend in stack.backends.items():
        found[name] = sum(cpu_seconds(pid) for pid in tree(backend.program.pid or 0)) * 1000  # type: ignore[assignment]
    return found


class Costs:
    """Measures what `work` costs each kind of process, less what it uses in that time when idle."""

    def __init__(self, stack: Stack, report: Report) -> None:
        self._stack = stack
        self._report = report
        self._idle: dict[str, float] = {}

    async def idle(self) -> None:
        before = _cpu_by_kind(self._stack)
        await asyncio.sleep(_IDLE)
        after = _cpu_by_kind(self._stack)
        self._idle = {kind: (after[kind] - before[kind]) / _IDLE for kind in after}
        for kind, used in self._idle.items():
            self._report.row(f"idle: {kind}", "ms/s", used)

    async def of(self, what: str, work: Awaitable[None], times: int) -> None:
        loop = asyncio.get_running_loop()
        before, began = _cpu_by_kind(self._stack), loop.time()
        await work
        after, took = _cpu_by_kind(self._stack), loop.time() - began
        for kind in after:
            used = after[kind] - before[kind] - self._idle[kind] * took
            self._report.row(f"{what}: {kind}", "ms", max(0.0, used / times))


async def _spread(one: Callable[[int], Awaitable[None]], times: int, at_once: int) -> None:
    numbers = iter(range(times))

    async def some() -> None:
        for n in numbers:
            await one(n)

    await asyncio.gather(*(some() for _ in range(at_once)))


async def _jobs(user: User, crew_id: str) -> None:
    started: list[str] = []

    async def start(_: int) -> None:
        started.append(await user.start(crew_id))

    await _spread(start, JOBS, AT_ONCE)
    for job_id in started[-AT_ONCE:]:
        while not (await user.call("GET", f"/executions/{job_id}"))["finished_at"]:  # noqa: ASYNC110
            await asyncio.sleep(0.5)
    await asyncio.sleep(2.0)  # what crews do behind, and the settling


async def _watch_jobs(user: User, crew_id: str) -> None:
    """Watch each job on a socket that stays open for the next: a binding and an unbinding per job."""
    left = iter(range(JOBS))

    async def watch() -> None:
        async with user.connect() as socket:
            for _ in left:
                await _to_its_end(socket, await user.start(crew_id))

    await asyncio.gather(*(watch() for _ in range(AT_ONCE)))
    await asyncio.sleep(2.0)


async def _to_its_end(socket: Any, job_id: str) -> None:
    await socket.send_json({"type": "subscribe", "job_id": job_id})
    async with asyncio.timeout(60):
        while orjson.loads(await socket.receive_str()).get("type") not in _ENDS:
            pass
    await socket.send_json({"type": "unsubscribe", "job_id": job_id})


async def _measure(folder: Path, report: Report) -> None:
    async with (
        ReportServer() as model,
        stack_in(
            Settings(port=0),
            folder,
            os.environ,
            {**_ENVIRONMENT, "KASAL_OPENAI_BASE_URL": model.url},
            own_backends=True,
        ) as stack,
    ):
        base = stack.urls["KASAL_GATEWAY_URL"] + "/api/v1"
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar()
        ) as http:
            user = User(base, http)
            await user.register(stack.urls["KASAL_AUTH_URL"])
            await user.upload(FILE, file_content())
            crews = [await user.crew("gpt-4", [TOOL]) for _ in range(3)]
            await _jobs(user, crews[0])  # warms up
            await _take(Costs(stack, report), user, crews)


async def _take(costs: Costs, user: User, crews: list[str]) -> None:
    async def ask(_: int) -> None:
        await user.call("GET", "/auth/me")

    async def open_one(_: int) -> None:
        async with user.connect():
            pass

    await costs.idle()
    await costs.of("a job", _jobs(user, crews[1]), JOBS)
    await costs.of("a watched job", _watch_jobs(user, crews[2]), JOBS)
    await costs.of("a request", _spread(ask, REQUESTS, AT_ONCE), REQUESTS)
    await costs.of("a socket's opening", _spread(open_one, SOCKETS, AT_ONCE), SOCKETS)


def run(_: int = 1) -> Report:
    """Measure once."""
    report = Report("stack_costs", "CPU by process, one process per service and two workers")
    report.notes.append(f"Replies of {REPLY:,} characters, each after a tool's {RESULT:,}.")
    with scratch("stack_costs") as folder:
        asyncio.run(_measure(folder, report))
    return report


if __name__ == "__main__":
    print(run().text())
