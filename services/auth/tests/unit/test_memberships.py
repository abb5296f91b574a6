"""Covers: auth.domain.workspaces.editor"""

from datetime import UTC, datetime

import pytest

from auth.domain.workspaces.workspaces import Member, WorkspaceLimits
from common.errors import Conflict, Forbidden, InvalidRequest, NotFound, Unauthorized
from common.identity import Role

NOW = datetime(2024, 1, 15, tzinfo=UTC)


def member(number: int, role: Role) -> Member:
    return Member(f"usr_{number}", f"{number}@example.com", str(number), role, NOW)


async def test_only_an_enterprise_has_limits_of_its_own(world):
    owner = await world.owner()
    with pytest.raises(InvalidRequest) as refused:
        await world.memberships.set_plan(owner, "pro", WorkspaceLimits(1, 1))
    assert refused.value.details["field"] == "limits"


async def test_what_another_process_changed_meanwhile_is_kept(world):
    owner = await world.owner()
    await world.member(owner, "b@example.com", Role.EDITOR)

    async def meanwhile() -> None:
        await world.add(owner, "c@example.com", Role.EDITOR)

    world.workspaces.after_read = meanwhile
    await world.memberships.set_plan(owner, "pro", None)

    held = world.workspaces.held[owner.workspace_id]
    assert (held.tier, len(held.members)) == ("pro", 3)


async def test_somebody_who_is_no_member_is_not_found(world):
    owner = await world.owner()
    stranger = await world.owner("stranger@example.com")
    with pytest.raises(NotFound):
        await world.memberships.set_role(owner, stranger.user_id, Role.VIEWER)
    with pytest.raises(NotFound):
        await world.memberships.remove(owner, stranger.user_id)
    assert world.doors.told == []


async def test_a_role_that_stays_ends_nobodys_tokens(world):
    owner = await world.owner()
    member = await world.memberships.set_role(owner, owner.user_id, Role.OWNER)
    assert member.role is Role.OWNER
    assert world.doors.told == []


async def test_a_member_may_leave_and_the_last_owner_may_not(world):
    owner = await world.owner()
    viewer = await world.member(owner, "b@example.com", Role.VIEWER)
    other = await world.member(owner, "c@example.com", Role.VIEWER)
    with pytest.raises(Forbidden):
        await world.memberships.remove(viewer, other.user_id)
    with pytest.raises(Forbidden):
        await world.memberships.remove(viewer, "usr_none")
    with pytest.raises(Conflict):
        await world.memberships.remove(owner, owner.user_id)
    await world.memberships.remove(viewer, viewer.user_id)
    assert world.doors.refuse(viewer)
    assert not world.workspaces.held[owner.workspace_id].has(viewer.user_id)


async def test_a_key_of_low_role_does_not_remove_its_maker(world):
    owner = await world.owner()
    admin = await world.member(owner, "b@example.com", Role.ADMIN)
    _, secret = await world.workspace_keys.make(admin, "ci", Role.VIEWER)
    key = world.mint.read(await world.exchange.opaque(secret))
    with pytest.raises(Forbidden):
        await world.memberships.remove(key, admin.user_id)


async def test_an_old_login_does_not_come_back_with_a_new_membership(world):
    owner = await world.owner()
    await world.add(owner, "b@example.com", Role.EDITOR)
    told = await world.logins.login("b@example.com", "secure_password", owner.workspace_id)
    await world.memberships.remove(owner, world.mint.read(told.access_token).user_id)
    await world.add(owner, "b@example.com", Role.EDITOR)
    with pytest.raises(Unauthorized):
        await world.logins.refresh(told.refresh_token)
