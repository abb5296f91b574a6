"""Sustained jobs/s of the distributed form, and its CPU by process, beside Celery on the same broker.

Jobs are crews of three tasks on a model that answers at once. Celery runs the same three tasks as a
chain, and the bare first one. So many are under way at any time; the load generator is a process of
its own on either side.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp

from bench.harness.job_load import SETTINGS, Load, cpu_by_process
from bench.harness.processes import scratch
from bench.harness.report import Report
from bench.peers.celery_nodes import CeleryWorkers, celery_workers
from kasal_platform.config import Settings
from kasal_platform.stack import Stack, stack_in

_OUTSTANDING, _WARM_UP = 48, 200
_JOBS, _CHAINS, _SINGLES = 500, 400, 2000

Figures = dict[str, float]
"""Jobs a second as `per_s`, and CPU milliseconds a job by process."""


class Sides:
    """Runs both on one stack, in turn."""

    def __init__(self, stack: Stack, load: Load, celery: CeleryWorkers) -> None:
        self._stack = stack
        self._load = load
        self._celery = celery

    async def warm_up(self) -> None:
        await self._load.run(_WARM_UP, _OUTSTANDING, [self._load.post, self._load.publish])
        await self._load.wait_for_crews()

    async def ours(self, send: Callable[[], Awaitable[str]]) -> Figures:
        before, own, started = cpu_by_process(self._stack), time.process_time(), time.perf_counter()
        await self._load.run(_JOBS, _OUTSTANDING, [send])
        wall = time.perf_counter() - started
        generator = (time.process_time() - own) * 1000 / _JOBS
        await self._load.wait_for_crews()
        after = cpu_by_process(self._stack)
        used = {name: (after[name] - before[name]) * 1000 / _JOBS for name in after}
        return {"per_s": _JOBS / wall, **used, "load generator": generator}

    async def theirs(self, form: str, count: int) -> Figures:
        before, workers = cpu_by_process(self._stack), self._celery.cpu_seconds()
        found = await self._celery.run(form, str(count), str(_OUTSTANDING))
        sent = count + _OUTSTANDING  # with those that warm up
        after = cpu_by_process(self._stack)
        used = {name: (after[name] - before[name]) * 1000 / sent for name in after}
        backends = {name: cpu for name, cpu in used.items() if name in ("RabbitMQ", "Redis")}
        return {
            "per_s": found["per_s"],
            "Celery's workers": (self._celery.cpu_seconds() - workers) * 1000 / sent,
            **backends,
            "load generator": found["own_cpu_ms"],
        }


_TARGET = 28.0
"""CPU milliseconds a job over all processes."""


def _tell(
    report: Report, title: str, unit: str, found: list[Figures], most: float | None = None
) -> None:
    report.row(f"{title}: rate", f"{unit}s/s", *(one["per_s"] for one in found))
    for name in found[0]:
        if name != "per_s":
            report.row(f"{title}: CPU, {name}", f"ms/{unit}", *(one[name] for one in found))
    totals = [sum(one.values()) - one["per_s"] - one["load generator"] for one in found]
    report.row(f"{title}: CPU, all but the load generator", f"ms/{unit}", *totals)
    if most is not None:
        report.at_most(f"{title}: CPU a {unit}", most, *totals, unit="ms")


async def _measure(rounds: int, folder: Path, report: Report) -> None:
    posted: list[Figures] = []
    published: list[Figures] = []
    chains: list[Figures] = []
    singles: list[Figures] = []
    async with (
        stack_in(Settings(port=0), folder, os.environ, SETTINGS) as stack,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
        celery_workers(stack.urls, folder, ("one", "two")) as celery,
    ):
        load = Load(stack, http)
        await load.open()
        sides = Sides(stack, load, celery)
        await sides.warm_up()
        for _ in range(rounds):
            posted.append(await sides.ours(load.post))
            chains.append(await sides.theirs("chain", _CHAINS))
            published.append(await sides.ours(load.publish))
            singles.append(await sides.theirs("single", _SINGLES))
        await load.close()
    _tell(report, "Kasal, by POST", "job", posted, _TARGET)
    _tell(report, "Kasal, by AMQP", "job", published)
    _tell(report, "Celery, a chain of 3", "job", chains)
    _tell(report, "Celery, one task", "task", singles)
    for title, found in (("POST", posted), ("AMQP", published)):
        pairs = zip(found, chains, strict=True)
        ratios = [ours["per_s"] / theirs["per_s"] for ours, theirs in pairs]
        report.row(f"jobs/s by {title} / Celery's chains/s", "", *ratios)


def run(rounds: int) -> Report:
    report = Report(
        "throughput", f"crews of 3 tasks, zero-latency model, {_OUTSTANDING} under way, two workers"
    )
    with scratch("throughput") as folder:
        asyncio.run(_measure(rounds, folder, report))
    report.notes.append("Celery: quorum queue, persistent, confirmed, acknowledged late, state in")
    report.notes.append("Redis; it keeps a last state for each task, and no events.")
    return report
