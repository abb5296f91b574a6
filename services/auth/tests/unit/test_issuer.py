"""API keys, the sandbox token and service tokens.

Covers: auth.domain.tokens.identities, auth.domain.tokens.workspace_keys
"""

import pytest

from auth.domain.tokens.api_keys import MOST_KEYS
from common.errors import Conflict, Forbidden, NotFound, Unauthorized
from common.identity import Role


async def test_a_key_speaks_for_its_maker_with_its_own_role(world):
    owner = await world.owner()
    key, secret = await world.workspace_keys.make(owner, "ci", Role.EDITOR)

    identity = world.mint.read(await world.exchange.opaque(secret))

    assert identity.user_id == owner.user_id
    assert identity.workspace_id == owner.workspace_id
    assert (identity.role, identity.session_id) == (Role.EDITOR, key.id)
    assert identity.expires_at - identity.issued_at == 60
    assert secret.startswith("kasal_")
    assert secret not in repr(key)


async def test_a_key_never_has_more_than_its_maker_has_now(world):
    owner = await world.owner()
    admin = await world.member(owner, "b@example.com", Role.ADMIN)
    _, secret = await world.workspace_keys.make(admin, "ci", Role.ADMIN)
    before = world.mint.read(await world.exchange.opaque(secret))

    await world.memberships.set_role(owner, admin.user_id, Role.VIEWER)
    after = world.mint.read(await world.exchange.opaque(secret))

    assert (before.role, after.role) == (Role.ADMIN, Role.VIEWER)
    assert (world.doors.refuse(before), world.doors.refuse(after)) == (True, False)


async def test_a_removed_members_keys_are_dead_and_stay_so(world):
    owner = await world.owner()
    admin = await world.member(owner, "b@example.com", Role.ADMIN)
    _, secret = await world.workspace_keys.make(admin, "ci", Role.ADMIN)

    await world.memberships.remove(owner, admin.user_id)
    world.clock.advance(seconds=1)
    await world.add(owner, "b@example.com", Role.ADMIN)

    with pytest.raises(Unauthorized):
        await world.exchange.opaque(secret)


async def test_a_key_of_an_earlier_membership_stays_dead(world):
    owner = await world.owner()
    admin = await world.member(owner, "b@example.com", Role.ADMIN)
    key, secret = await world.workspace_keys.make(admin, "ci", Role.ADMIN)
    await world.memberships.remove(owner, admin.user_id)
    world.api_keys.held[key.id] = key  # as if the process had died before it was revoked
    world.clock.advance(seconds=1)
    await world.add(owner, "b@example.com", Role.ADMIN)

    with pytest.raises(Unauthorized):
        await world.exchange.opaque(secret)


async def test_a_key_whose_maker_is_gone_is_dead_before_it_is_removed(world):
    owner = await world.owner()
    admin = await world.member(owner, "b@example.com", Role.ADMIN)
    key, secret = await world.workspace_keys.make(admin, "ci", Role.ADMIN)
    await world.memberships.remove(owner, admin.user_id)
    world.api_keys.held[key.id] = key  # as if the process had died in between

    with pytest.raises(Unauthorized):
        await world.exchange.opaque(secret)


async def test_a_revoked_key_ends_with_the_tokens_it_was_exchanged_for(world):
    owner = await world.owner()
    key, secret = await world.workspace_keys.make(owner, "ci", Role.EDITOR)
    token = world.mint.read(await world.exchange.opaque(secret))

    await world.workspace_keys.revoke(owner, key.id)

    assert world.doors.refuse(token)
    assert not world.doors.refuse(owner)
    with pytest.raises(Unauthorized):
        await world.exchange.opaque(secret)


async def test_keys_are_bounded_in_role_in_number_and_to_their_workspace(world):
    owner = await world.owner()
    admin = await world.member(owner, "b@example.com", Role.ADMIN)
    stranger = await world.owner("stranger@example.com")
    with pytest.raises(Forbidden):
        await world.workspace_keys.make(admin, "too much", Role.OWNER)
    for number in range(MOST_KEYS):
        key, _ = await world.workspace_keys.make(owner, str(number), Role.VIEWER)
    with pytest.raises(Conflict):
        await world.workspace_keys.make(owner, "one more", Role.VIEWER)
    with pytest.raises(NotFound):
        await world.workspace_keys.revoke(stranger, key.id)


@pytest.mark.parametrize(
    "token", ["", "kasal_", "kasal_nothing", "SANDBOX_TOKEN ", "sandbox_token"]
)
async def test_any_other_token_is_refused(world, token):
    with pytest.raises(Unauthorized):
        await world.exchange.opaque(token)


async def test_the_sandbox_token_leads_to_the_sandbox_and_to_nobodys_keys(world):
    await world.accounts.ensure_sandbox()
    caller = world.mint.read(await world.exchange.opaque("SANDBOX_TOKEN"))

    assert (caller.workspace_id, caller.role) == ("ws_sandbox", Role.ADMIN)
    user, workspace = await world.accounts.me(caller)
    assert (user.name, workspace.tier) == ("Sandbox", "free")
    for refused in (
        world.workspace_keys.make(caller, "mine", Role.VIEWER),
        world.workspace_keys.revoke(caller, "key_x"),
        world.inviting.invite(caller, "me@example.com", Role.ADMIN),
        world.inviting.withdraw(caller, "inv_x"),
        world.inviting.accept(caller, "ws_x.inv_x.secret"),
        world.logins.switch(caller, "ws_x"),
        world.password_changes.change(caller, "12345678", "87654321", "local"),
        world.memberships.remove(caller, "usr_x"),
        world.memberships.set_role(caller, "usr_x", Role.VIEWER),
    ):
        with pytest.raises(Forbidden):
            await refused
    assert world.users.held == {}


async def test_service_tokens_are_for_who_knows_the_secret(world):
    world.exchange.check_secret("a secret that the services share")
    for wrong in ("", "a secret", "ä secret that the services share"):
        with pytest.raises(Forbidden):
            world.exchange.check_secret(wrong)
    identity = world.mint.read(world.exchange.service_token("gateway", "*"))
    assert (identity.kind, identity.workspace_id) == ("service", "*")
    assert identity.expires_at - identity.issued_at == 300
