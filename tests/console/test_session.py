"""Signing in and out in a browser, and where an address leads."""

import asyncio

import pytest
from console.faults import Faults
from console.looking import check_accessibility, take_pictures
from console.people import Person
from journeys.users import User
from playwright.async_api import BrowserContext, Page, Route, expect

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.own_platform]


async def test_the_root_leads_to_the_login_and_the_login_to_the_first_page(
    page: Page, user: User
) -> None:
    await page.goto("/")
    await expect(page).to_have_url("/console/login")
    await check_accessibility(page)
    await take_pictures(page, "login")
    await Person(page, user).fill_in_login()
    await expect(page.get_by_role("navigation")).to_be_visible()
    await expect(page).to_have_url("/console/")


async def test_a_wrong_password_is_told_in_place(page: Page, user: User, faults: Faults) -> None:
    faults.expect("401")
    user.password = "another one"
    await page.goto("/console/login")
    await Person(page, user).fill_in_login()
    await expect(page.get_by_role("alert")).to_contain_text("password is wrong")
    await expect(page).to_have_url("/console/login")


async def test_a_deep_link_leads_to_its_page_after_the_login(page: Page, user: User) -> None:
    await page.goto("/console/runs?status=failed")
    await expect(page.get_by_label("Password")).to_be_visible()
    await Person(page, user).fill_in_login()
    await expect(page).to_have_url("/console/runs?status=failed")


async def test_signing_out_leads_to_the_login(person: Person) -> None:
    await person.sign_out()
    await expect(person.page.get_by_label("Password")).to_be_visible()
    await person.open("/runs")
    await expect(person.page.get_by_label("Password")).to_be_visible()


async def test_a_reload_and_a_second_tab_are_signed_in(
    person: Person, context: BrowserContext
) -> None:
    await person.open("/runs")
    await expect(person.page.get_by_role("navigation")).to_be_visible()
    await person.page.reload()
    await expect(person.page.get_by_role("navigation")).to_be_visible()
    await expect(person.page).to_have_url("/console/runs")
    second = await context.new_page()
    await second.goto("/console/crews")
    await expect(second.get_by_role("navigation")).to_be_visible()
    await person.sign_out()
    await expect(second.get_by_label("Password")).to_be_visible()


async def test_no_script_can_read_a_token(person: Person, context: BrowserContext) -> None:
    kept = await person.page.evaluate(
        "[document.cookie, JSON.stringify({...localStorage, ...sessionStorage})].join()"
    )
    [cookie] = await context.cookies(f"{person.user.platform.root}/api/v1/auth/refresh")
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert cookie["value"] not in kept
    assert "eyJ" not in kept
    assert await context.cookies(f"{person.user.platform.root}/api/v1/crews") == []


async def test_tabs_that_start_at_once_stay_signed_in(
    person: Person, context: BrowserContext
) -> None:
    await context.add_init_script("delete Navigator.prototype.locks")
    tabs = [await context.new_page() for _ in range(4)]
    for _ in range(2):
        await asyncio.gather(*(tab.goto("/console/runs") for tab in tabs))
        for tab in tabs:
            await expect(tab.get_by_role("navigation")).to_be_visible()


async def test_another_tab_follows_a_logout_and_a_login(
    person: Person, context: BrowserContext
) -> None:
    second = await context.new_page()
    await second.goto("/console/")
    await expect(second.get_by_role("navigation")).to_be_visible()
    await person.sign_out()
    await expect(second.get_by_label("Password")).to_be_visible()
    await person.fill_in_login()
    await expect(person.page.get_by_role("navigation")).to_be_visible()
    await expect(second.get_by_role("navigation")).to_be_visible()


async def test_a_session_that_has_ended_asks_for_the_password_again(
    person: Person, context: BrowserContext, faults: Faults
) -> None:
    faults.expect("401")
    await context.clear_cookies()
    await person.page.reload()
    await expect(person.page.get_by_label("Password")).to_be_visible()
    await expect(person.page.get_by_text("Your session has ended.")).to_be_visible()


async def test_a_logout_that_the_platform_did_not_hear_of_says_so(
    person: Person, faults: Faults
) -> None:
    faults.expect("503")
    page = person.page
    await page.route("**/auth/logout", lambda route: route.fulfill(status=503, body="{}"))
    await person.sign_out()
    await expect(page.get_by_text("you are still logged in")).to_be_visible()
    await expect(page.get_by_role("navigation")).to_be_visible()


async def test_a_reload_while_the_platform_starts_asks_for_no_password(
    person: Person, faults: Faults
) -> None:
    faults.expect("503")
    page = person.page
    refused: list[Route] = []

    async def refuse_once(route: Route) -> None:
        refused.append(route)
        if len(refused) > 1:
            await route.continue_()
        else:
            await route.fulfill(status=503, body="{}")

    await page.route("**/auth/refresh", refuse_once)
    await page.reload()
    await expect(page.get_by_role("navigation")).to_be_visible()
    assert len(refused) == 2
