"""What a call of a MCP server's tool costs: as a run makes it, beside the bare client of the `mcp` library.

One real server, in a process of its own, answers both over Streamable HTTP; each side keeps one connection. Our side
checks the arguments against the tool's schema, takes the connection from the pool, sends the call's key, bounds the
answer, and hides secrets in what the agent reads. CPU is that of the calling process.
"""

import asyncio
import resource
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from mcp.client.client import Client

from bench.harness.mcp_server import LARGE
from bench.harness.processes import ROOT, end_process
from bench.harness.report import Report
from common.contracts.crew import McpTool, ToolSnapshot
from devkit.stores.files import memory_files
from executor.tools.built_in_tool import ToolSettings
from executor.tools.call import Call
from executor.tools.spec import FailedResult
from executor.tools.tool import SimpleTool
from executor.tools.toolbox import Toolbox

_CALLS = {"add": 200, "read": 40}
_ARGUMENTS = {"first": 3, "second": 4}
_NUMBERS = {"first": {"type": "integer"}, "second": {"type": "integer"}}
_SCHEMA = {"type": "object", "properties": _NUMBERS, "required": ["first", "second"]}

Ask = Callable[[str], Awaitable[str]]
"""Calls a tool by its name and returns the result's text."""


class _NoCredentials:
    async def tool_credentials(
        self, workspace_id: str, tool_id: str, endpoint: str
    ) -> Mapping[str, Any]:
        return {}

    async def server_credentials(
        self, workspace_id: str, server_id: str, target: str
    ) -> Mapping[str, Any]:
        return {}


@asynccontextmanager
async def _server() -> AsyncIterator[str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.harness.mcp_server"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(await process.stdout.readline())}/mcp"
    finally:
        await end_process(process)


@asynccontextmanager
async def _ours(url: str) -> AsyncIterator[Ask]:
    settings = ToolSettings(files=memory_files(), allowed_hosts=["127.0.0.1"], secrets=["a-secret"])
    box = Toolbox(settings, _NoCredentials())
    tools = {name: _tool(box, url, name) for name in _CALLS}
    number = 0

    async def ask(name: str) -> str:
        nonlocal number
        number += 1
        fitting = await tools[name].fit_arguments(_ARGUMENTS)
        if isinstance(fitting, str):
            raise SystemExit(fitting)
        said = await tools[name].call(fitting, Call("ws_bench", "job_bench", "task_0", number))
        if isinstance(said, FailedResult):
            raise SystemExit(said)
        return said

    try:
        yield ask
    finally:
        await box.close()


def _tool(box: Toolbox, url: str, name: str) -> SimpleTool:
    place = McpTool(server_id="mcp_1", name=name, transport="streamable_http", target=url)
    made = box.tool(
        ToolSnapshot(name=f"bench__{name}", description="", parameters=_SCHEMA, mcp=place)
    )
    assert made is not None
    return made


@asynccontextmanager
async def _bare(url: str) -> AsyncIterator[Ask]:
    async with Client(url) as client:

        async def ask(name: str) -> str:
            result = await client.call_tool(name, _ARGUMENTS)
            return "".join(getattr(part, "text", "") for part in result.content)

        yield ask


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def _figures(ask: Ask, name: str) -> tuple[float, float]:
    """Return the milliseconds of CPU and of waiting per call, one call after another."""
    cpu, began = _cpu(), time.perf_counter()
    for _ in range(_CALLS[name]):
        await ask(name)
    count = _CALLS[name] / 1_000
    return (_cpu() - cpu) / count, (time.perf_counter() - began) / count


async def _measure(report: Report, rounds: int) -> None:
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    async with _server() as url, _ours(url) as ours, _bare(url) as bare:
        sides = {"Kasal": ours, "the bare client": bare}
        for name in _CALLS:
            if len({(await ask(name))[:1_000] for ask in sides.values()}) != 1:
                raise SystemExit("the sides read different results")
        for _ in range(rounds):
            for name in _CALLS:
                for side, ask in sides.items():
                    found.setdefault((name, side), []).append(await _figures(ask, name))
    _tell(report, found)


def _tell(report: Report, found: Mapping[tuple[str, str], list[tuple[float, float]]]) -> None:
    texts = {"add": "a short result", "read": f"{LARGE // 1_000} KB of text"}
    for (name, side), figures in found.items():
        report.row(f"{side}, {texts[name]}: CPU a call", "ms", *(cpu for cpu, _ in figures))
        report.row(f"{side}, {texts[name]}: until the result", "ms", *(wall for _, wall in figures))
    for name, text in texts.items():
        pairs = list(zip(found[name, "Kasal"], found[name, "the bare client"], strict=True))
        cpu = [one[0] / other[0] for one, other in pairs]
        report.row(f"CPU a call, Kasal / the bare client, {text}", "", *cpu)
        wall = [one[1] / other[1] for one, other in pairs]
        report.row(f"until the result, Kasal / the bare client, {text}", "", *wall)


def run(rounds: int) -> Report:
    report = Report("mcp_calls", "a call of a MCP server's tool, one after another")
    asyncio.run(_measure(report, rounds))
    report.notes.append(
        "An agent reads at most so much of a long text as the limit of results says."
    )
    return report
