"""`make stack` as who types it meets it: a user to log in as, and what dies comes back.

Covers: kasal_platform.api_client, kasal_platform.commands.stack, kasal_platform.parts,
    kasal_platform.stack_running
"""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from journeys.platforms import printed

from kasal_platform.local.program import free_port

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.own_platform]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def command(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """The running command, and what it has printed when it was up."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KASAL_")}
    environment = {
        **kept,
        "KASAL_PORT": str(free_port()),
        "KASAL_DATA_DIR": str(tmp_path_factory.mktemp("stack")),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "kasal_platform", "stack"),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process, "\n".join(await printed(process, "Press Ctrl-C to stop"))
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        await asyncio.wait_for(process.communicate(), timeout=120)


async def test_it_says_how_to_log_in(command: Any) -> None:
    _, told = command
    base, body = re.search(r"curl -s (\S+)/auth/login .* -d '(.*)'", told).groups()
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(headers=headers) as http:
        async with http.post(f"{base}/auth/login", data=body) as answer:
            assert answer.status == 200
            token = (await answer.json())["access_token"]
        signed = {"Authorization": f"Bearer {token}"}
        async with http.get(f"{base}/crews", headers=signed) as answer:
            assert answer.status == 200


async def test_the_demo_shows_a_run_of_its_crew(command: Any) -> None:
    _, said = command
    url = re.search(r"API +(\S+)/api/v1", said)[1]
    demo = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "kasal_platform", "demo", url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    shown, faults = await asyncio.wait_for(demo.communicate(), timeout=120)
    assert (demo.returncode, faults.decode()) == (0, "")
    assert "Tea Shop Crew" in shown.decode()
    assert "execution_complete" in shown.decode()


async def test_a_demo_of_no_platform_is_one_line() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    demo = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "kasal_platform", "demo", url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    shown, faults = await asyncio.wait_for(demo.communicate(), timeout=120)
    assert (demo.returncode, shown, faults.decode().count("\n")) == (1, b"", 1)
    assert faults.decode().startswith(f"The demo cannot be shown on {url}: ")


@pytest.mark.parametrize("name", ["worker-1", "gateway"])
async def test_a_process_that_was_killed_is_started_again(command: Any, name: str) -> None:
    process, told = command
    pid, port = map(int, re.search(rf"{name} +pid (\d+) +port (\d+)", told).groups())
    os.kill(pid, signal.SIGKILL)
    lines = await printed(process, f"{name} is up again")
    assert any(line.startswith(f"{name} was ended by signal 9 (see ") for line in lines)
    url = f"http://127.0.0.1:{port}/readyz"
    async with aiohttp.ClientSession() as http, http.get(url) as answer:
        assert answer.status == 200
    assert process.returncode is None


async def test_a_backend_that_was_killed_is_started_again(command: Any) -> None:
    process, told = command
    data = Path(re.search(r"Logs +(\S+)", told)[1])
    pid = int((data / "mongo" / "pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    await printed(process, "mongo is up again")


async def test_it_ends_when_told_to(command: Any) -> None:
    process, _ = command
    process.send_signal(signal.SIGINT)
    said = (await asyncio.wait_for(process.communicate(), timeout=120))[0].decode()
    assert process.returncode == 0
    assert "Kasal is stopping" in said
