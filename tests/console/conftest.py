"""Fixtures for the console: one embedded platform and one Chromium for all its tests."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from console.browser import running_browser
from console.faults import Faults
from console.looking import ROOT
from console.people import Person
from journeys.desks import CONSOLE_PORT
from journeys.model import ScriptedModel
from journeys.platforms import SETTINGS, Platform, embedded_platform
from journeys.users import User, registered
from playwright.async_api import Browser, BrowserContext, Page, expect

_PATIENCE = 30_000.0
"""Milliseconds after which something that does not come is taken for missing."""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def built() -> None:
    """The console, built."""
    build = await asyncio.create_subprocess_exec(
        *("sh", "tools/console.sh", "build"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await build.communicate()
    assert build.returncode == 0, said.decode()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def model() -> AsyncIterator[ScriptedModel]:
    """The model that crews of these tests name: it says what a task's description tells it to."""
    scripted = ScriptedModel()
    await scripted.start()
    yield scripted
    await scripted.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def platform(
    built: None, model: ScriptedModel, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Platform]:
    """The platform with its console, for all tests."""
    extra = {
        **SETTINGS,
        "KASAL_OPENAI_BASE_URL": model.url,
        "OPENAI_API_KEY": "",
        "KASAL_LOG_FORMAT": "json",
        "KASAL_CONSOLE_DIR": str(ROOT / "console" / "dist"),
        "KASAL_TOOL_ALLOWED_HOSTS": ",".join(
            [
                SETTINGS["KASAL_TOOL_ALLOWED_HOSTS"],
                model.url.split("/")[2],
                f"127.0.0.1:{CONSOLE_PORT}",
            ]
        ),
    }
    async with embedded_platform(tmp_path_factory.mktemp("console"), model, extra) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The browser, for all tests."""
    async with running_browser() as chromium:
        yield chromium


@pytest_asyncio.fixture(loop_scope="session")
async def user(platform: Platform) -> AsyncIterator[User]:
    """The owner of a new workspace, over the API."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        yield await registered(User(platform, http))


@pytest.fixture
def faults() -> Faults:
    """What the test's pages do wrong; a test can `expect` some of it."""
    return Faults()


@pytest_asyncio.fixture(loop_scope="session")
async def context(
    browser: Browser, platform: Platform, faults: Faults
) -> AsyncIterator[BrowserContext]:
    """Windows of one browser profile. The test fails if a page in it logs an error, throws or breaks its policy."""
    profile = await browser.new_context(
        base_url=platform.root, reduced_motion="reduce", viewport={"width": 1280, "height": 800}
    )
    profile.set_default_timeout(_PATIENCE)
    expect.set_options(timeout=_PATIENCE)
    await faults.watch(profile)
    yield profile
    await profile.close()
    faults.check()


@pytest_asyncio.fixture(loop_scope="session")
async def page(context: BrowserContext) -> Page:
    """An empty tab of somebody who is not signed in."""
    return await context.new_page()


@pytest_asyncio.fixture(loop_scope="session")
async def person(page: Page, user: User) -> Person:
    """`user`, signed in on `page`."""
    somebody = Person(page, user)
    await somebody.sign_in()
    return somebody
