"""The gateway's cost: one authenticated GET through it beside the same GET straight at the service."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.harness.processes import ROOT, cpu_seconds, end_process, ready, run_module, scratch
from bench.harness.report import Report
from kasal_platform.local import finding
from kasal_platform.local.program import free_port

_CONNECTIONS, _SECONDS = "16", "4"


@dataclass(frozen=True)
class _Pair:
    service: asyncio.subprocess.Process
    service_port: int
    gateway: asyncio.subprocess.Process
    gateway_port: int
    token: str


@contextlib.asynccontextmanager
async def _pair(folder: Path, redis_url: str) -> AsyncIterator[_Pair]:
    """Start the service and a gateway in front of it, each a process writing its log to a file."""
    with (folder / "service.log").open("wb") as log:
        service = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.harness.bare_get"),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    assert service.stdout is not None
    port, token = (await service.stdout.readline()).decode().split()
    gateway_port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        **os.environ,
        **{f"KASAL_{name}_URL": url for name in ("AUTH", "CREWS", "EXECUTOR", "EVENTS")},
        "KASAL_PORT": str(gateway_port),
        "KASAL_REDIS_URL": redis_url,
        "KASAL_AMQP_URL": "memory://",
        "KASAL_SERVICE_SECRET": "a-secret-of-the-bench",
        "KASAL_LOG_FORMAT": "json",
    }
    with (folder / "gateway.log").open("wb") as log:
        gateway = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "devkit.service", "gateway"),
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        await ready(f"http://127.0.0.1:{gateway_port}/readyz", gateway)
        yield _Pair(service, int(port), gateway, gateway_port, token)
    finally:
        await end_process(gateway)
        await end_process(service)


async def _load(port: int, path: str, token: str) -> dict[str, Any]:
    arguments = (str(port), path, token, _CONNECTIONS, _SECONDS)
    return await asyncio.to_thread(
        run_module, sys.executable, "bench.harness.http_load", *arguments
    )


async def _measure(rounds: int, redis_url: str, folder: Path, report: Report) -> None:
    direct, through, door_cpu = [], [], []
    async with _pair(folder, redis_url) as pair:
        for _ in range(rounds):
            direct.append(await _load(pair.service_port, "/auth/me", pair.token))
            before = cpu_seconds(pair.gateway.pid)
            through.append(await _load(pair.gateway_port, "/api/v1/auth/me", pair.token))
            rate = through[-1]["requests_per_s"]
            # The load generator warms up for half a second that it does not count.
            asked = rate * (float(_SECONDS) + 0.5)
            door_cpu.append((cpu_seconds(pair.gateway.pid) - before) * 1e6 / asked)
    for side, found in (("straight at the service", direct), ("through the gateway", through)):
        report.row(f"{side}: rate", "requests/s", *(one["requests_per_s"] for one in found))
        report.row(f"{side}: p50", "ms", *(one["p50_ms"] for one in found))
        report.row(f"{side}: p99", "ms", *(one["p99_ms"] for one in found))
    report.row("the gateway's CPU per request", "us", *door_cpu)
    ratios = [
        t["requests_per_s"] / d["requests_per_s"] for t, d in zip(through, direct, strict=True)
    ]
    report.at_least("requests/s through / straight", 0.4, *ratios)


def run(rounds: int) -> Report:
    report = Report("gateway", f"authenticated GET without a store, {_CONNECTIONS} connections")
    with scratch("gateway") as folder, finding.redis_url(folder / "redis") as redis_url:
        asyncio.run(_measure(rounds, redis_url, folder, report))
    report.notes.append("Both windows counted in a real Redis; its CPU is on the same machine.")
    return report
