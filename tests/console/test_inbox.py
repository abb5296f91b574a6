"""The inbox: questions answered by the keyboard, across a restart, with other arguments, and by somebody else first."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from console.faults import Faults
from console.looking import ROOT, check_accessibility, take_pictures
from console.people import Person
from journeys.model import ScriptedModel
from journeys.platforms import SETTINGS, Platform, embedded_platform
from journeys.users import User, read_events, registered
from playwright.async_api import Browser, Page, expect

from kasal_platform.api_client import subscribe

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.own_platform]

_CONSOLE = {**SETTINGS, "KASAL_CONSOLE_DIR": str(ROOT / "console" / "dist")}


async def _ask(user: User, name: str) -> str:
    """Start a run that waits for an approval, and return its id once it waits."""
    agent = {
        "role": "Cashier",
        "goal": "Calculate",
        "model": "offline",
        "tools": ["calculator"],
        "approvals": ["calculator"],
    }
    crew = {"name": name, "agents": [agent], "tasks": [{"description": "What is 12 * 2?"}]}
    crew_id = (await user.call("POST", "/crews", crew, expect=201))["id"]
    job_id = await user.start(crew_id)
    async with user.connect() as socket:
        await subscribe(socket, job_id)
        await read_events(socket, until={"input_required"})
    return job_id


@contextlib.asynccontextmanager
async def _user_on(platform: Platform) -> AsyncIterator[User]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        yield User(platform, http)


async def _sign_in_by_keys(page: Page, platform: Platform, user: User) -> None:
    await page.goto(f"{platform.root}/console/inbox")
    await expect(page.get_by_label("Email")).to_be_focused()
    await page.keyboard.type(user.email)
    await page.keyboard.press("Tab")
    await page.keyboard.type(user.password)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1, name="Inbox")).to_be_visible()


async def _open_inbox(page: Page, user: User) -> None:
    await Person(page, user).sign_in()
    await page.get_by_role("link", name="Inbox").click()
    await expect(page.get_by_role("heading", level=1, name="Inbox")).to_be_visible()


async def test_a_question_is_approved_by_keys_after_a_restart(
    built: None, browser: Browser, model: ScriptedModel, faults: Faults, tmp_path: Path
) -> None:
    async with embedded_platform(tmp_path, model, _CONSOLE) as first, _user_on(first) as user:
        await registered(user)
        job_id = await _ask(user, "Till")

    async with embedded_platform(tmp_path, model, _CONSOLE) as second, _user_on(second) as again:
        again.email, again.password = user.email, user.password
        await again.login()
        page = await browser.new_page(reduced_motion="reduce")
        await faults.watch(page.context)
        await _sign_in_by_keys(page, second, again)
        await expect(page.get_by_role("article")).to_contain_text("12 * 2")
        await page.keyboard.press("j")
        await page.keyboard.press("a")
        await expect(page.get_by_text("Nobody waits for you")).to_be_visible()
        ended = await again.finished(job_id)
        await page.context.close()
    assert (ended["status"], "24" in str(ended["result"])) == ("completed", True)
    faults.check()


async def test_a_call_is_made_with_other_arguments(page: Page, user: User) -> None:
    job_id = await _ask(user, "Till")
    await _open_inbox(page, user)
    await expect(page.get_by_role("article")).to_contain_text("Cashier wants to call calculator")
    await check_accessibility(page)
    await take_pictures(page, "inbox")
    await page.get_by_role("button", name="Edit arguments").click()
    await page.get_by_label("expression").fill("12 * 3")
    changes = page.get_by_role("region", name="What you have changed")
    await expect(changes).to_contain_text('"expression": "12 * 3"')
    await check_accessibility(page)
    await page.get_by_role("button", name="Approve with these arguments").click()
    await expect(page.get_by_role("status").filter(has_text="Approved: calculator")).to_be_visible()
    assert "36" in str((await user.finished(job_id))["result"])


async def test_who_comes_second_reads_what_the_first_has_said(
    page: Page, user: User, faults: Faults
) -> None:
    faults.expect("409")
    job_id = await _ask(user, "Till")
    await _open_inbox(page, user)
    await page.get_by_role("button", name="Reject").click()
    await page.get_by_label("Comment").fill("Too dear")
    said = {"outcome": "approved", "comment": "I was first"}
    await user.call("POST", f"/executions/{job_id}/input", said, expect=200)
    await page.get_by_role("button", name="Reject the call").click()
    await expect(page.get_by_role("alert")).to_contain_text("Somebody else has answered this first")
    await expect(page.get_by_role("alert")).to_contain_text("I was first")
    await page.get_by_role("button", name="Dismiss").click()
    await expect(page.get_by_text("Nobody waits for you")).to_be_visible()
