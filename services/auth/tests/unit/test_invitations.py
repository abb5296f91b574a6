"""Invitations: nobody gets in without the token and the address, nor is anybody taken in unasked."""

from datetime import timedelta

import pytest

from auth.domain.workspaces.belongings import MOST_BELONGINGS
from auth.domain.workspaces.invitation import HOLDS_FOR, MOST_INVITATIONS
from common.errors import Conflict, Forbidden, InvalidRequest, NotFound, Unauthorized
from common.identity import Role


def members(world, owner):
    return [one.email for one in world.workspaces.held[owner.workspace_id].members]


async def test_the_holder_of_the_address_joins_by_their_own_login(world):
    owner, bea = await world.owner(), await world.owner("bea@example.com")
    invited = await world.inviting.invite(owner, "BEA@example.com", Role.ADMIN)
    assert members(world, owner) == ["user@example.com"]

    user, workspace = await world.inviting.accept(bea, invited.token)

    assert (user.id, workspace.id) == (bea.user_id, owner.workspace_id)
    assert workspace.role_of(bea.user_id) is Role.ADMIN
    with pytest.raises(InvalidRequest):  # used up
        await world.inviting.accept(bea, invited.token)
    assert await world.inviting.waiting(owner) == []


@pytest.mark.parametrize("known", [False, True])
async def test_an_inviter_is_told_the_same_of_known_and_unknown_addresses(world, known):
    owner = await world.owner()
    if known:
        await world.owner("bea@example.com")
    invited = await world.inviting.invite(owner, "bea@example.com", Role.EDITOR)
    assert (invited.invitation.email, invited.mailed) == ("bea@example.com", True)
    assert members(world, owner) == ["user@example.com"]


async def test_an_inviter_captures_no_account_with_their_own_token(world):
    owner, bea = await world.owner(), await world.owner("bea@example.com")
    before = world.users.held[bea.user_id]
    invited = await world.inviting.invite(owner, "bea@example.com", Role.EDITOR)
    with pytest.raises(Unauthorized):
        await world.inviting.accept_as(invited.token, "the inviter's choice", "Bea", "office")
    with pytest.raises(Forbidden):
        await world.inviting.accept(owner, invited.token)
    assert world.users.held[bea.user_id].password_hash == before.password_hash
    assert members(world, owner) == ["user@example.com"]


async def test_who_registers_anothers_address_first_gets_nowhere_without_the_token(world):
    owner, squatter = await world.owner(), await world.owner("bea@example.com")
    await world.inviting.invite(owner, "bea@example.com", Role.ADMIN)
    told = await world.logins.login("bea@example.com", "secure_password", None)
    assert world.mint.read(told.access_token).workspace_id == squatter.workspace_id
    for text in ("", "x", "..", f"{owner.workspace_id}.inv_x.y", "ws_none.inv_x.y"):
        with pytest.raises(InvalidRequest):
            await world.inviting.accept(squatter, text)
    assert members(world, owner) == ["user@example.com"]


async def test_a_new_address_gets_an_account_with_a_password_of_its_own(world):
    owner = await world.owner()
    invited = await world.inviting.invite(owner, "bea@example.com", Role.EDITOR, "Bea")
    user, workspace = await world.inviting.accept_as(invited.token, "bea's own", None, "home")
    assert (user.name, workspace.id) == ("Bea", owner.workspace_id)
    told = await world.logins.login("bea@example.com", "bea's own", None)
    assert world.mint.read(told.access_token).workspace_id == owner.workspace_id


@pytest.mark.parametrize("cause", ["expired", "withdrawn", "replaced", "demoted", "removed"])
async def test_a_token_ends_with_what_it_stood_for(world, cause):
    owner = await world.owner()
    admin = await world.member(owner, "admin@example.com", Role.ADMIN)
    bea = await world.owner("bea@example.com")
    invited = await world.inviting.invite(admin, "bea@example.com", Role.ADMIN)
    if cause == "expired":
        world.clock.advance(seconds=HOLDS_FOR.total_seconds())
    elif cause == "withdrawn":
        await world.inviting.withdraw(owner, invited.invitation.id)
    elif cause == "replaced":
        await world.inviting.invite(owner, "Bea@example.com", Role.VIEWER)
    elif cause == "demoted":
        await world.memberships.set_role(owner, admin.user_id, Role.EDITOR)
    else:
        await world.memberships.remove(owner, admin.user_id)
    with pytest.raises(InvalidRequest):
        await world.inviting.accept(bea, invited.token)


@pytest.mark.parametrize("fall", [Role.ADMIN, Role.EDITOR, None])
async def test_what_an_inviter_may_not_give_ends_for_good(world, fall):
    owner = await world.owner()
    second = await world.member(owner, "second@example.com", Role.OWNER)
    bea, cid = await world.owner("bea@example.com"), await world.owner("cid@example.com")
    high = await world.inviting.invite(second, "bea@example.com", Role.OWNER)
    low = await world.inviting.invite(second, "cid@example.com", Role.ADMIN)
    if fall is None:
        await world.memberships.remove(owner, second.user_id)
        await world.member(owner, "second@example.com", Role.OWNER)
    else:
        await world.memberships.set_role(owner, second.user_id, fall)
        await world.memberships.set_role(owner, second.user_id, Role.OWNER)

    left = [one.email for one in await world.inviting.waiting(owner)]
    assert left == (["cid@example.com"] if fall is Role.ADMIN else [])
    with pytest.raises(InvalidRequest):
        await world.inviting.accept(bea, high.token)
    if fall is Role.ADMIN:
        await world.inviting.accept(cid, low.token)
    else:
        with pytest.raises(InvalidRequest):
            await world.inviting.accept(cid, low.token)


async def test_nobody_invites_above_their_own_role_nor_those_who_are_in(world):
    owner = await world.owner()
    admin = await world.member(owner, "admin@example.com", Role.ADMIN)
    with pytest.raises(Forbidden):
        await world.inviting.invite(admin, "new@example.com", Role.OWNER)
    with pytest.raises(Conflict):
        await world.inviting.invite(admin, "USER@example.com", Role.VIEWER)
    with pytest.raises(NotFound):
        await world.inviting.withdraw(await world.owner("c@example.com"), "inv_x")


async def test_an_api_key_accepts_nothing(world):
    owner, bea = await world.owner(), await world.owner("bea@example.com")
    invited = await world.inviting.invite(owner, "bea@example.com", Role.ADMIN)
    _, secret = await world.workspace_keys.make(bea, "ci", Role.OWNER)
    key = world.mint.read(await world.exchange.opaque(secret))
    with pytest.raises(Forbidden):
        await world.inviting.accept(key, invited.token)


async def test_invitations_and_memberships_are_bounded(world):
    owner = await world.owner()
    for number in range(MOST_INVITATIONS):
        await world.inviting.invite(owner, f"{number}@example.com", Role.VIEWER)
    with pytest.raises(Conflict):
        await world.inviting.invite(owner, "more@example.com", Role.VIEWER)
    await world.inviting.invite(owner, "7@example.com", Role.VIEWER)  # instead of the first
    world.clock.advance(seconds=HOLDS_FOR.total_seconds())
    invited = await world.inviting.invite(owner, "more@example.com", Role.VIEWER)

    bea = await world.owner("more@example.com")
    mine = world.workspaces.held[bea.workspace_id]
    for number in range(1, MOST_BELONGINGS):
        world.workspaces.held[f"ws_{number}"] = mine
    with pytest.raises(Conflict):
        await world.inviting.accept(bea, invited.token)


async def test_what_a_stranger_has_sent_by_mail_is_bounded(world):
    owner = await world.owner()
    world.post.letters.clear()
    mailed = []
    for _ in range(5):
        invited = await world.inviting.invite(owner, "bea@example.com", Role.VIEWER)
        mailed.append(invited.mailed)
        world.clock.now += timedelta(minutes=1)
    assert mailed == [True, True, True, False, False]
    assert [to for to, _, _ in world.post.letters] == ["bea@example.com"] * 3
    assert invited.token not in world.post.letters[-1][2]
    assert world.post.letters[-1][1] == "Invitation to user's workspace"


async def test_without_a_mail_server_the_token_is_handed_over(world):
    world.post.sends = False
    owner, bea = await world.owner(), await world.owner("bea@example.com")
    invited = await world.inviting.invite(owner, "bea@example.com", Role.VIEWER)
    assert not invited.mailed
    await world.inviting.accept(bea, invited.token)


async def test_a_letter_holds_no_lines_and_links_that_an_inviter_wrote(world):
    name = "Bank\n\nYour account is closed: https://evil.example/\u202e\x00"
    await world.accounts.register("user@example.com", "secure_password", name)
    told = await world.logins.login("user@example.com", "secure_password", None)
    owner = world.mint.read(told.access_token)
    await world.inviting.invite(owner, "bea@example.com", Role.VIEWER)
    _, subject, text = world.post.letters[-1]
    assert subject.startswith("Invitation to Bank Your account is closed:")
    for written in ("evil.example", "https://", "Bank\n", "\u202e", "\x00"):
        assert written not in subject + text
