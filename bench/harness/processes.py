"""What Linux's /proc says about processes, and children of the bench that print JSON."""

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp

ROOT = Path(__file__).resolve().parent.parent.parent
SCRATCH = ROOT / ".bench"
_TICKS = os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def cpu_seconds(pid: int) -> float:
    """The CPU that `pid` has used, in user and system mode; whole hundredths of a second."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / _TICKS


def tree(pid: int) -> list[int]:
    """`pid` and everything that descends from it."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents.setdefault(int(_stat(int(entry.name))[1]), []).append(int(entry.name))
            except (OSError, IndexError):  # it has just ended
                continue
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


def pss_mb(pid: int) -> float:
    """The memory of `pid`, what it shares with others counted in part."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"No Pss is told of {pid}.")


@contextlib.contextmanager
def scratch(name: str) -> Iterator[Path]:
    """Yield an empty folder, which is kept with its logs if the bench fails."""
    folder = SCRATCH / "work" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def folder_mb(folder: Path) -> float:
    """What `du` says of a folder."""
    told = subprocess.run(["du", "-sm", str(folder)], check=True, capture_output=True, text=True)
    return float(told.stdout.split()[0])


def run_module(
    python: Path | str,
    module: str,
    *arguments: str,
    seconds: float = 300,
    environment: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Run a module of the benches to its end and return the JSON on its last line."""
    command = [str(python), "-m", module, *arguments]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        cwd=ROOT,
        env=environment,
    )
    if done.returncode != 0:
        sys.stderr.write(done.stderr[-4000:])
        raise SystemExit(f"{module} {' '.join(arguments)} ended with {done.returncode}.")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


async def ready(url: str, process: asyncio.subprocess.Process, seconds: float = 60) -> float:
    """Wait until `url` answers 200; return the monotonic time of the answer."""
    async with asyncio.timeout(seconds), aiohttp.ClientSession() as http:
        while True:
            try:
                async with http.get(url) as answer:
                    if answer.status == 200:
                        return time.monotonic()
            except aiohttp.ClientError:
                pass
            if process.returncode is not None:
                raise SystemExit(f"The process for {url} ended with {process.returncode}.")
            await asyncio.sleep(0.01)


async def end_process(process: asyncio.subprocess.Process) -> None:
    """Terminate a child and wait for its end."""
    if process.returncode is None:
        process.terminate()
        try:
            await asyncio.wait_for(process.communicate(), 20)
        except TimeoutError:
            process.kill()
            await process.wait()
