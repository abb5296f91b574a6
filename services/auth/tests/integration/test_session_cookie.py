"""Logins whose refresh token is in a cookie: for our own pages, and for nobody else."""

from datetime import timedelta
from http.cookies import Morsel, SimpleCookie
from typing import Any

import pytest
from auth_testkit.world import SERVICE_SECRET

EMAIL, PASSWORD = "user@example.com", "secure_password"
OURS = {"Sec-Fetch-Site": "same-origin"}
AT_HOME = {
    "X-Kasal-Service-Secret": SERVICE_SECRET,
    "X-Forwarded-Host": "kasal.example",
    "X-Forwarded-Proto": "https",
}
"""What the gateway says of a request that came by TLS."""
LOGIN = {"email": EMAIL, "password": PASSWORD, "session": "cookie"}
BY_COOKIE = {"session": "cookie"}


class Browser:
    """A browser's cookies for one host, and what it says of the page that asks."""

    def __init__(self, client: Any, **headers: str) -> None:
        self.client = client
        self.headers = OURS | headers
        self.kept: dict[str, str] = {}
        self.set: Morsel[str] | None = None

    async def post(
        self, path: str, body: Any, *, expect: int = 200, token: str = "", **headers: str
    ) -> Any:
        told = self.headers | headers
        told |= {"Authorization": f"Bearer {token}"} if token else {}
        if self.kept:
            told["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.kept.items())
        async with self.client.running.http.post(path, json=body, headers=told) as answer:
            assert answer.status == expect, await answer.text()
            self.set = None
            for line in answer.headers.getall("Set-Cookie", ()):
                [self.set] = SimpleCookie(line).values()
                self.kept[self.set.key] = self.set.value
            return await answer.json() if answer.content_length else None


@pytest.fixture
async def browser(client: Any) -> Browser:
    """A browser of somebody with an account, at the platform's own address."""
    await client.register(EMAIL)
    return Browser(client, **AT_HOME)


async def test_a_login_by_cookie_keeps_the_refresh_token_from_scripts(browser):
    told = await browser.post("/auth/login", LOGIN)
    assert set(told) == {"access_token", "token_type", "expires_in", "refresh_expires_in"}
    cookie = browser.set
    assert cookie.key == "__Secure-kasal_session"
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"]) == (True, True, "strict")
    assert (cookie["path"], int(cookie["max-age"])) == ("/api/v1/auth", told["refresh_expires_in"])
    assert cookie["domain"] == ""
    assert cookie.value not in str(told)


async def test_without_the_opt_in_nothing_is_different(browser):
    login = await browser.post("/auth/login", {"email": EMAIL, "password": PASSWORD})
    assert list(login) == [
        "access_token",
        "token_type",
        "expires_in",
        "refresh_token",
        "refresh_expires_in",
    ]
    again = await browser.post("/auth/refresh", {"refresh_token": login["refresh_token"]})
    assert list(again) == ["access_token", "expires_in", "token_type", "refresh_token"]
    assert browser.kept == {}
    await browser.post("/auth/login", LOGIN)
    told = (await browser.post("/auth/refresh", {}, expect=400))["error"]
    assert told["message"] == "Invalid request: refresh_token: Field required"
    assert told["details"]["field"] == "refresh_token"


async def test_a_refresh_by_cookie_rotates_it(browser):
    await browser.post("/auth/login", LOGIN)
    first = dict(browser.kept)
    told = await browser.post("/auth/refresh", BY_COOKIE)
    assert set(told) == {"access_token", "expires_in", "token_type"}
    assert browser.kept != first
    await browser.client.call("GET", "/auth/me", token=told["access_token"])


async def test_two_tabs_that_refresh_at_once_stay_signed_in(browser):
    await browser.post("/auth/login", LOGIN)
    tabs = [Browser(browser.client, **AT_HOME) for _ in range(2)]
    for tab in tabs:
        tab.kept = dict(browser.kept)
        await tab.post("/auth/refresh", BY_COOKIE)
    for tab in tabs:  # the browser keeps the cookie of whichever answer came last
        await tab.post("/auth/refresh", BY_COOKIE)


async def test_a_request_of_one_tab_may_be_overtaken_by_two_of_others(browser):
    await browser.post("/auth/login", LOGIN)
    slow = Browser(browser.client, **AT_HOME)
    slow.kept = dict(browser.kept)
    for _ in range(2):  # the second one is sent with what the first one has given
        await browser.post("/auth/refresh", BY_COOKIE)
    await slow.post("/auth/refresh", BY_COOKIE)
    await browser.post("/auth/refresh", BY_COOKIE)
    await slow.post("/auth/refresh", BY_COOKIE)


async def test_a_stolen_cookie_that_is_used_later_ends_the_session(browser, monkeypatch):
    monkeypatch.setattr("auth.domain.logins.sessions.GRACE", timedelta(0))
    await browser.post("/auth/login", LOGIN)
    thief = Browser(browser.client, **AT_HOME)
    thief.kept = dict(browser.kept)
    for _ in range(2):
        await browser.post("/auth/refresh", BY_COOKIE)
    await thief.post("/auth/refresh", BY_COOKIE, expect=401)
    await browser.post("/auth/refresh", BY_COOKIE, expect=401)


async def test_without_a_cookie_there_is_no_session(browser):
    told = (await browser.post("/auth/refresh", BY_COOKIE, expect=401))["error"]
    assert told["message"] == "There is no session in a cookie: log in."


FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "https://kasal.example"},
    {"Sec-Fetch-Site": "", "Origin": "https://evil.example"},
    {"Sec-Fetch-Site": "", "Origin": "http://kasal.example"},
    {"Sec-Fetch-Site": "", "Origin": "https://kasal.example:8443"},
    {"Sec-Fetch-Site": "", "Origin": "https://kasal.example.evil.example"},
    {"Sec-Fetch-Site": "", "Origin": "null"},
    {"Sec-Fetch-Site": "", "Origin": "https://kasal.example:x"},
    {"Sec-Fetch-Site": ""},
]


async def test_pages_of_others_can_neither_use_nor_set_the_cookie(browser):
    token = (await browser.post("/auth/login", LOGIN))["access_token"]
    kept = dict(browser.kept)
    for told in FOREIGN:
        for path, body in (
            ("/auth/refresh", BY_COOKIE),
            ("/auth/login", LOGIN),
            ("/auth/logout", BY_COOKIE),
            ("/auth/switch", {"workspace_id": "ws_1", **BY_COOKIE}),
        ):
            refused = await browser.post(path, body, expect=403, token=token, **told)
            assert refused["error"]["code"] == "FORBIDDEN"
    assert browser.kept == kept
    await browser.post("/auth/refresh", BY_COOKIE)


async def test_a_browser_without_fetch_metadata_names_its_origin(browser):
    old = {"Sec-Fetch-Site": "", "Origin": "https://kasal.example"}
    await browser.post("/auth/login", LOGIN, **old)
    await browser.post("/auth/refresh", BY_COOKIE, **old)


async def test_what_others_than_the_gateway_say_of_the_address_is_not_believed(browser):
    told = {"X-Kasal-Service-Secret": "guessed", "Sec-Fetch-Site": ""}
    await browser.post("/auth/login", LOGIN, expect=403, Origin="https://kasal.example", **told)
    here = str(browser.client.running.url)
    await browser.post("/auth/login", LOGIN, Origin=here, **told)
    port = here.rpartition(":")[2]
    assert browser.set.key == f"kasal_session_{port}"
    assert browser.set["secure"] == ""


async def test_platforms_at_one_host_do_not_share_a_cookie(browser):
    for port in (8000, 8001):
        at = {"X-Forwarded-Host": f"localhost:{port}", "X-Forwarded-Proto": "http"}
        await browser.post("/auth/login", LOGIN, **at)
        assert browser.set["secure"] == ""
    assert set(browser.kept) == {"kasal_session_8000", "kasal_session_8001"}


async def test_a_logout_ends_the_session_and_clears_its_cookie(browser):
    token = (await browser.post("/auth/login", LOGIN))["access_token"]
    before = dict(browser.kept)
    await browser.post("/auth/logout", BY_COOKIE, expect=204, token=token)
    assert (browser.set.value, browser.set["max-age"]) == ("", "0")
    browser.kept = before
    await browser.post("/auth/refresh", BY_COOKIE, expect=401)


async def test_a_logout_without_the_opt_in_leaves_the_browsers_session(browser):
    await browser.post("/auth/login", LOGIN)
    other = await browser.client.login(EMAIL)
    await browser.post("/auth/logout", {}, expect=204, token=other["access_token"])
    await browser.post("/auth/refresh", BY_COOKIE)


async def test_a_logout_leaves_the_cookie_of_somebody_else_who_logged_in_meanwhile(browser):
    token = (await browser.post("/auth/login", LOGIN))["access_token"]
    await browser.client.register("other@example.com")
    await browser.post("/auth/login", LOGIN | {"email": "other@example.com"})
    await browser.post("/auth/logout", BY_COOKIE, expect=204, token=token)
    assert browser.set is None
    await browser.post("/auth/refresh", BY_COOKIE)


async def test_a_password_change_ends_the_cookies_of_all_other_browsers(browser):
    token = (await browser.post("/auth/login", LOGIN))["access_token"]
    elsewhere = Browser(browser.client, **AT_HOME)
    await elsewhere.post("/auth/login", LOGIN)
    change = {"current_password": PASSWORD, "new_password": "another password"}
    await browser.post("/auth/password", change, expect=204, token=token)
    await elsewhere.post("/auth/refresh", BY_COOKIE, expect=401)
    await browser.post("/auth/refresh", BY_COOKIE)


async def test_a_switch_by_cookie_goes_on_in_the_other_workspace(browser):
    owner = await browser.client.owner("owner@example.com")
    joined = await browser.client.call("GET", "/auth/me", token=owner)
    token = (await browser.post("/auth/login", LOGIN))["access_token"]
    invited = {"email": EMAIL, "role": "editor"}
    invited = await browser.client.call(
        "POST", "/workspace/invitations", invited, token=owner, expect=201
    )
    await browser.post("/auth/invitations/accept", {"token": invited["token"]}, token=token)
    entered = {"workspace_id": joined["workspace"]["id"], **BY_COOKIE}
    told = await browser.post("/auth/switch", entered, token=token)
    assert "refresh_token" not in told
    again = await browser.post("/auth/refresh", BY_COOKIE)
    me = await browser.client.call("GET", "/auth/me", token=again["access_token"])
    assert me["workspace"]["id"] == joined["workspace"]["id"]


async def test_a_session_with_a_token_can_move_into_a_cookie(browser):
    login = await browser.client.login(EMAIL)
    moving = {"refresh_token": login["refresh_token"], **BY_COOKIE}
    assert "refresh_token" not in await browser.post("/auth/refresh", moving)
    await browser.post("/auth/refresh", BY_COOKIE)
