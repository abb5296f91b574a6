"""Servers that are programs: what they get, and that none is left behind.

Covers: common.mcp.stdio
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from common.mcp.pool import McpPool
from common.mcp.server import AllowedCommands, McpAddress, McpFault
from common.mcp.stdio import program
from common.security.outgoing import OutgoingGuard

SERVER = """
import json, os, subprocess, sys
kind, note = sys.argv[1:3]
child = subprocess.Popen(["sleep", "1000"]) if kind == "parent" else None
open(note, "w").write(f"{os.getpid()} {child.pid if child else os.getpid()} {sorted(os.environ)}")
if kind == "endless":
    while True:
        sys.stdout.write("x" * 100_000)
for line in sys.stdin:
    asked = json.loads(line)
    if "id" not in asked:
        continue
    if kind == "noisy":
        print("Starting up ...", flush=True)
    result = {"resultType": "complete", "ttlMs": 60_000, "cacheScope": "private"}
    if asked["method"] == "server/discover":
        result |= {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}}
    elif asked["method"] == "tools/list":
        result |= {"tools": [{"name": "t", "inputSchema": {"type": "object"}}]}
    elif kind == "mortal":
        sys.exit(3)
    else:
        result |= {"content": [{"type": "text", "text": "done"}]}
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}), flush=True)
if kind == "parent":
    import signal, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(1000)
"""


@pytest.fixture
def server(tmp_path):
    (tmp_path / "server.py").write_text(SERVER)

    def address(kind):
        command = f"{sys.executable} {tmp_path}/server.py {kind} {tmp_path}/note"
        return McpAddress("stdio", command)

    return address


@pytest.fixture
async def pool():
    made = McpPool(OutgoingGuard(), AllowedCommands.of(f"{sys.executable} *"))
    yield made
    await made.close()


def noted(tmp_path: Path) -> tuple[int, int]:
    own, child, *_ = (tmp_path / "note").read_text().split()
    return int(own), int(child)


def lives(pid: int) -> bool:
    """Say whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110 - another process brings it about
        await asyncio.sleep(0.02)


async def gone(pid: int) -> None:
    await until(lambda: not lives(pid))


async def test_a_program_gets_nothing_of_the_platforms_environment(
    pool, server, tmp_path, monkeypatch
):
    monkeypatch.setenv("KASAL_SECRET_KEY", "hush")
    async with pool.connection("k", server("noisy")) as connection:
        assert [tool.name for tool in (await connection.listing()).tools] == ["t"]
        assert "done" in str(await connection.call("t", {}, 20, {}))
    assert "PATH" in (tmp_path / "note").read_text()
    assert "KASAL" not in (tmp_path / "note").read_text()


async def test_a_group_ends_as_a_whole_even_if_it_does_not_listen(pool, server, tmp_path):
    async with pool.connection("k", server("parent")) as connection:
        await connection.listing()
    own, child = noted(tmp_path)
    assert lives(own)
    assert lives(child)
    assert os.getpgid(child) == own
    await pool.close()
    await gone(own)
    await gone(child)


async def test_one_that_dies_in_a_call_is_started_again_for_the_next(pool, server, tmp_path):
    async with pool.connection("k", server("mortal")) as connection:
        with pytest.raises(McpFault, match="closed the connection"):
            await connection.call("t", {}, 20, {})
    first, _ = noted(tmp_path)
    async with pool.connection("k", server("mortal")) as connection:
        await connection.listing()
    assert noted(tmp_path)[0] != first
    assert not lives(first)


async def test_endless_output_is_cut_off(pool, server):
    with pytest.raises(McpFault):
        async with pool.connection("k", server("endless")):
            pass


async def test_a_program_that_is_not_there_is_a_fault(pool):
    pool = McpPool(OutgoingGuard(), AllowedCommands.of("no-such-program"))
    with pytest.raises(McpFault, match="cannot be started"):
        async with pool.connection("k", McpAddress("stdio", "no-such-program")):
            pass
    await pool.close()


async def test_a_program_ends_with_a_worker_that_is_killed(server, tmp_path):
    """Its input ends, because nobody else has the other end of the pipe."""
    owner = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import asyncio, sys\n"
        "from common.mcp.stdio import program\n"
        "async def main():\n"
        "    async with program(sys.argv[1:]):\n"
        "        await asyncio.create_subprocess_exec('sleep', '2')\n"  # gets no copy of the pipe
        "        print('up', flush=True)\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())",
        *server("plain").target.split(),
        stdout=asyncio.subprocess.PIPE,
    )
    assert owner.stdout is not None
    await owner.stdout.readline()
    await until(lambda: (tmp_path / "note").exists() and (tmp_path / "note").stat().st_size > 0)
    own, _ = noted(tmp_path)
    owner.send_signal(signal.SIGKILL)
    await owner.wait()
    await gone(own)


async def test_leaving_by_a_cancellation_ends_the_program_too(server, tmp_path):
    entered = asyncio.Event()

    async def use():
        async with program(server("plain").target.split()):
            entered.set()
            await asyncio.Event().wait()

    user = asyncio.create_task(use())
    await entered.wait()
    await until(lambda: (tmp_path / "note").exists() and (tmp_path / "note").stat().st_size > 0)
    user.cancel()
    await asyncio.wait({user})
    await gone(noted(tmp_path)[0])
