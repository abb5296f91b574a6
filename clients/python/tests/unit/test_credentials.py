"""Who speaks: tokens are got, renewed and shared.

Covers: kasal_client.aio.credentials
"""

import json
from typing import Any

import httpx2
import pytest

from kasal_client import AsyncKasal, Kasal, ProfileError, UnauthorizedError
from kasal_client.profile import Profile, load_profile, save_profile

ME = {"id": "usr_1", "email": "ada@example.com", "name": "Ada", "role": "owner", "workspace": {}}


class Door:
    """Gives tokens, and takes the newest only."""

    def __init__(self) -> None:
        self.count = 0
        self.asked: list[tuple[str, Any]] = []
        self.accepts_refresh = True

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path.removeprefix("/api/v1")
        body = json.loads(request.content) if request.content else None
        self.asked.append((path, body))
        if path == "/auth/refresh" and not self.accepts_refresh:
            return refused()
        if path in {"/auth/login", "/auth/refresh", "/auth/switch"}:
            self.count += 1
            return httpx2.Response(200, json=self.tokens())
        if request.headers.get("Authorization") != f"Bearer token_{self.count}":
            return refused()
        return httpx2.Response(200, json=ME)

    def tokens(self) -> dict[str, Any]:
        return {
            "access_token": f"token_{self.count}",
            "refresh_token": f"refresh_{self.count}",
            "expires_in": 60,
        }

    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


def refused() -> httpx2.Response:
    error = {"code": "UNAUTHORIZED", "message": "No.", "details": {}, "request_id": "req_1"}
    return httpx2.Response(401, json={"error": error})


def speaker(door: Door, **options: Any) -> Kasal:
    return Kasal("http://there", transport=httpx2.MockTransport(door), **options)


PERSON = {"email": "ada@example.com", "password": "secret_word"}


def test_a_session_begins_with_the_first_request_and_is_renewed():
    door = Door()
    with speaker(door, **PERSON) as kasal:
        assert door.asked == []
        kasal.auth.me()
        kasal.auth.me()
        door.count += 1  # the token is no longer the newest
        kasal.auth.me()
    assert door.paths() == [
        "/auth/login",
        *["/auth/me"] * 3,
        "/auth/refresh",
        "/auth/me",
    ]
    assert door.asked[4][1] == {"refresh_token": "refresh_1"}


def test_a_session_that_has_ended_begins_again():
    door = Door()
    with speaker(door, **PERSON) as kasal:
        kasal.auth.me()
        door.count += 1
        door.accepts_refresh = False
        assert kasal.auth.me().id == "usr_1"
    assert door.paths()[-3:] == ["/auth/refresh", "/auth/login", "/auth/me"]


def test_a_session_enters_the_workspace_that_is_asked_for():
    door = Door()
    with speaker(door, **PERSON, workspace="ws_2") as kasal:
        kasal.auth.me()
    assert door.asked[1] == ("/auth/switch", {"workspace_id": "ws_2"})


def test_a_key_that_is_refused_is_not_tried_again():
    door = Door()
    with speaker(door, api_key="key") as kasal, pytest.raises(UnauthorizedError):
        kasal.auth.me()
    assert door.paths() == ["/auth/me"]


async def test_a_token_that_another_process_has_renewed_is_used():
    door = Door()
    door.count = 2
    save_profile(
        Profile("http://there", "ada@example.com", access_token="old", refresh_token="old")
    )
    transport = httpx2.MockTransport(door)
    async with AsyncKasal(transport=transport) as kasal:
        save_profile(
            Profile("http://there", "a@b.c", access_token="token_2", refresh_token="refresh_2")
        )
        assert (await kasal.auth.me()).id == "usr_1"
    assert door.paths() == ["/auth/me", "/auth/me"]


async def test_a_kept_session_is_renewed_and_kept():
    door = Door()
    async with await AsyncKasal.login(
        "http://there", **PERSON, transport=httpx2.MockTransport(door)
    ) as kasal:
        door.count += 1
        await kasal.auth.me()
    kept = load_profile()
    assert kept is not None
    assert (kept.access_token, kept.refresh_token) == ("token_3", "refresh_3")
    assert "secret_word" not in repr(kept)


def test_a_login_that_has_ended_says_what_to_do():
    door = Door()
    door.accepts_refresh = False
    save_profile(Profile("http://there", "a@b.c", access_token="old", refresh_token="old"))
    with (
        Kasal(transport=httpx2.MockTransport(door)) as kasal,
        pytest.raises(ProfileError, match="kasal login"),
    ):
        kasal.auth.me()
