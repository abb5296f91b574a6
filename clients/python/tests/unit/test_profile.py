"""What a login keeps."""

import errno
import json
from pathlib import Path

import pytest

from kasal_client import Kasal, ProfileError, UsageError
from kasal_client.profile import (
    Profile,
    ProfileLock,
    load_profile,
    profile_path,
    remove_profile,
    save_profile,
)

KEPT = Profile("http://there:8000", "ada@example.com", access_token="t1", refresh_token="r1")


def test_a_profile_is_kept_for_its_owner_alone(tmp_path: Path):
    path = save_profile(KEPT)
    assert path == tmp_path / "config/kasal/profile-default.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_profile() == KEPT
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    remove_profile()
    remove_profile()
    assert load_profile() is None


def test_a_newer_profile_can_be_read():
    path = save_profile(KEPT)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"colour": "green"}))
    assert load_profile() == KEPT


@pytest.mark.parametrize("text", ["", "[]", "{}", "{"])
def test_a_damaged_profile_says_what_to_do(text: str):
    save_profile(KEPT).write_text(text)
    with pytest.raises(ProfileError, match="log in again"):
        load_profile()


def test_a_profiles_name_is_no_path(monkeypatch):
    with pytest.raises(ProfileError):
        profile_path("../other")
    monkeypatch.setenv("KASAL_PROFILE", "work")
    assert profile_path().name == "profile-work.json"


def test_a_lock_is_held_once(tmp_path: Path):
    first, second = ProfileLock(tmp_path / "p"), ProfileLock(tmp_path / "p")
    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    second.release()


def test_no_repr_shows_what_is_secret():
    assert "t1" not in repr(KEPT)
    assert "r1" not in repr(KEPT)


def test_who_speaks_is_found_in_order(monkeypatch):
    with pytest.raises(ProfileError, match="kasal login"):
        Kasal()
    save_profile(KEPT)
    assert Kasal().url == "http://there:8000"
    with pytest.raises(ProfileError, match="kasal login --url http://elsewhere"):
        Kasal("http://elsewhere")
    monkeypatch.setenv("KASAL_API_KEY", "key")
    assert Kasal().url == "http://localhost:8000"
    monkeypatch.setenv("KASAL_URL", "http://elsewhere")
    assert Kasal().url == "http://elsewhere"
    assert Kasal("http://third", "key").url == "http://third"


@pytest.mark.parametrize(
    "given",
    [
        {"api_key": "k", "email": "a@example.com", "password": "p"},
        {"email": "a@example.com"},
        {"api_key": "k", "workspace": "ws_1"},
        {"api_key": "k", "url": "localhost:8000"},
        {"api_key": "k", "url": "http://ada:pw@there"},
        {"api_key": "k", "url": "http://there:port"},
        {"api_key": "k", "url": "http://[::1"},
        {"api_key": "k", "url": "http://:8000"},
        {"api_key": "kéy"},
        {"api_key": "two\nlines"},
    ],
)
def test_what_cannot_work_is_refused_at_once(given: dict[str, str]):
    with pytest.raises(UsageError):
        Kasal(**given)


def test_no_key_is_told_with_what_is_wrong_about_it():
    with pytest.raises(UsageError) as raised:
        Kasal("http://there", "secret\nkey")
    assert "secret" not in str(raised.value)
    with pytest.raises(UsageError) as raised:
        Kasal("ftp://ada:secret@there", "k")
    assert "secret" not in str(raised.value)


def test_where_nothing_can_be_locked_nobody_waits_for_ever(tmp_path: Path, monkeypatch):
    def refuse(_file: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("kasal_client.profile._lock", refuse)
    with pytest.raises(ProfileError, match="XDG_CONFIG_HOME"):
        ProfileLock(tmp_path / "profile.json").acquire()
