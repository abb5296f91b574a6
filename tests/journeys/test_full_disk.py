"""The disk of `make run` is full: it says so, a run waits, and all goes on once there is room."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from journeys.model import ScriptedModel
from journeys.platforms import SETTINGS, embedded_platform

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.own_platform]


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("disk")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def platform(disk: Path) -> AsyncIterator[Any]:
    model = ScriptedModel()
    await model.start()
    extra = {
        **SETTINGS,
        "KASAL_OPENAI_BASE_URL": model.url,
        "OPENAI_API_KEY": "",
        "KASAL_DEMO": "false",
    }
    async with embedded_platform(disk, model, extra) as running:
        yield running
    await model.close()


async def status(platform: Any, path: str) -> int:
    async with aiohttp.ClientSession() as http, http.get(platform.root + path) as answer:
        return answer.status


def fill(path: Path) -> None:
    """Write until nothing more fits."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue


async def test_a_full_disk_is_waited_out(user: Any, platform: Any, disk: Path) -> None:
    crew_id = await user.crew("Then hold:full", "At last", model="gpt-4")
    job_id = await user.start(crew_id)
    await platform.model.held("full")
    fill(disk / "filler")
    # What the database had set aside lasts for a while.
    agent = {"role": "R", "goal": "y" * 2_000, "model": "offline"}
    crew = {"name": "Filling", "process": "sequential", "agents": [agent]}
    async with asyncio.timeout(120):
        while (await user.call("POST", "/crews", crew)).get("id"):
            pass
    assert user.answer.status == 503
    assert int(user.answer.headers["Retry-After"]) > 0
    async with asyncio.timeout(60):
        while await status(platform, "/readyz") != 503:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
    platform.model.release("full")
    for path in (f"/executions/{job_id}", "/crews"):
        await user.call("GET", path, expect=200)  # nothing needs room to be read
    (disk / "filler").unlink()
    async with asyncio.timeout(120):
        while await status(platform, "/readyz") != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    events = await user.watch(job_id)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["type"] == "execution_complete"
    await user.call("POST", "/crews", crew, expect=201)
