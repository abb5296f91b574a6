"""Logging in: who is let in, what a wrong password is told, and how often one may guess."""

from dataclasses import replace

import pytest

from common.errors import NotFound, Unauthorized
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
