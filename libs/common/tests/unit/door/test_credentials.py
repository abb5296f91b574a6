"""Opaque tokens: exchanged once, remembered by digest, and limited when they do not hold."""

import asyncio
from dataclasses import replace

import pytest

from common.door import credentials as module
from common.door.credentials import CredentialCheck
from common.door.refusals import Refusals
from common.errors import RateLimited, Unauthorized, Unavailable

ADDRESS = "192.0.2.1"


@pytest.fixture
def credentials(verifier, auth) -> CredentialCheck:
    return CredentialCheck(verifier, auth, Refusals(3))


async def test_many_callers_with_one_key_cost_one_exchange(credentials, auth):
    found = await asyncio.gather(*(credentials.check("kasal_k", ADDRESS) for _ in range(10)))
    assert auth.exchanged == ["kasal_k"]
    assert {one.identity.session_id for one in found} == {"key_1"}
    assert all(one.jwt for one in found)


async def test_a_jwt_is_checked_here_and_stands_for_itself(credentials, auth, make_token):
    found = await credentials.check(make_token(session_id="ses_1"), ADDRESS)
    assert (found.identity.session_id, found.jwt) == ("ses_1", None)
    with pytest.raises(Unauthorized, match="service token"):
        await credentials.check(make_token(kind="service"), ADDRESS)
    assert auth.exchanged == []


async def test_an_exchanged_token_is_replaced_before_it_ends(credentials, auth):
    auth.key = replace(auth.key, expires_at=auth.key.issued_at + 9)
    await credentials.check("kasal_k", ADDRESS)
    await credentials.check("kasal_k", ADDRESS)
    assert len(auth.exchanged) == 2


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x" * 9_000,
        "kasal_" + "x" * 1_000,
        "é",
        "kasal_\0",
        "kasal_\n",
        "\udcff.a.b",
        "a.b." + "c" * 9_000,
    ],
)
async def test_what_can_be_no_token_of_ours_does_not_reach_auth(credentials, auth, token):
    with pytest.raises(Unauthorized):
        await credentials.check(token, ADDRESS)
    assert auth.exchanged == []


async def test_a_refusal_is_remembered_for_a_while_but_not_that_auth_is_away(
    credentials, auth, monkeypatch
):
    auth.faults = [Unavailable("away"), Unavailable("away")]
    for _ in range(2):
        with pytest.raises(Unavailable):
            await credentials.check("kasal_k", ADDRESS)
    auth.key, key = None, auth.key
    for _ in range(2):
        with pytest.raises(Unauthorized):
            await credentials.check("kasal_k", ADDRESS)
    assert len(auth.exchanged) == 3
    now = module.time.monotonic()
    monkeypatch.setattr(module.time, "monotonic", lambda: now + 11)
    auth.key = key
    assert (await credentials.check("kasal_k", ADDRESS)).identity.session_id == "key_1"


async def test_a_token_that_auth_has_just_signed_is_not_refused_for_auths_fault(credentials, auth):
    good, auth.key = auth.key, replace(auth.key, expires_at=auth.key.issued_at - 60)
    for _ in range(4):
        with pytest.raises(Unavailable, match="cannot be checked now"):
            await credentials.check("kasal_k", ADDRESS)
    auth.key = good
    assert (await credentials.check("kasal_k", ADDRESS)).identity.session_id == "key_1"


async def test_who_tries_one_token_after_the_other_is_stopped_before_auth_is_asked(
    credentials, auth
):
    await credentials.check("kasal_good", ADDRESS)
    auth.key = None
    for number in range(3):
        with pytest.raises(Unauthorized):
            await credentials.check(f"kasal_{number}", ADDRESS)
    with pytest.raises(RateLimited) as refused:
        await credentials.check("kasal_3", ADDRESS)
    assert refused.value.retry_after == 60
    assert (await credentials.check("kasal_good", ADDRESS)).identity.session_id == "key_1"
    with pytest.raises(Unauthorized):  # what is known is said, and costs auth nothing
        await credentials.check("kasal_0", ADDRESS)
    with pytest.raises(Unauthorized):
        await credentials.check("kasal_3", "192.0.2.2")
    assert len(auth.exchanged) == 5


async def test_the_renewal_of_an_admitted_token_is_not_counted(credentials, auth):
    auth.key = None
    for number in range(5):
        with pytest.raises(Unauthorized):
            await credentials.check(f"kasal_{number}")
    with pytest.raises(Unauthorized):
        await credentials.check("kasal_last", ADDRESS)


async def test_a_token_in_use_is_renewed_whatever_others_at_its_address_try(credentials, auth):
    good, auth.key = auth.key, replace(auth.key, expires_at=auth.key.issued_at + 9)
    await credentials.check("kasal_k", ADDRESS)
    auth.key = None
    for number in range(3):
        with pytest.raises(Unauthorized):
            await credentials.check(f"kasal_{number}", ADDRESS)
    auth.key = good
    assert (await credentials.check("kasal_k", ADDRESS)).identity.session_id == "key_1"
    with pytest.raises(RateLimited):
        await credentials.check("kasal_3", ADDRESS)


async def test_tokens_sent_at_once_are_guesses_too(credentials, auth):
    auth.gate.clear()
    auth.key = None
    flood = [
        asyncio.create_task(credentials.check(f"kasal_{number}", f"2001:db8:1:2::{number}"))
        for number in range(5)
    ]
    other = asyncio.create_task(credentials.check("kasal_other", ADDRESS))
    for _ in range(5):
        await asyncio.sleep(0)
    assert auth.under_way == 4
    auth.gate.set()
    ends = [type(end) for end in await asyncio.gather(*flood, other, return_exceptions=True)]
    assert ends == [*[Unauthorized] * 3, *[RateLimited] * 2, Unauthorized]


async def test_good_tokens_sent_at_once_leave_nothing_counted(credentials, auth):
    for turn in range(4):
        await asyncio.gather(*(credentials.check(f"kasal_{turn}{n}", ADDRESS) for n in range(3)))
    assert len(auth.exchanged) == 12


async def test_a_flood_from_many_addresses_reaches_auth_in_bounds(credentials, auth, monkeypatch):
    monkeypatch.setattr(module, "_EXCHANGES_WAITING", 100)
    auth.gate.clear()
    auth.key = None
    flood = [
        asyncio.create_task(credentials.check(f"kasal_{number}", f"198.51.100.{number}"))
        for number in range(250)
    ]
    for _ in range(5):
        await asyncio.sleep(0)
    assert auth.under_way == auth.most_at_once == 50
    auth.gate.set()
    ends = [type(end) for end in await asyncio.gather(*flood, return_exceptions=True)]
    assert (ends.count(Unauthorized), ends.count(RateLimited)) == (100, 150)
    assert (len(auth.exchanged), auth.most_at_once) == (100, 50)


async def test_what_is_remembered_is_bounded_and_holds_no_token(verifier, auth):
    credentials = CredentialCheck(verifier, auth, Refusals(3), remembered=2)
    for number in range(3):
        await credentials.check(f"kasal_good_{number}", ADDRESS)
    auth.key = None
    for number in range(3):
        with pytest.raises(Unauthorized):
            await credentials.check(f"kasal_bad_{number}", f"198.51.100.{number}")
    held = [*credentials._exchanged, *credentials._refused]
    assert len(held) == 4
    assert all(isinstance(key, bytes) and b"kasal" not in key for key in held)


async def test_only_what_was_exchanged_can_be_forgotten(credentials, auth, make_token):
    jwt = make_token()
    assert not credentials.forget(jwt, await credentials.check(jwt, ADDRESS))
    first = await credentials.check("kasal_k", ADDRESS)
    assert credentials.forget("kasal_k", first)
    second = await credentials.check("kasal_k", ADDRESS)
    assert credentials.forget("kasal_k", first), "another has forgotten it already"
    assert await credentials.check("kasal_k", ADDRESS) is second
    assert len(auth.exchanged) == 2
