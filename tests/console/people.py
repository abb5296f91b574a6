"""Somebody who uses the console."""

from journeys.users import User
from playwright.async_api import Page, expect


class Person:
    """A user with a tab of the console. `user` does the same over the API."""

    def __init__(self, page: Page, user: User) -> None:
        self.page = page
        self.user = user

    async def open(self, path: str = "/") -> None:
        """Open a page of the console, such as `/runs`."""
        await self.page.goto(f"/console{path}")

    async def sign_in(self) -> None:
        """Sign in by the form, and wait for the first page."""
        await self.open("/login")
        await self.fill_in_login()
        await expect(self.page.get_by_role("navigation").first).to_be_visible()

    async def fill_in_login(self) -> None:
        """Fill in and send the form of the page that is open."""
        await self.page.get_by_label("Email").fill(self.user.email)
        await self.page.get_by_label("Password").fill(self.user.password)
        await self.page.get_by_role("button", name="Log in").click()

    async def sign_out(self) -> None:
        """Sign out by the account's menu."""
        await self.page.get_by_role("button", name="Account").click()
        await self.page.get_by_role("menuitem", name="Log out").click()
