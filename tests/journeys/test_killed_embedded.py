"""`make run` is killed in the moment after it has accepted jobs: what it accepted is never lost."""

import asyncio
import random
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from journeys.model import ScriptedModel
from journeys.platforms import SETTINGS, Platform, embedded_platform
from journeys.users import User, registered

from common.contracts.events import TERMINAL_EVENTS
from kasal_platform.embedded.sqlite.agreement import disagreements_in

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.own_platform]

_SEED = 11
_KILLS = 3
_AT_ONCE = 12


@pytest.mark.timeout(1_800)
async def test_no_acknowledged_job_is_lost_when_the_platform_is_killed(tmp_path: Path) -> None:
    model: Any = ScriptedModel()
    await model.start()
    extra = {
        **SETTINGS,
        "KASAL_OPENAI_BASE_URL": model.url,
        "OPENAI_API_KEY": "",
        "KASAL_DEMO": "false",
    }
    moments, accepted = random.Random(_SEED), list[str]()
    user: Any = None
    crew_id = ""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        for _ in range(_KILLS):
            async with embedded_platform(tmp_path, model, extra) as platform:
                if user is None:
                    user = await registered(User(platform, http))
                    crew_id = await user.crew("Say one thing", "Say another", model="gpt-4")
                user.move_to(platform)
                accepted += await _accept_until_killed(
                    user, platform, crew_id, moments.randint(1, _AT_ONCE)
                )
        async with embedded_platform(tmp_path, model, extra) as platform:
            user.move_to(platform)
            assert len(accepted) >= _KILLS
            for job_id in accepted:
                await _is_whole(user, job_id)
            listed = await user.call("GET", "/executions?page_size=100", expect=200)
            there = [row["job_id"] for row in listed["executions"]]
            assert set(accepted) <= set(there)
            assert len(there) == len(set(there)) <= _KILLS * _AT_ONCE
    for file in (tmp_path / "data" / "db").glob("*.sqlite"):
        assert disagreements_in(file) == []
    await model.close()


async def _accept_until_killed(
    user: Any, platform: Platform, crew_id: str, kill_after: int
) -> list[str]:
    """Start jobs at once, kill the platform when so many were accepted, and return all that were."""
    accepted: list[str] = []

    async def start() -> None:
        try:
            job_id = await user.start(crew_id)
        except aiohttp.ClientError:  # it was killed first: nothing was promised
            return
        accepted.append(job_id)
        if len(accepted) == kill_after:
            assert platform.process is not None
            platform.process.kill()

    await asyncio.gather(*(start() for _ in range(_AT_ONCE)))
    assert platform.process is not None
    await platform.process.wait()
    return accepted


async def _is_whole(user: Any, job_id: str) -> None:
    events = await user.watch(job_id)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    kinds = [event["type"] for event in events]
    assert kinds[-1] == "execution_complete"
    assert sum(kind in TERMINAL_EVENTS for kind in kinds) == 1
    assert (kinds.count("task_start"), kinds.count("task_complete")) == (2, 2)
