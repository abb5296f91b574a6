"""Logging in: who is let in, what a wrong password is told, and how often one may guess."""

import asyncio
from dataclasses import replace

import pytest

from auth.domain.accounts.attempts import ACCOUNT, ADDRESS, PAIR
from common.errors import NotFound, RateLimited, Unauthorized
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


async def wrong(world, times, *, address="203.0.113.9", email="user@example.com"):
    """Guess so often, each time as soon as that is allowed; return how long it took."""
    waited = 0.0
    for _ in range(times):
        try:
            await world.logins.login(email, "wrong", None, address)
        except RateLimited as early:
            waited += early.retry_after
            world.clock.advance(seconds=early.retry_after)
            with pytest.raises(Unauthorized):
                await world.logins.login(email, "wrong", None, address)
        except Unauthorized:
            pass
    return waited


async def test_guesses_from_one_address_wait_longer_and_longer(world):
    await world.accounts.register("user@example.com", "secure_password", None)
    assert await wrong(world, PAIR.free) == 0
    assert [await wrong(world, 1) for _ in range(7)] == [30, 60, 120, 240, 480, 900, 900]
    with pytest.raises(RateLimited) as refused:
        await world.logins.login("USER@example.com", "secure_password", None, "203.0.113.9")
    world.clock.advance(seconds=refused.value.retry_after)
    await world.logins.login("user@example.com", "secure_password", None, "203.0.113.9")


async def test_a_stranger_who_guesses_does_not_lock_the_owner_out(world):
    await world.accounts.register("user@example.com", "secure_password", None, address="home")
    for number in range(2 * ACCOUNT.free):  # from many addresses, too
        await wrong(world, 1, address=f"198.51.100.{number}")
    await wrong(world, PAIR.free)
    await world.logins.login("user@example.com", "secure_password", None, "home")
    with pytest.raises(RateLimited) as refused:
        await world.logins.login("user@example.com", "secure_password", None, "elsewhere")
    assert refused.value.retry_after <= ACCOUNT.longest
    world.clock.advance(seconds=refused.value.retry_after)
    await world.logins.login("user@example.com", "secure_password", None, "elsewhere")
    await wrong(world, 1, address="198.51.100.7")
    await world.logins.login("user@example.com", "secure_password", None, "elsewhere")  # known now


async def test_one_address_that_tries_many_accounts_is_slowed(world):
    await world.accounts.register("user@example.com", "secure_password", None, address="office")
    for number in range(ADDRESS.free):
        await wrong(world, 1, address="office", email=f"{number}@example.com")
    with pytest.raises(RateLimited):
        await world.logins.login("other@example.com", "wrong", None, "office")
    await world.logins.login("user@example.com", "secure_password", None, "office")
    with pytest.raises(RateLimited):  # a login of one's own does not wash the address clean
        await world.logins.login("other@example.com", "wrong", None, "office")


@pytest.mark.parametrize("email", ["user@example.com", "nobody@example.com"])
async def test_waiting_tells_nothing_of_whether_there_is_an_account(world, email):
    await world.accounts.register("user@example.com", "secure_password", None)
    waits = [await wrong(world, 1, email=email) for _ in range(PAIR.free + 2)]
    assert waits == [0] * PAIR.free + [30, 60]


async def test_the_right_password_forgets_the_wrong_ones(world):
    await world.accounts.register("user@example.com", "secure_password", None, address="home")
    for _ in range(3):
        assert await wrong(world, PAIR.free - 1, address="home") == 0
        await world.logins.login("user@example.com", "secure_password", None, "home")


async def test_guesses_sent_at_once_are_counted_one_by_one(world):
    await world.accounts.register("user@example.com", "secure_password", None)
    matches = world.passwords.matches

    async def slow(password, hashed):
        await asyncio.sleep(0)
        return await matches(password, hashed)

    world.passwords.matches = slow
    guesses = [world.logins.login("user@example.com", f"guess {n}", None) for n in range(40)]
    told = await asyncio.gather(*guesses, return_exceptions=True)

    assert len(world.passwords.compared) == PAIR.free
    assert [type(one) for one in told].count(RateLimited) == 40 - PAIR.free


async def test_many_right_logins_at_once_all_get_in(world):
    await world.accounts.register("user@example.com", "secure_password", None)
    logins = [world.logins.login("user@example.com", "secure_password", None) for _ in range(30)]
    assert len({one.refresh_token for one in await asyncio.gather(*logins)}) == 30


async def test_a_login_enters_ones_own_workspace_never_an_older_one_that_took_one_in(world):
    owner = await world.owner("a@example.com")
    world.clock.advance(seconds=1)
    mine = await world.owner("b@example.com")
    world.clock.advance(seconds=1)
    await world.add(owner, "b@example.com", Role.VIEWER)

    async def entered(workspace_id):
        told = await world.logins.login("b@example.com", "secure_password", workspace_id)
        identity = world.mint.read(told.access_token)
        return identity.workspace_id, identity.role

    assert await entered(None) == (mine.workspace_id, Role.OWNER)
    assert await entered(mine.workspace_id) == (mine.workspace_id, Role.OWNER)
    assert await entered(owner.workspace_id) == (owner.workspace_id, Role.VIEWER)
    with pytest.raises(Unauthorized, match="ws_none"):
        await entered("ws_none")
    user = world.users.held[mine.user_id]
    world.users.held[mine.user_id] = replace(user, home=None)  # as accounts of before have none
    assert await entered(None) == (mine.workspace_id, Role.OWNER)


async def test_who_has_no_workspace_of_their_own_enters_the_one_joined_first(world):
    first, second = await world.owner("a@example.com"), await world.owner("b@example.com")
    await world.add(second, "c@example.com", Role.VIEWER)
    world.clock.advance(seconds=1)
    await world.add(first, "c@example.com", Role.VIEWER)
    told = await world.logins.login("c@example.com", "secure_password", None)
    assert world.mint.read(told.access_token).workspace_id == second.workspace_id


async def test_switching_gives_tokens_as_a_login_does_and_foreign_workspaces_are_not_found(world):
    owner = await world.owner("a@example.com")
    world.clock.advance(seconds=1)
    mine = await world.owner("b@example.com")
    world.clock.advance(seconds=1)
    await world.add(owner, "b@example.com", Role.VIEWER)

    listed = await world.logins.belongings(mine)
    assert [(one.workspace_id, one.role) for one in listed] == [
        (mine.workspace_id, Role.OWNER),
        (owner.workspace_id, Role.VIEWER),
    ]
    told = await world.logins.switch(mine, owner.workspace_id)
    there = world.mint.read(told.access_token)
    assert (there.workspace_id, there.role) == (owner.workspace_id, Role.VIEWER)
    assert there.session_id != mine.session_id
    await world.logins.refresh(told.refresh_token)
    for foreign in ("ws_none", (await world.owner("c@example.com")).workspace_id):
        with pytest.raises(NotFound):
            await world.logins.switch(mine, foreign)


async def test_a_login_that_has_ended_switches_nowhere(world):
    mine = await world.owner()
    await world.logins.logout(mine)
    with pytest.raises(Unauthorized):
        await world.logins.switch(mine, mine.workspace_id)


async def test_a_login_that_ends_while_it_switches_leaves_no_tokens(world):
    mine = await world.owner()

    async def log_out() -> None:
        await world.logins.logout(mine)

    world.workspaces.after_read = log_out
    with pytest.raises(Unauthorized):
        await world.logins.switch(mine, mine.workspace_id)
    assert not any(one.usable(world.clock.now) for one in world.sessions.held.values())
