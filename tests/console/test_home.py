"""The home page and the list of runs: a newcomer's first run, what failed, what was spent."""

import re

import pytest
from console.looking import check_accessibility, take_pictures
from console.people import Person
from journeys.users import User
from playwright.async_api import Page, expect

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.own_platform]


async def test_a_newcomer_starts_an_example_with_one_press(person: Person) -> None:
    page = person.page
    await expect(page.get_by_role("heading", name="Start a crew")).to_be_visible()
    await expect(page).to_have_title("Home · Kasal")
    await check_accessibility(page)
    await take_pictures(page, "home-empty")

    await page.get_by_role("button", name="As code: A report by two agents").click()
    await page.get_by_role("tab", name="Python").click()
    await expect(page.get_by_role("tabpanel")).to_contain_text("crew = kasal.crews.apply(CREW)")
    await check_accessibility(page)
    await page.keyboard.press("Escape")

    await page.get_by_role("button", name="Start: A report by two agents").click()
    await expect(page).to_have_url(re.compile("/console/runs/job_"))
    job_id = page.url.split("/")[-1].split("?")[0]
    assert (await person.user.finished(job_id))["status"] == "completed"

    await page.keyboard.press("g")
    await page.keyboard.press("r")
    await expect(page.get_by_role("status").filter(has_text="1 run")).to_be_visible()
    row = page.get_by_role("link", name=re.compile("Market Report"))
    await expect(row).to_contain_text("Completed")
    await check_accessibility(page)
    await take_pictures(page, "runs")


async def test_failures_are_shown_with_their_reason(page: Page, user: User) -> None:
    rule = {"kind": "length", "max": 1, "unit": "words"}
    crew = {
        "name": "Terse",
        "agents": [{"role": "Writer", "goal": "Write", "model": "offline"}],
        "tasks": [{"description": "Write", "expected_output": "A word", "guardrail": rule}],
    }
    crew_id = (await user.call("POST", "/crews", crew, expect=201))["id"]
    for _ in range(2):
        await user.finished(await user.start(crew_id))

    await Person(page, user).sign_in()
    failures = page.get_by_role("region", name="Latest failures")
    await expect(failures.get_by_text("OUTPUT_INVALID").first).to_be_visible()
    await expect(page.get_by_role("link", name=re.compile("Failed in 24 hours"))).to_contain_text(
        "2"
    )
    await check_accessibility(page)
    await take_pictures(page, "home")

    await page.get_by_role("link", name=re.compile("Failed in 24 hours")).click()
    await expect(page).to_have_url(re.compile(r"/console/runs\?status=failed&since=day"))
    await expect(page.get_by_role("listitem").filter(has_text="Terse")).to_have_count(2)


async def test_keys_open_search_and_help(person: Person) -> None:
    page = person.page
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)

    await page.keyboard.press("/")
    await expect(page.get_by_role("dialog", name="Search")).to_be_visible()
    await page.keyboard.type("inbo")
    await expect(page.get_by_role("menuitem")).to_have_count(1)
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile("/console/inbox"))
    await expect(page.get_by_role("heading", level=1, name="Inbox")).to_be_focused()
