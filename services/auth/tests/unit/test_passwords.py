"""Changing a password, and setting a new one by a token."""

import pytest

from auth.domain.accounts import passwords as changes
from auth.domain.accounts.attempts import PAIR
from auth.domain.accounts.passwords import RESET_HOLDS, new_reset_token
from common.errors import Forbidden, InvalidRequest, NotFound, RateLimited, Unauthorized
from common.identity import Role

OLD, NEW = "secure_password", "a better password"


async def logged_in(world, password=OLD):
    told = await world.logins.login("user@example.com", password, None)
    return world.mint.read(told.access_token), told.refresh_token


async def test_a_new_password_ends_the_other_logins_and_not_this_one(world):
    await world.accounts.register("user@example.com", OLD, None)
    (mine, refresh), (other, others_refresh) = await logged_in(world), await logged_in(world)

    await world.password_changes.change(mine, OLD, NEW, "home")

    assert (world.doors.refuse(mine), world.doors.refuse(other)) == (False, True)
    await world.logins.refresh(refresh)
    with pytest.raises(Unauthorized):
        await world.logins.refresh(others_refresh)
    with pytest.raises(Unauthorized):
        await logged_in(world)
    await logged_in(world, NEW)


async def test_more_logins_than_can_be_ended_singly_are_ended_together(world, monkeypatch):
    monkeypatch.setattr(changes, "MOST_ENDED_ONE_BY_ONE", 2)
    await world.accounts.register("user@example.com", OLD, None)
    (mine, refresh), *others = [await logged_in(world) for _ in range(4)]
    await world.password_changes.change(mine, OLD, NEW, "home")
    assert all(world.doors.refuse(one) for one, _ in others)
    world.clock.advance(seconds=1)
    told = await world.logins.refresh(refresh)
    assert not world.doors.refuse(world.mint.read(told.access_token))


async def test_the_present_password_is_asked_for_and_cannot_be_guessed(world):
    await world.accounts.register("user@example.com", OLD, None)
    mine, _ = await logged_in(world)
    for _ in range(PAIR.free):
        with pytest.raises(InvalidRequest) as refused:
            await world.password_changes.change(mine, "wrong", NEW, "home")
        assert refused.value.details["field"] == "current_password"
    with pytest.raises(RateLimited):
        await world.password_changes.change(mine, OLD, NEW, "home")
    await logged_in(world)  # which shuts nobody out


async def test_an_api_key_and_an_ended_login_change_no_password(world):
    owner = await world.owner()
    _, secret = await world.workspace_keys.make(owner, "ci", Role.OWNER)
    key = world.mint.read(await world.exchange.opaque(secret))
    with pytest.raises(Forbidden):
        await world.password_changes.change(key, OLD, NEW, "home")
    await world.logins.logout(owner)
    with pytest.raises(Unauthorized):
        await world.password_changes.change(owner, OLD, NEW, "home")


async def test_a_login_with_a_password_that_is_just_being_replaced_does_not_last(world):
    owner = await world.owner()

    async def change() -> None:
        await world.password_changes.change(owner, OLD, NEW, "home")

    world.workspaces.after_read = change  # after the password was compared
    with pytest.raises(Unauthorized):
        await logged_in(world)
    usable = [one.id for one in world.sessions.held.values() if one.usable(world.clock.now)]
    assert usable == [owner.session_id]


async def test_a_forgotten_password_is_set_once_by_a_letter_to_the_stored_address(world):
    await world.accounts.register("User@example.com", OLD, None)
    mine, refresh = await logged_in(world)
    world.post.letters.clear()

    await world.password_changes.forgot("USER@Example.com")
    ((to, _, text),) = world.post.letters
    assert to == "User@example.com"
    token = text.split("\n\n")[2]
    await world.password_changes.reset(token, NEW)

    assert world.doors.refuse(mine)
    for refused in (world.logins.refresh(refresh), logged_in(world)):
        with pytest.raises(Unauthorized):
            await refused
    with pytest.raises(InvalidRequest) as used:
        await world.password_changes.reset(token, "another one")
    assert used.value.details["field"] == "token"
    await logged_in(world, NEW)


@pytest.mark.parametrize("spoil", ["expired", "newer", "changed", "forged", "of another"])
async def test_a_token_that_does_not_hold_sets_nothing(world, spoil):
    owner = await world.owner()
    token = await new_reset_token(world.users, "user@example.com", world.clock)
    if spoil == "expired":
        world.clock.advance(seconds=RESET_HOLDS.total_seconds())
    elif spoil == "newer":
        await new_reset_token(world.users, "user@example.com", world.clock)
    elif spoil == "changed":
        await world.password_changes.change(owner, OLD, "a third password", "home")
    elif spoil == "forged":
        token = f"{owner.user_id}.made-up"
    else:
        other = await world.owner("b@example.com")
        token = f"{other.user_id}.{token.partition('.')[2]}"
    before = dict(world.users.held)
    with pytest.raises(InvalidRequest):
        await world.password_changes.reset(token, NEW)
    assert world.users.held == before


async def test_who_is_unknown_gets_no_letter_and_nobody_too_many(world):
    await world.accounts.register("user@example.com", OLD, None)
    world.post.letters.clear()
    await world.password_changes.forgot("nobody@example.com")
    for _ in range(6):
        await world.password_changes.forgot("user@example.com")
    assert len(world.post.letters) == 3
    with pytest.raises(NotFound):
        await new_reset_token(world.users, "nobody@example.com")


async def test_a_reset_ends_the_keys_of_whoever_had_the_account_before(world):
    await world.accounts.register("user@example.com", OLD, None)
    squatter, _ = await logged_in(world)
    _, kept = await world.workspace_keys.make(squatter, "for later", Role.OWNER)
    await world.exchange.opaque(kept)
    token = await new_reset_token(world.users, "user@example.com", world.clock)

    await world.password_changes.reset(token, NEW)

    with pytest.raises(Unauthorized):
        await world.exchange.opaque(kept)
    mine, _ = await logged_in(world, NEW)
    assert await world.workspace_keys.all(mine) == []


async def test_a_reset_that_was_cut_off_can_be_repeated(world, monkeypatch):
    await world.owner()
    token = await new_reset_token(world.users, "user@example.com", world.clock)
    real = world.users.reset_password

    async def dies(*given):
        monkeypatch.setattr(world.users, "reset_password", real)
        raise ConnectionError

    monkeypatch.setattr(world.users, "reset_password", dies)
    with pytest.raises(ConnectionError):
        await world.password_changes.reset(token, NEW)
    await world.password_changes.reset(token, NEW)
    await logged_in(world, NEW)
