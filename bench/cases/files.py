"""What an upload and a download of a file cost beside bare GridFS.

Our side keeps files as the service does: the record, the workspace's account, the checksum, the bytes in pieces. It
runs on SecantusDB, where the peer is PyMongo's own bucket of GridFS in the same server, and on SQLite as in `make
run`. Both sides are given the same parts of 64 KB, as a server gets them from a socket, and hold one piece at a time.
"""

import asyncio
import resource
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from gridfs.asynchronous import AsyncGridFSBucket
from pymongo import AsyncMongoClient

from bench.harness.databases import BenchDatabase, bench_database
from bench.harness.processes import scratch
from bench.harness.report import Report
from common.ids import new_id
from common.storage.blobs import Blobs
from common.times import utc_now
from executor.config import Settings
from executor.domain.files.file import NewFile
from executor.domain.files.files import FileLimits, WorkspaceFiles
from executor.store.file_accounts import MongoFileAccounts
from executor.store.files import MongoFileRecords
from executor.store.migrations import indexes
from executor.wiring import SERVICE
from kasal_platform.embedded.backends import InProcessBackends

_PART = bytes(range(256)) * 256
_WORKSPACE = "ws_bench"
_FILES = {"10 KB": (10_240, 50), "16 MB": (16 * 1024 * 1024, 2)}
"""The bytes of a file, and how many are put and read in one go."""
_BARE, _SAME, _EMBEDDED = "bare GridFS", "Kasal on SecantusDB", "Kasal on SQLite"


@dataclass(frozen=True)
class _Side:
    """Where files are put, which returns the file's id, and read, which returns the bytes read."""

    database: BenchDatabase
    put: Callable[[int], Awaitable[str]]
    read: Callable[[str], Awaitable[int]]

    def cpu(self) -> float:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_utime + used.ru_stime + self.database.cpu_seconds()


async def _source(size: int) -> AsyncIterator[bytes]:
    for start in range(0, size, len(_PART)):
        yield _PART[: size - start]


@asynccontextmanager
async def _kasal(held: BenchDatabase) -> AsyncIterator[_Side]:
    settings = Settings(
        mongo_url=held.url, amqp_url="memory://", service_secret="a-secret-of-the-bench"
    )
    opened = InProcessBackends().database(settings, SERVICE)
    database = opened.database
    await indexes(database)
    accounts = MongoFileAccounts(database, most_bytes=10**12, most_files=10**6)
    limits = FileLimits(10**6, 10**6, 10**6)
    files = WorkspaceFiles(MongoFileRecords(database), Blobs(database), accounts, limits)

    async def put(size: int) -> str:
        new = NewFile(new_id("file"), _WORKSPACE, "notes.bin", utc_now(), "usr_bench", "")
        return (await files.put(new, _source(size), expected=size)).file_id

    async def read(file_id: str) -> int:
        file = await files.get(_WORKSPACE, file_id)
        return sum([len(part) async for part in files.read(file)])

    try:
        yield _Side(held, put, read)
    finally:
        await files.close()
        await opened.close()


@asynccontextmanager
async def _gridfs(held: BenchDatabase) -> AsyncIterator[_Side]:
    async with AsyncMongoClient[dict[str, object]](held.url) as client:
        bucket = AsyncGridFSBucket(client["bare"])

        async def put(size: int) -> str:
            name = new_id("file")
            async with bucket.open_upload_stream_with_id(name, "notes.bin") as stream:
                async for part in _source(size):
                    await stream.write(part)
            return name

        async def read(file_id: str) -> int:
            stream, size = await bucket.open_download_stream(file_id), 0
            while part := await stream.readchunk():
                size += len(part)
            return size

        yield _Side(held, put, read)


Figures = tuple[float, float]
"""Milliseconds of CPU, the database's included, and of waiting, for one file."""


async def _figures_of(side: _Side, act: Callable[[], Awaitable[None]], count: int) -> Figures:
    cpu, began = side.cpu(), time.perf_counter()
    await act()
    return (side.cpu() - cpu) * 1e3 / count, (time.perf_counter() - began) * 1e3 / count


async def _transfer(side: _Side, size: int, count: int) -> dict[str, Figures]:
    """Upload files and download them again."""
    names: list[str] = []

    async def upload() -> None:
        names.extend([await side.put(size) for _ in range(count)])

    async def download() -> None:
        for name in names:
            if await side.read(name) != size:
                raise SystemExit("a file is not what was put")

    return {
        "upload": await _figures_of(side, upload, count),
        "download": await _figures_of(side, download, count),
    }


async def _measure(report: Report, rounds: int, folder: Path) -> None:
    found: dict[tuple[str, str, str], list[Figures]] = {}
    async with AsyncExitStack() as stack:
        served = stack.enter_context(bench_database("secantus", folder))
        files = stack.enter_context(bench_database("sqlite", folder / "files"))
        sides = {
            _SAME: await stack.enter_async_context(_kasal(served)),
            _EMBEDDED: await stack.enter_async_context(_kasal(files)),
            _BARE: await stack.enter_async_context(_gridfs(served)),
        }
        for side in sides.values():
            await _transfer(side, 10_240, 5)
        for _ in range(rounds):
            for what, (size, count) in _FILES.items():
                for name, side in sides.items():
                    for act, figures in (await _transfer(side, size, count)).items():
                        found.setdefault((what, act, name), []).append(figures)
    _tell(report, found)


def _tell(report: Report, found: Mapping[tuple[str, str, str], list[Figures]]) -> None:
    for (what, act, name), figures in found.items():
        report.row(f"{name}, {act} of {what}: CPU", "ms", *(cpu for cpu, _ in figures))
        report.row(f"{name}, {act} of {what}: wall", "ms", *(wall for _, wall in figures))
    for what, act in dict.fromkeys((what, act) for what, act, _ in found):
        pairs = list(zip(found[what, act, _SAME], found[what, act, _BARE], strict=True))
        for place, unit in enumerate(("CPU", "wall")):
            ratios = [ours[place] / theirs[place] for ours, theirs in pairs]
            report.row(f"{act} of {what}: {unit}, {_SAME} / {_BARE}", "", *ratios)


def run(rounds: int) -> Report:
    report = Report("files", "a file's upload and download, one after another")
    with scratch("files") as folder:
        asyncio.run(_measure(report, rounds, folder))
    report.notes.append("CPU is this process's and the database's, in hundredths of a second.")
    report.notes.append("Bare GridFS neither makes a checksum nor counts what a workspace keeps.")
    return report
