"""Fixtures for journeys: the platform in both forms, and users of it.

KASAL_TEST_URL names a platform that runs already, started with the settings of `SETTINGS` and with
KASAL_OPENAI_BASE_URL leading to KASAL_TEST_MODEL (`host:port`), where the scripted model then listens. Tests
marked `own_platform` can't be run on it: `make journeys-compose` deselects them.
"""

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from journeys import shop
from journeys.homes import Home
from journeys.model import ScriptedModel
from journeys.platforms import SETTINGS, Platform, embedded_platform, stack_platform
from journeys.users import User, registered

from kasal_platform.local.program import free_port

ELSEWHERE = os.environ.get("KASAL_TEST_URL", "")


collect_ignore = [] if ELSEWHERE else ["test_containers.py"]  # those of `make journeys-compose`


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test in which nothing depends on the form on one form, the one that is started sooner."""
    test = metafunc.definition
    chosen = any("form" in mark.args[0] for mark in test.iter_markers("parametrize"))
    alike = test.get_closest_marker("alike_in_every_form") is not None
    if alike and not chosen and not ELSEWHERE and "form" in metafunc.fixturenames:
        one = pytest.mark.parametrize("form", ["embedded"], indirect=True, scope="session")
        test.add_marker(one)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that ask for one form by its name: that form is started for them."""
    for item in items:
        asked = getattr(getattr(item, "callspec", None), "params", {}).get("form")
        if asked in {"embedded", "stack"}:
            item.add_marker(pytest.mark.own_platform)


@pytest.fixture(scope="session", params=["elsewhere"] if ELSEWHERE else ["embedded", "stack"])
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def platform(
    form: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Platform]:
    """The platform in the form the test is run on; started once for all tests of that form."""
    folder = tmp_path_factory.mktemp(form)
    model = ScriptedModel()
    host, _, port = os.environ.get("KASAL_TEST_MODEL", "127.0.0.1:0").rpartition(":")
    await model.start(host, int(port))
    extra = {
        **SETTINGS,
        "KASAL_OPENAI_BASE_URL": model.url,
        "OPENAI_API_KEY": "",
        "KASAL_LOG_FORMAT": "json",
        "KASAL_LEASE_SILENCE": "8",  # no worker is taken for dead because the machine is slow
        "KASAL_TOOL_ALLOWED_HOSTS": f"{SETTINGS['KASAL_TOOL_ALLOWED_HOSTS']},{model.url.split('/')[2]}",
        "KASAL_CODE_RUNNER": f"{sys.executable} -",
        "PYTHONPATH": f"{shop.installed(folder / 'packages')}:{SETTINGS['PYTHONPATH']}",
    }
    try:
        if form == "elsewhere":
            yield Platform(form, ELSEWHERE + "/api/v1", folder, model)
        elif form == "embedded":
            async with embedded_platform(folder, model, extra) as running:
                yield running
        else:
            async with stack_platform(folder, model, extra) as running:
                yield running
    finally:
        await model.close()


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(platform: Platform) -> AsyncIterator[User]:
    """Someone without a token."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        yield User(platform, http)


@pytest_asyncio.fixture(loop_scope="session")
async def user(visitor: User) -> User:
    """The owner of a workspace of their own, logged in."""
    return await registered(visitor)


@pytest_asyncio.fixture(loop_scope="session")
async def stranger(platform: Platform) -> AsyncIterator[User]:
    """The owner of another workspace."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        yield await registered(User(platform, http))


@pytest_asyncio.fixture(loop_scope="session")
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    """Where a test starts a platform of its own. What runs there at the end is killed."""
    model = ScriptedModel()
    await model.start()
    home = Home(tmp_path, free_port(), model)
    yield home
    await home.kill()
    await model.close()
