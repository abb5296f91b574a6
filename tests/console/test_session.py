"""Signing in and out in a browser, and where an address leads."""

import pytest
from console.faults import Faults
from console.looking import check_accessibility, take_pictures
from console.people import Person
from journeys.users import User
from playwright.async_api import Page, expect

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
    await person.page.get_by_role("button", name="Log out").click()
    await expect(person.page.get_by_label("Password")).to_be_visible()
    await person.open("/runs")
    await expect(person.page.get_by_label("Password")).to_be_visible()
