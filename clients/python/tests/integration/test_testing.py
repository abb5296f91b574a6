"""A platform of a test's own, and the fixtures for pytest.

Covers: kasal_client.testing.platform, kasal_client.testing.pytest
"""

import asyncio
import contextlib
import os
import select
import sys
from pathlib import Path

import pytest

from kasal_client import Kasal
from kasal_client.testing import Platform, PlatformError


def test_a_platform_keeps_its_data_and_leaves_no_process(tmp_path: Path):
    with Platform(folder=tmp_path) as platform:
        with platform.client() as kasal:
            kasal.crews.create(
                name="Kept", agents=[{"role": "Ada", "goal": "Help", "model": "offline"}]
            )
        group = platform._process.pid
        platform.restart()
        with platform.client() as kasal:
            assert [crew.name for crew in kasal.crews.list()] == ["Kept"]
        with pytest.raises(ProcessLookupError):
            os.killpg(group, 0)
        last = platform._process.pid
    with pytest.raises(ProcessLookupError):
        os.killpg(last, 0)
    assert not (tmp_path / "missing").exists()


ABANDONED = """
import os, sys
from kasal_client.testing import Platform
platform = Platform(folder=sys.argv[1]).start()
print(platform._process.pid, flush=True)
os.kill(os.getpid(), 9)
"""


async def test_a_platform_does_not_outlive_who_started_it(tmp_path: Path):
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ABANDONED, tmp_path, stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await child.communicate()
    with contextlib.suppress(ProcessLookupError):  # it has ended already
        running = os.pidfd_open(int(printed))
        try:
            ended, _, _ = await asyncio.to_thread(select.select, [running], [], [], 30)
            assert ended
        finally:
            os.close(running)


def test_a_platform_that_cannot_start_says_why(tmp_path: Path):
    with (
        pytest.raises(PlatformError, match="KASAL_LOG_LEVEL"),
        Platform(folder=tmp_path, settings={"KASAL_LOG_LEVEL": "LOUD"}),
    ):
        pass


def test_the_fixture_is_a_user_in_an_empty_workspace(kasal: Kasal, kasal_platform: Platform):
    assert kasal.url == kasal_platform.url
    assert kasal.auth.me().role == "owner"
    assert list(kasal.crews.list()) == []
