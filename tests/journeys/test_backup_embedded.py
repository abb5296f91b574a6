"""`make run` is backed up while it works, killed, lost, and brought back from the backup."""

import asyncio
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from journeys.model import ScriptedModel
from journeys.platforms import SETTINGS, embedded_platform
from journeys.restored import check_restored
from journeys.users import User, registered

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.own_platform]

JOBS_MEANWHILE = 20


async def command(folder: Path, *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "kasal_platform", *arguments),
        env={**os.environ, "KASAL_DATA_DIR": str(folder / "data")},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, faults = await asyncio.wait_for(process.communicate(), timeout=120)
    assert process.returncode is not None
    return process.returncode, faults.decode()


async def test_make_run_is_brought_back_from_a_backup_made_while_it_worked(tmp_path: Path) -> None:
    model: Any = ScriptedModel()
    await model.start()
    extra = {
        **SETTINGS,
        "KASAL_OPENAI_BASE_URL": model.url,
        "OPENAI_API_KEY": "",
        "KASAL_DEMO": "false",
    }
    databases, saved = tmp_path / "data" / "db", str(tmp_path / "saved")
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        async with embedded_platform(tmp_path, model, extra) as platform:
            user: Any = await registered(User(platform, http))
            quick = await user.crew("Say one thing", "Say another", model="gpt-4")
            done = await user.finished(await user.start(quick))
            crew = await user.crew("First", "Then hold:saved", "Last", model="gpt-4")
            held = await user.start(crew)
            await model.held("saved")
            before = await user.call("GET", f"/executions/{done['job_id']}/traces", expect=200)
            saving = asyncio.create_task(command(tmp_path, "backup", saved))
            meanwhile = [await user.start(quick) for _ in range(JOBS_MEANWHILE)]
            assert await saving == (0, "")
            for job_id in meanwhile:
                await user.finished(job_id)
            code, faults = await command(tmp_path, "restore", saved, "--drop")
            assert (code, "is in use by process" in faults) == (1, True)
            assert platform.process is not None
            platform.process.kill()
        shutil.rmtree(databases)
        assert await command(tmp_path, "restore", saved) == (0, "")
        model.release("saved")
        async with embedded_platform(tmp_path, model, extra) as platform:
            user.move_to(platform)
            assert (await user.call("GET", "/auth/me", expect=200))["email"] == user.email
            await user.login()
            await check_restored(user, quick, done, before, held, meanwhile)
    await model.close()
