"""Memory of each process over 10,000 jobs (2,000 a round), the first round not counted, in both forms.

In the distributed form three of four jobs come by POST, the others by AMQP; every twentieth is watched from its first
event over a socket of its own, and its traces are read. In the embedded form all come by POST and are watched.
"""

import asyncio
import itertools
import os
import statistics
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import orjson

from bench.harness.client import User
from bench.harness.job_load import SETTINGS, Load, memory_by_process
from bench.harness.processes import pss_mb, scratch, tree
from bench.harness.report import Report
from common.contracts.events import EventType
from kasal_platform.api_client import ApiError
from kasal_platform.config import Settings
from kasal_platform.local.program import free_port
from kasal_platform.parts import Process
from kasal_platform.stack import stack_in

_A_ROUND, _INTERVAL, _OUTSTANDING, _WATCHED = 2_000, 500, 48, 20
_LEAST_ROUNDS = 3
_SHARE, _MB = 0.03, 2.0
"""No growth: the last third's median is at most 3 % and 2 MB above the one of the third before."""

Samples = dict[str, list[float]]


class Reader:
    """Joins the stream of every twentieth job, and reads its traces."""

    def __init__(self, user: User) -> None:
        self._user = user
        self._counted = itertools.count(1)

    async def __call__(self, job_id: str) -> None:
        if next(self._counted) % _WATCHED:
            return
        async with self._user.connect() as socket, asyncio.timeout(30):
            await socket.send_json({"type": "subscribe", "job_id": job_id, "after_seq": 0})
            while orjson.loads(await socket.receive_str())["type"] != "execution_complete":
                pass
        await self._user.call("GET", f"/executions/{job_id}/traces")


async def _measure_embedded(jobs: int, folder: Path) -> Samples:
    port = free_port()
    environment = {**os.environ, **SETTINGS, "KASAL_DATA_DIR": str(folder / "data")}
    environment |= {"KASAL_PORT": str(port), "KASAL_HANDSHAKE_LIMIT": "1000000"}
    process = Process(
        "run", ("kasal_platform", "run"), environment, folder / "run.log", port, drain=60
    )
    await process.start()
    try:
        await process.ready()
        assert process.child is not None
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
            user = User(f"{process.url}/api/v1", http)
            await user.register(user.base)
            crew_id = await user.crew()
            samples: list[float] = []
            for done in range(_INTERVAL, jobs + 1, _INTERVAL):
                numbers = iter(range(_INTERVAL))
                await asyncio.gather(
                    *(_run_watched(user, crew_id, numbers) for _ in range(_OUTSTANDING))
                )
                if done >= _A_ROUND:
                    samples.append(sum(map(pss_mb, tree(process.child.pid))))
    finally:
        await process.stop()
    return {"run": samples}


async def _run_watched(user: User, crew_id: str, numbers: Iterator[int]) -> None:
    """Run one job after another, as many as there are numbers, and watch each to its end."""
    for _ in numbers:
        job_id = await _start_job(user, crew_id)
        async with asyncio.timeout(60):
            kinds = [event.type async for event in user.events(job_id)]
        if not kinds or kinds[-1] != EventType.EXECUTION_COMPLETE:
            raise SystemExit(f"{job_id} ended with {kinds[-1:]}")


async def _start_job(user: User, crew_id: str) -> str:
    """Start a job. The gateway knows the new plan a minute late: until then it may answer 429."""
    while True:
        try:
            return await user.start(crew_id)
        except ApiError as refused:
            if refused.status != 429:
                raise
            await asyncio.sleep(1)


async def _measure(jobs: int, folder: Path) -> Samples:
    found: Samples = {}
    async with (
        stack_in(Settings(port=0), folder, os.environ, SETTINGS) as stack,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
    ):
        load = Load(stack, http)
        await load.open()
        ways = [load.post, load.post, load.post, load.publish]
        reader = Reader(load.user)
        for done in range(_INTERVAL, jobs + 1, _INTERVAL):
            await load.run(_INTERVAL, _OUTSTANDING, ways, reader)
            await load.wait_for_crews()
            if done >= _A_ROUND:
                for name, memory in memory_by_process(stack).items():
                    found.setdefault(name, []).append(memory)
        await load.close()
    return found


def _third(samples: list[float], which: int) -> float:
    bounds = [len(samples) * part // 3 for part in range(4)]
    return statistics.median(samples[bounds[which] : bounds[which + 1]])


def _slope(samples: list[float]) -> float:
    """MB per 1,000 jobs, by least squares."""
    thousands = [place * _INTERVAL / 1000 for place in range(len(samples))]
    return statistics.linear_regression(thousands, samples).slope


def run(rounds: int) -> Report:
    jobs = max(_LEAST_ROUNDS, rounds) * _A_ROUND
    report = Report("growth", f"memory (PSS) by process, {_A_ROUND:,} to {jobs:,} jobs")
    with scratch("growth") as folder:
        found = asyncio.run(_measure(jobs, folder))
    with scratch("growth_embedded") as folder:
        found |= asyncio.run(_measure_embedded(jobs, folder))
    beyond = {}
    for name, samples in found.items():
        report.row(name, "MB", *samples)
        report.row(f"{name}: slope", "MB/1,000 jobs", _slope(samples))
        grown = _third(samples, 2) - _third(samples, 1)
        beyond[name] = grown - (_SHARE * _third(samples, 1) + _MB)
        report.notes.append(f"{name}: the last third {grown:+.2f} MB above the one before")
    ours = {name: over for name, over in beyond.items() if name[0].islower() and name != "database"}
    worst = max(ours, key=lambda name: ours[name])
    report.at_most(f"beyond 3 % + 2 MB, the worst ({worst})", 0, ours[worst], unit="MB")
    return report
