"""Memory of each process over 10,000 jobs (2,000 a round), the first round not counted.

Three of four jobs come by POST, the others by AMQP; every twentieth is watched from its first event
over a socket of its own, and its traces are read.
"""

import asyncio
import itertools
import os
import statistics
from pathlib import Path

import aiohttp
import orjson

from bench.harness.client import User
from bench.harness.job_load import SETTINGS, Load, memory_by_process
from bench.harness.processes import scratch
from bench.harness.report import Report
from kasal_platform.config import Settings
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
