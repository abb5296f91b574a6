import asyncio

import pytest

from auth.domain.accounts.attempts import ACCOUNT, ADDRESS, PAIR
from common.errors import RateLimited, Unauthorized


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

    async def slow(password, digest):
        await asyncio.sleep(0)
        return await matches(password, digest)

    world.passwords.matches = slow
    guesses = [world.logins.login("user@example.com", f"guess {n}", None) for n in range(40)]
    told = await asyncio.gather(*guesses, return_exceptions=True)

    assert len(world.passwords.compared) == PAIR.free
    assert [type(one) for one in told].count(RateLimited) == 40 - PAIR.free


async def test_many_right_logins_at_once_all_get_in(world):
    await world.accounts.register("user@example.com", "secure_password", None)
    logins = [world.logins.login("user@example.com", "secure_password", None) for _ in range(30)]
    assert len({one.refresh_token for one in await asyncio.gather(*logins)}) == 30
