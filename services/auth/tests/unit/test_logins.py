"""Logging in: who is let in, what a wrong password is told, and how often one may guess."""

import asyncio

import pytest

from auth.domain.attempts import MOST_FAILURES, WINDOW
from common.errors import RateLimited, Unauthorized
from common.identity import Role


async def test_the_address_is_compared_without_regard_to_case_and_space(world):
    await world.accounts.register("User@Example.com", "secure_password", None)
    told = await world.logins.login(" uSER@example.COM ", "secure_password", None)

    identity = world.mint.read(told.access_token)
    assert identity.role is Role.OWNER
    assert (told.expires_in, told.refresh_expires_in) == (86_400, 2_592_000)
    assert identity.expires_at - identity.issued_at == 86_400


async def test_an_unknown_address_and_a_wrong_password_are_told_and_cost_the_same(world):
    await world.accounts.register("user@example.com", "secure_password", None)
    said = []
    for email in ("user@example.com", "nobody@example.com", "no address"):
        with pytest.raises(Unauthorized) as refused:
            await world.logins.login(email, "wrong", None)
        said.append((refused.value.message, refused.value.details))

    assert said[0] == said[1] == said[2]
    assert world.passwords.compared == ["hash of secure_password", None, None]


async def test_the_eleventh_guess_waits_for_the_window_even_with_the_right_password(world):
    await world.accounts.register("user@example.com", "secure_password", None)
    for _ in range(MOST_FAILURES):
        with pytest.raises(Unauthorized):
            await world.logins.login("user@example.com", "wrong", None)
        world.clock.advance(seconds=10)

    with pytest.raises(RateLimited) as refused:
        await world.logins.login("USER@example.com", "secure_password", None)
    assert refused.value.retry_after == WINDOW.total_seconds() - 10 * MOST_FAILURES

    world.clock.advance(seconds=refused.value.retry_after)
    await world.logins.login("user@example.com", "secure_password", None)


async def test_the_right_password_forgets_the_wrong_ones(world):
    await world.accounts.register("user@example.com", "secure_password", None)
    for _ in range(3):
        for _ in range(MOST_FAILURES - 1):
            with pytest.raises(Unauthorized):
                await world.logins.login("user@example.com", "wrong", None)
        await world.logins.login("user@example.com", "secure_password", None)


async def test_guesses_sent_at_once_are_counted_one_by_one(world):
    await world.accounts.register("user@example.com", "secure_password", None)
    matches = world.passwords.matches

    async def slow(password, hashed):
        await asyncio.sleep(0)
        return await matches(password, hashed)

    world.passwords.matches = slow
    guesses = [world.logins.login("user@example.com", f"guess {n}", None) for n in range(40)]
    told = await asyncio.gather(*guesses, return_exceptions=True)

    assert len(world.passwords.compared) == MOST_FAILURES
    assert [type(one) for one in told].count(RateLimited) == 40 - MOST_FAILURES


async def test_many_right_logins_at_once_all_get_in(world):
    await world.accounts.register("user@example.com", "secure_password", None)
    logins = [world.logins.login("user@example.com", "secure_password", None) for _ in range(30)]
    assert len({one.refresh_token for one in await asyncio.gather(*logins)}) == 30


async def test_one_account_does_not_wait_for_anothers_guesses(world):
    await world.accounts.register("user@example.com", "secure_password", None)
    for _ in range(MOST_FAILURES):
        with pytest.raises(Unauthorized):
            await world.logins.login("other@example.com", "wrong", None)
    await world.logins.login("user@example.com", "secure_password", None)


async def test_one_enters_the_named_workspace_or_ones_first(world):
    owner = await world.owner("a@example.com")
    world.clock.advance(seconds=1)
    mine = await world.owner("b@example.com")
    world.clock.advance(seconds=1)
    await world.memberships.add(owner, "b@example.com", Role.VIEWER, None, None)

    async def entered(workspace_id):
        told = await world.logins.login("b@example.com", "secure_password", workspace_id)
        identity = world.mint.read(told.access_token)
        return identity.workspace_id, identity.role

    assert await entered(None) == (owner.workspace_id, Role.VIEWER)  # the older workspace
    assert await entered(mine.workspace_id) == (mine.workspace_id, Role.OWNER)
    assert await entered(owner.workspace_id) == (owner.workspace_id, Role.VIEWER)
    with pytest.raises(Unauthorized, match="ws_none"):
        await entered("ws_none")
