"""A page of a long list beside the same page of a short one: a job's traces, a workspace's crews and jobs.

Each length has a database and a service process of its own, so that a query that looked at a whole
collection would show; they are asked in turn, one request at a time. `bench.harness.long_lists` fills them.
The store is SQLite, as in `make run`, or the MongoDB that `KASAL_TEST_MONGO_URL` names.
"""

import asyncio
import os
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp

from bench.harness import long_lists
from bench.harness.processes import scratch
from bench.harness.report import Report
from bench.harness.services import Peers, Service, peers, serving
from common.backends import IN_FILES
from common.contracts.events import ExecutionStatus
from common.settings import MongoSettings
from common.storage.cursors import cursor
from common.times import utc_now

SHORT, LONG = 100, 100_000
JOBS = 150_000
"""Ended jobs of the long list; 3 of them have failed, and 3 are of a crew of their own."""
_ASKED, _WARM_UP, _SCANS = 60, 10, 3
_TRACES, _CREWS = 50, 20
"""Entries on a page."""
_AT_ONCE = 10
"""Lists of one workspace that are asked for while another asks for something small."""


@dataclass(frozen=True)
class Lists:
    """A job with many events and a workspace with many crews."""

    events: int
    workspace: int
    ended: int
    executor: Service
    crews: Service
    job_id: str
    store: MongoSettings

    def traces(self, after: int) -> str:
        path = f"/executions/{self.job_id}/traces?limit={_TRACES}&after_seq={after}"
        return self.executor.url + path

    def crews_page(self, page: int, filters: str = "") -> str:
        return f"{self.crews.url}/crews?page_size={_CREWS}&page={page}{filters}"

    def jobs_page(self, crew_id: str | None = None, status: str | None = None) -> str:
        """Return the newest jobs behind a cursor: without the total, which is kept and not counted."""
        scope = ("executions", long_lists.WORKSPACE, crew_id, status)
        wanted = {"page_size": _CREWS, "after": cursor((utc_now(), "z"), scope)}
        filters = {"crew_id": crew_id, "status": status}
        query = urlencode(wanted | {name: value for name, value in filters.items() if value})
        return f"{self.executor.url}/executions?{query}"

    def jobs(self) -> dict[str, tuple[str, int]]:
        """Return the pages of jobs that are compared, and how many entries each holds."""
        failed, rare = ExecutionStatus.FAILED, long_lists.RARE_CREW
        completed = ExecutionStatus.COMPLETED
        return {
            "jobs": (self.jobs_page(), _CREWS),
            "jobs of a crew": (self.jobs_page(long_lists.CREW), _CREWS),
            "jobs that have completed": (self.jobs_page(status=completed), _CREWS),
            "jobs of a crew that have completed": (
                self.jobs_page(long_lists.CREW, completed),
                _CREWS,
            ),
            "jobs that have failed, 3": (self.jobs_page(status=failed), long_lists.RARE),
            "jobs of a rare crew, 3": (self.jobs_page(rare), long_lists.RARE),
            "jobs of a rare crew that have failed, 3": (
                self.jobs_page(rare, failed),
                long_lists.RARE,
            ),
        }

    def paths(self) -> dict[str, str]:
        """Return the paths of the pages that are compared, by name."""
        length, pages = self.events, self.workspace // _CREWS
        half = "&status=active"
        return {
            "traces, first page": self.traces(0),
            "traces, in the middle": self.traces(length // 2 - _TRACES // 2),
            "traces, last page": self.traces(length - _TRACES),
            "crews, first page": self.crews_page(1),
            "crews, in the middle": self.crews_page(pages // 2),
            "crews, last page": self.crews_page(pages),
            "crews of a status, first page": self.crews_page(1, half),
            "crews of a status, last page": self.crews_page(pages // 2, half),
        }


class Reader:
    """Requests pages and checks them."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http

    async def milliseconds(self, url: str, entries: int) -> float:
        """Request a page that must have this many entries; return how long it took."""
        started = time.perf_counter()
        async with self._http.get(url) as answer:
            raw = await answer.read()
        took = (time.perf_counter() - started) * 1000
        if answer.status != 200:
            raise SystemExit(f"{url} was answered {answer.status}: {raw[:500].decode()}")
        found: Mapping[str, Any] = await answer.json()
        rows = next(found[name] for name in ("traces", "crews", "executions") if name in found)
        if len(rows) != entries:
            raise SystemExit(f"{url} holds {len(rows)} entries, not {entries}.")
        return took

    async def medians(self, urls: Sequence[str], entries: int, times: int) -> list[float]:
        """Ask for each in turn, so many times; return the median of each."""
        took: list[list[float]] = [[] for _ in urls]
        for _ in range(times):
            for place, url in enumerate(urls):
                took[place].append(await self.milliseconds(url, entries))
        return [statistics.median(one) for one in took]


async def _compare(lists: Sequence[Lists], reader: Reader, rounds: int, report: Report) -> None:
    short, long = (one.paths() for one in lists)
    for name, url in long.items():
        entries = _TRACES if name.startswith("traces") else _CREWS
        pair = (short[name], url)
        await reader.medians(pair, entries, _WARM_UP)
        found = [await reader.medians(pair, entries, _ASKED) for _ in range(rounds)]
        lengths = [one.events if entries == _TRACES else one.workspace for one in lists]
        for place, length in enumerate(lengths):
            report.row(f"{name} of {length:,}: p50", "ms", *(one[place] for one in found))
        report.at_most(
            f"{name}: {lengths[1]:,} / {lengths[0]:,}", 1.5, *(one[1] / one[0] for one in found)
        )


async def _compare_jobs(
    lists: Sequence[Lists], reader: Reader, rounds: int, report: Report
) -> None:
    short, long = (one.jobs() for one in lists)
    for name, (url, entries) in long.items():
        pair = (short[name][0], url)
        await reader.medians(pair, entries, _WARM_UP)
        found = [await reader.medians(pair, entries, _ASKED) for _ in range(rounds)]
        for place, one in enumerate(lists):
            report.row(f"{name}, of {one.ended:,}: p50", "ms", *(row[place] for row in found))
        report.at_most(
            f"{name}: {lists[1].ended:,} / {lists[0].ended:,}", 1.5, *(r[1] / r[0] for r in found)
        )


async def _beside(lists: Lists, reader: Reader, other: Reader, report: Report) -> None:
    """Say how long another workspace's small request takes while ten such lists are asked for."""
    small = f"{lists.executor.url}/executions?page_size=1"
    (alone,) = await other.medians([small], 0, _ASKED)
    url, entries = lists.jobs()["jobs that have failed, 3"]
    asking = [asyncio.create_task(reader.medians([url], entries, _ASKED)) for _ in range(_AT_ONCE)]
    (beside,) = await other.medians([small], 0, _ASKED)
    await asyncio.gather(*asking)
    report.row("another workspace's empty list, alone: p50", "ms", alone)
    report.row(f"the same beside {_AT_ONCE} lists of failed jobs: p50", "ms", beside)
    report.row("beside / alone", "", beside / alone)


async def _scans(lists: Lists, reader: Reader, report: Report) -> None:
    """Say what the filter costs that no index knows, and what the store takes by itself."""
    named = lists.crews_page(1, "&name=7")
    report.row(
        f"crews by a part of their name, of {lists.workspace:,}",
        "ms",
        *[await reader.milliseconds(named, _CREWS) for _ in range(_SCANS)],
    )
    if lists.store.mongo_url.startswith(IN_FILES):
        return  # the service has the file to itself
    async with long_lists.database(lists.store, "crews") as store:
        crews = store["crews"]
        mine = {"workspace_id": long_lists.WORKSPACE}
        queries: dict[str, Callable[[], Awaitable[object]]] = {
            "sort by an index and limit 20": lambda: (
                crews.find(mine, {"_id": 1}).sort("number", -1).limit(20).to_list()
            ),
            "count": lambda: crews.count_documents(mine, limit=LONG),
        }
        for name, query in queries.items():
            took = []
            for _ in range(_SCANS):
                started = time.perf_counter()
                await query()
                took.append((time.perf_counter() - started) * 1000)
            report.row(f"the store itself, {lists.workspace:,} crews: {name}", "ms", *took)


@asynccontextmanager
async def _lists(
    length: int, crews: int, ended: int, given: Peers, store_url: str, folder: Path, report: Report
) -> AsyncIterator[Lists]:
    if store_url.startswith(IN_FILES):  # a folder for each length
        store_url = f"{store_url}/{length}"
    settings = MongoSettings(
        mongo_url=store_url,
        mongo_database_prefix=f"kasal_bench_{length}_",
        mongo_timeout_ms=60_000,
    )
    environment = {
        **given.environment(),
        "KASAL_MONGO_URL": store_url,
        "KASAL_MONGO_DATABASE_PREFIX": settings.mongo_database_prefix,
    }
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(long_lists.databases_to_drop(settings))
        started = time.perf_counter()
        job_id = await long_lists.traces(settings, length)
        report.row(f"writing {length:,} events", "s", time.perf_counter() - started)
        started = time.perf_counter()
        await long_lists.crews(settings, crews)
        report.row(f"writing {crews:,} crews", "s", time.perf_counter() - started)
        started = time.perf_counter()
        await long_lists.jobs(settings, ended)
        report.row(f"writing {ended:,} ended jobs", "s", time.perf_counter() - started)
        services = [
            await stack.enter_async_context(
                serving(name, folder, environment, log=f"{name}-{length}")
            )
            for name in ("executor", "crews")
        ]
        yield Lists(length, crews, ended, services[0], services[1], job_id, settings)


async def _measure(rounds: int, store_url: str, folder: Path, report: Report) -> None:
    async with AsyncExitStack() as stack:
        given = await stack.enter_async_context(peers())
        made = [
            await stack.enter_async_context(_lists(*sizes, given, store_url, folder, report))
            for sizes in ((SHORT, SHORT, SHORT), (LONG, LONG, JOBS))
        ]
        token = given.token(workspace_id=long_lists.WORKSPACE)
        headers = {"Authorization": f"Bearer {token}"}
        http = await stack.enter_async_context(aiohttp.ClientSession(headers=headers))
        reader = Reader(http)
        other = {"Authorization": f"Bearer {given.token(workspace_id='ws_other')}"}
        beside = await stack.enter_async_context(aiohttp.ClientSession(headers=other))
        await _compare_jobs(made, reader, rounds, report)
        await _beside(made[-1], reader, Reader(beside), report)
        await _compare(made, reader, rounds, report)
        await _scans(made[-1], reader, report)


def run(rounds: int) -> Report:
    with scratch("pages") as folder:
        given = os.environ.get("KASAL_TEST_MONGO_URL")
        kind = "the MongoDB of KASAL_TEST_MONGO_URL" if given else "SQLite"
        title = f"a page of {LONG:,} events and {LONG:,} crews beside one of {SHORT}, on {kind}"
        report = Report("pages", title)
        store_url = given or f"{IN_FILES}{(folder / 'databases').resolve()}"
        asyncio.run(_measure(rounds, store_url, folder, report))
    return report
