"""Requests of accounts and members that were cut off, and come again with their Idempotency-Key."""

import json

import pytest
from pydantic import BaseModel

from auth.domain.accounts.users import User
from common.errors import Conflict, Unauthorized, Unavailable
from common.idempotency.keys import GivenKey, IdempotencyKeys
from common.idempotency.once import Replayed
from common.identity import Role


class Body(BaseModel):
    name: str = "a body"


class Answer(BaseModel):
    text: str


def once():
    given = GivenKey("POST /somewhere", "a key")
    return IdempotencyKeys("a secret").once(given, "ws_1", Body(), lambda made: Answer(text="ok"))


@pytest.fixture
def cut_off(monkeypatch):
    """Have the next call of a method fail, `after` it has done its work or before."""

    def set_up(store, name, *, after):
        real = getattr(store, name)

        async def failing(*given):
            monkeypatch.setattr(store, name, real)
            if after:
                await real(*given)
            raise Unavailable

        monkeypatch.setattr(store, name, failing)

    return set_up


@pytest.mark.parametrize("after", [False, True])
async def test_a_registration_is_finished_once(world, cut_off, after):
    cut_off(world.users, "add", after=after)
    with pytest.raises(Unavailable):
        await world.accounts.register("a@example.com", "12345678", None, once())
    if after:
        with pytest.raises(Replayed) as replayed:
            await world.accounts.register("a@example.com", "12345678", None, once())
        assert json.loads(replayed.value.answer) == {"text": "ok"}
    else:
        await world.accounts.register("a@example.com", "12345678", None, once())
    (user,) = world.users.held.values()
    told = await world.logins.login("a@example.com", "12345678", None)  # makes what is missing
    assert world.mint.read(told.access_token).workspace_id == user.home
    assert len(await world.workspaces.of_user(user.id)) == 1


async def test_an_acceptance_that_was_cut_off_is_finished_with_the_same_password(world, cut_off):
    owner = await world.owner()
    invited = await world.inviting.invite(owner, "b@e.com", Role.EDITOR)
    cut_off(world.workspaces, "replace", after=False)
    with pytest.raises(Unavailable):
        await world.inviting.accept_as(invited.token, "12345678", None, "home")
    await world.inviting.accept_as(invited.token, "12345678", None, "home")
    workspace = await world.memberships.workspace(owner.workspace_id)
    assert [member.email for member in workspace.members] == ["user@example.com", "b@e.com"]


async def test_an_account_made_at_the_same_moment_keeps_its_password(world, monkeypatch):
    owner = await world.owner()
    invited = await world.inviting.invite(owner, "b@e.com", Role.EDITOR)
    add = world.users.add

    async def overtaken(user: User, receipt=None):
        monkeypatch.setattr(world.users, "add", add)
        await add(User("usr_faster", user.email, user.name, "hash of theirs", user.created_at))
        raise Conflict("This e-mail address has an account already.")

    monkeypatch.setattr(world.users, "add", overtaken)
    with pytest.raises(Unauthorized):
        await world.inviting.accept_as(invited.token, "12345678", None, "home")
    user, _ = await world.inviting.accept_as(invited.token, "theirs", None, "home")
    assert user.id == "usr_faster"


async def test_registering_a_taken_address_again_is_replayed_as_for_a_free_one(world):
    await world.accounts.register("a@example.com", "12345678", None)
    await world.accounts.register("a@example.com", "12345678", None, once())
    with pytest.raises(Replayed):
        await world.accounts.register("a@example.com", "12345678", None, once())
