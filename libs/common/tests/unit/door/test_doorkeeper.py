"""Callers let in by their tokens: what a door does when a token was revoked."""

import asyncio
import time
from dataclasses import replace

import pytest

from common.door.credentials import CredentialCheck
from common.door.doorkeeper import Authenticator, Doorkeeper
from common.door.refusals import Refusals
from common.door.revocations import RevocationCheck, RevocationCopy
from common.errors import RateLimited, Unauthorized
from common.identity import Identity, Role
from common.security.tokens import sign
from devkit.identity import KEY_ID

ADDRESS = "192.0.2.1"


class EmptyRedis:
    async def covers(self, _: Identity) -> bool:
        return False


@pytest.fixture
def copy(auth) -> RevocationCopy:
    return RevocationCopy(auth)


@pytest.fixture
def door(verifier, auth, copy) -> Authenticator:
    keeper = Doorkeeper(CredentialCheck(verifier, auth, Refusals(2)))
    return Authenticator(keeper, RevocationCheck(copy, EmptyRedis()))


async def test_an_api_key_works_at_once_after_its_makers_role_changed_and_ends_when_revoked(
    door, auth, copy, revoked
):
    now = int(time.time())
    auth.key = replace(auth.key, issued_at=now - 5)

    async def calls() -> list[Identity | BaseException]:
        return await asyncio.gather(
            *(door.identify("kasal_k", ADDRESS) for _ in range(5)), return_exceptions=True
        )

    await calls()
    copy.add(revoked(now, user_id="usr_1", workspace_id="ws_1"))
    auth.key = replace(auth.key, issued_at=now + 1)
    assert {one.issued_at for one in await calls()} == {now + 1}
    assert len(auth.exchanged) == 2
    copy.add(revoked(session_id="key_1"))
    auth.key = None
    for _ in range(3):
        assert {type(one) for one in await calls()} == {Unauthorized}
    assert len(auth.exchanged) == 3


async def test_a_revoked_login_is_over(door, copy, revoked, make_token):
    token = make_token(session_id="ses_1")
    assert (await door.identify(token, ADDRESS)).session_id == "ses_1"
    copy.add(revoked(session_id="ses_1"))
    with pytest.raises(Unauthorized, match="revoked"):
        await door.identify(token, ADDRESS)


async def test_a_key_that_auth_exchanges_though_it_was_revoked_is_not_let_in(
    door, auth, copy, revoked
):
    copy.add(revoked(session_id="key_1"))
    with pytest.raises(Unauthorized, match="revoked"):
        await door.identify("kasal_k", ADDRESS)
    assert len(auth.exchanged) == 2


async def test_older_tokens_of_a_user_end(door, copy, revoked, signing_keys):
    now = int(time.time())
    copy.add(revoked(now, user_id="usr_1", workspace_id="ws_1"))
    who = Identity("usr_1", "ws_1", Role.EDITOR, "ses_1", now, now + 60)
    with pytest.raises(Unauthorized, match="revoked"):
        await door.identify(sign(who, KEY_ID, signing_keys.private), ADDRESS)
    newer = sign(replace(who, issued_at=now + 1), KEY_ID, signing_keys.private)
    assert (await door.identify(newer, ADDRESS)).issued_at == now + 1


async def test_guessing_is_limited(door, auth):
    auth.key = None
    for number in range(2):
        with pytest.raises(Unauthorized):
            await door.identify(f"kasal_{number}", ADDRESS)
    with pytest.raises(RateLimited):
        await door.identify("kasal_2", ADDRESS)
    assert len(auth.exchanged) == 2
