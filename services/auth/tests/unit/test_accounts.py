"""Registering, and what addresses and passwords may be."""

import pytest

from auth.config import Settings
from auth.domain.accounts.accounts import Accounts
from auth.domain.logins.revocations import LONGEST_ACCESS
from common.errors import Forbidden
from common.identity import Role


async def test_registering_makes_a_user_and_a_free_workspace_of_their_own(world):
    user, workspace = await world.accounts.register("Ann@Example.com", "12345678", None)
    assert (user.email, user.name) == ("Ann@example.com", "Ann")
    assert workspace.tier == "free"
    assert [(one.user_id, one.role) for one in workspace.members] == [(user.id, Role.OWNER)]
    assert user.password_hash == "hash of 12345678"


async def test_a_taken_address_is_answered_as_a_free_one_and_makes_nothing(world):
    first, _ = await world.accounts.register("a@example.com", "12345678", None)
    world.post.letters.clear()
    user, workspace = await world.accounts.register("A@EXAMPLE.com", "87654321", "Other")
    assert (user.email, user.name, workspace.name) == (
        "A@example.com",
        "Other",
        "Other's workspace",
    )
    assert list(world.users.held.values()) == [first]
    assert len(world.workspaces.held) == 1
    ((to, subject, _),) = world.post.letters
    assert (to, subject) == ("A@example.com", "You have an account already")
    for _ in range(5):
        await world.accounts.register("a@example.com", "87654321", None)
    assert len(world.post.letters) == 3  # a stranger cannot fill a mailbox


async def test_a_registration_that_was_cut_off_is_finished_by_the_first_login(world):
    user, workspace = await world.accounts.register("a@example.com", "12345678", "Ann")
    world.workspaces.held.clear()  # as if the process had died in between
    told = await world.logins.login("a@example.com", "12345678", None)
    assert world.mint.read(told.access_token).workspace_id == workspace.id == user.home
    assert world.workspaces.held[workspace.id].name == "Ann's workspace"


async def test_registration_can_be_switched_off(world):
    closed = Accounts(
        world.users, world.workspaces, world.passwords, world.letters, open_to_all=False
    )
    with pytest.raises(Forbidden):
        await closed.register("a@example.com", "12345678", None)
    assert world.users.held == {}


async def test_ensuring_twice_is_once_and_completes_what_is_missing(world):
    async def ensure(email="user@example.com"):
        return await world.accounts.ensure(
            email=email,
            password="secure_password",
            name="Demo",
            workspace_id="ws_demo",
            tier="pro",
            role=Role.OWNER,
        )

    first = await ensure()
    assert await ensure() == first
    second = await ensure("second@example.com")

    demo = world.workspaces.held["ws_demo"]
    assert demo.tier == "pro"
    assert [one.user_id for one in demo.members] == [first.id, second.id]


def test_no_setting_lets_tokens_outlive_their_revocation():
    longest = next(
        one.le for one in Settings.model_fields["access_ttl"].metadata if hasattr(one, "le")
    )
    assert longest == LONGEST_ACCESS.total_seconds()
