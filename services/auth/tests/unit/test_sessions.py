"""Refresh tokens: single use, the parent's grace, reuse, logout - against a model of them.

Covers: auth.domain.tokens.sandbox
"""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from auth.domain.logins.sessions import GRACE, MOST_SIBLINGS, RefreshToken
from common.errors import Forbidden, Unauthorized
from common.identity import Role


class RefreshModel(RuleBasedStateMachine):
    """One session of one user, its tokens used in any order at any time."""

    make_world = None
    tokens = Bundle("tokens")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.world = type(self).make_world()
        self.alive = True
        self.unused: dict[
            str, tuple[str, Any]
        ] = {}  # the token it came from, and when that was used
        self.shown: set[str] = set()

    def teardown(self) -> None:
        self.runner.close()

    @initialize(target=tokens)
    def log_in(self):
        async def logging_in():
            await self.world.accounts.register("user@example.com", "secure_password", None)
            return await self.world.logins.login("USER@example.com", "secure_password", None)

        told = self.runner.run(logging_in())
        self.identity = self.world.mint.read(told.access_token)
        now = self.world.clock.now
        self.expires_at = now + timedelta(seconds=self.world.lifetimes.refresh)
        self.unused = {told.refresh_token: ("", now)}
        self.shown = {told.refresh_token}
        return told.refresh_token

    @rule(target=tokens, token=tokens)
    def use(self, token):
        now = self.world.clock.now
        lifetime = timedelta(seconds=self.world.lifetimes.refresh)
        usable = self.alive and now < self.expires_at
        if usable and token in self.unused:
            if now >= self.unused[token][1] + lifetime:
                return self._refused(token)  # nobody used it for so long; the others go on
            fresh = self._taken(token)
            del self.unused[token]
            self._give(fresh, token, now)
            self.expires_at = now + lifetime
            return fresh
        siblings = [since for parent, since in self.unused.values() if parent == token]
        in_grace = siblings and now - siblings[0] <= GRACE
        if usable and in_grace and len(siblings) < MOST_SIBLINGS:
            fresh = self._taken(token)
            self._give(fresh, token, siblings[0])
            return fresh
        self.alive = self.alive and not usable
        return self._refused(token)

    def _give(self, fresh, parent, since):
        self.unused[fresh] = (parent, since)
        if len(self.unused) > MOST_SIBLINGS:
            del self.unused[min(self.unused, key=lambda one: self.unused[one][1])]

    @rule(token=tokens, part=st.sampled_from(["family", "own", "session"]))
    def use_forged(self, token, part):
        real = RefreshToken.read(token)
        forged = {
            "family": f"{real.session_id}.forged.{real.own}",
            "own": f"{real.session_id}.{'x' * 32}.forged",
            "session": f"ses_none.{real.family}.{real.own}",
        }[part]
        self._refused(forged)

    @rule(token=tokens)
    def use_stolen_family(self, token):
        real = RefreshToken.read(token)
        self._refused(f"{real.session_id}.{real.family}.never-given-out")
        self.alive = self.alive and self.world.clock.now >= self.expires_at

    @rule(seconds=st.sampled_from([0.5, 9.5, 10, 10.5, 86_400, 2_591_990, 2_592_000]))
    def wait(self, seconds):
        self.world.clock.advance(seconds=seconds)

    @rule()
    def log_out(self):
        self.runner.run(self.world.logins.logout(self.identity))
        self.alive = False

    @invariant()
    def doors_refuse_what_has_ended(self):
        if self.unused and not self.alive:
            assert all(self.world.doors.refuse(one) for one in self.world.mint.minted)
        elif self.unused:
            assert not any(self.world.doors.refuse(one) for one in self.world.mint.minted)

    def _taken(self, token):
        fresh = self.runner.run(self.world.logins.refresh(token)).refresh_token
        assert fresh not in self.shown
        self.shown.add(fresh)
        return fresh

    def _refused(self, token):
        with pytest.raises(Unauthorized, match="not valid any more"):
            self.runner.run(self.world.logins.refresh(token))
        return multiple()


def test_tokens_are_taken_as_the_model_says(make_world):
    machine = type("Machine", (RefreshModel,), {"make_world": staticmethod(make_world)})
    run_state_machine_as_test(machine, settings=settings(max_examples=120, stateful_step_count=25))


@pytest.mark.parametrize(("seconds", "taken"), [(0, True), (10, True), (10.001, False)])
async def test_the_parent_is_taken_again_for_ten_seconds_counted_from_its_use(
    world, seconds, taken
):
    await world.accounts.register("user@example.com", "secure_password", None)
    first = await world.logins.login("user@example.com", "secure_password", None)
    second = await world.logins.refresh(first.refresh_token)
    world.clock.advance(seconds=seconds / 2)
    if taken:
        await world.logins.refresh(first.refresh_token)  # does not begin another ten seconds
    world.clock.advance(seconds=seconds / 2)

    if taken:
        await world.logins.refresh(first.refresh_token)
        await world.logins.refresh(second.refresh_token)
    else:
        with pytest.raises(Unauthorized):
            await world.logins.refresh(first.refresh_token)
        with pytest.raises(Unauthorized):
            await world.logins.refresh(second.refresh_token)


async def test_a_grandparent_is_an_old_token_even_within_the_grace(world):
    await world.accounts.register("user@example.com", "secure_password", None)
    first = await world.logins.login("user@example.com", "secure_password", None)
    second = await world.logins.refresh(first.refresh_token)
    third = await world.logins.refresh(second.refresh_token)

    for old in (first, third):
        with pytest.raises(Unauthorized):
            await world.logins.refresh(old.refresh_token)


async def test_parallel_uses_of_one_token_all_get_one_within_the_grace(world):
    await world.accounts.register("user@example.com", "secure_password", None)
    first = await world.logins.login("user@example.com", "secure_password", None)

    told = await asyncio.gather(*(world.logins.refresh(first.refresh_token) for _ in range(8)))

    assert len({one.refresh_token for one in told}) == 8
    assert world.doors.told == []


async def test_too_many_siblings_end_the_session(world):
    await world.accounts.register("user@example.com", "secure_password", None)
    first = await world.logins.login("user@example.com", "secure_password", None)
    for _ in range(MOST_SIBLINGS):
        last = await world.logins.refresh(first.refresh_token)

    with pytest.raises(Unauthorized):
        await world.logins.refresh(first.refresh_token)
    with pytest.raises(Unauthorized):
        await world.logins.refresh(last.refresh_token)


@pytest.mark.parametrize("text", ["", "x", "..", "a.b", "a.b.c.d", "ses_x..y", "eyJ0eXAi.e.s"])
async def test_what_is_no_refresh_token_is_refused(world, text):
    with pytest.raises(Unauthorized):
        await world.logins.refresh(text)


async def test_refreshing_brings_the_new_role_at_once_and_ends_the_old_token(world):
    owner = await world.owner()
    await world.add(owner, "b@example.com", Role.EDITOR)
    first = await world.logins.login("b@example.com", "secure_password", owner.workspace_id)
    before = world.mint.read(first.access_token)

    await world.memberships.set_role(owner, before.user_id, Role.VIEWER)
    after = world.mint.read((await world.logins.refresh(first.refresh_token)).access_token)

    assert (before.role, after.role) == (Role.EDITOR, Role.VIEWER)
    assert world.doors.refuse(before)
    assert not world.doors.refuse(after)  # within the same second as the change


async def test_a_role_changed_while_refreshing_ends_the_token_that_was_made_with_the_old_one(world):
    owner = await world.owner()
    editor = await world.member(owner, "b@example.com", Role.EDITOR)
    told = await world.logins.login("b@example.com", "secure_password", owner.workspace_id)

    async def change() -> None:
        world.clock.advance(seconds=1.2)
        await world.memberships.set_role(owner, editor.user_id, Role.VIEWER)

    world.workspaces.after_read = change
    stale = world.mint.read((await world.logins.refresh(told.refresh_token)).access_token)

    assert stale.role is Role.EDITOR
    assert world.doors.refuse(stale)


async def test_two_changes_and_a_refresh_within_a_second_leave_no_stale_token(world):
    owner = await world.owner()
    member = await world.member(owner, "b@example.com", Role.ADMIN)
    told = await world.logins.login("b@example.com", "secure_password", owner.workspace_id)
    minted = []
    for role in (Role.EDITOR, Role.VIEWER, Role.EDITOR):
        await world.memberships.set_role(owner, member.user_id, role)
        told = await world.logins.refresh(told.refresh_token)
        minted.append(world.mint.read(told.access_token))

    assert [world.doors.refuse(one) for one in minted] == [True, True, False]


async def test_a_removed_member_can_neither_use_nor_refresh_tokens(world):
    owner = await world.owner()
    await world.add(owner, "b@example.com", Role.ADMIN)
    told = await world.logins.login("b@example.com", "secure_password", owner.workspace_id)
    member = world.mint.read(told.access_token)

    await world.memberships.remove(owner, member.user_id)

    assert world.doors.refuse(member)
    with pytest.raises(Unauthorized):
        await world.logins.refresh(told.refresh_token)


async def test_logout_ends_the_session_of_a_refresh_token_of_ones_own_too(world):
    mine = await world.owner()
    other = await world.logins.login("user@example.com", "secure_password", None)
    foreign = await world.accounts.register("b@example.com", "secure_password", None)
    theirs = await world.logins.login(foreign[0].email, "secure_password", None)

    await world.logins.logout(mine, theirs.refresh_token)
    await world.logins.logout(mine, other.refresh_token)

    await world.logins.refresh(theirs.refresh_token)
    with pytest.raises(Unauthorized):
        await world.logins.refresh(other.refresh_token)


async def test_a_session_id_alone_cannot_end_another_session(world):
    mine = await world.owner()
    other = await world.logins.login("user@example.com", "secure_password", None)
    session_id = RefreshToken.read(other.refresh_token).session_id

    await world.logins.logout(mine, f"{session_id}.made.up")

    await world.logins.refresh(other.refresh_token)


async def test_the_shared_sandbox_and_keys_cannot_be_logged_out(world):
    sandbox = world.mint.read(await world.exchange.opaque("SANDBOX_TOKEN"))
    with pytest.raises(Forbidden):
        await world.logins.logout(sandbox)
    assert world.doors.told == []


@given(order=st.permutations([0] * 6 + [1] * 6 + [2] * 6), lost=st.sets(st.integers(0, 17)))
@settings(max_examples=150)
def test_tabs_that_refresh_at_once_all_go_on_with_what_they_got(make_world, order, lost):
    """Each of three tabs begins with the same token; some answers are lost and asked for again."""

    async def play():
        world = make_world()
        await world.accounts.register("user@example.com", "secure_password", None)
        first = await world.logins.login("user@example.com", "secure_password", None)
        tabs = [(await world.logins.refresh(first.refresh_token)).refresh_token for _ in range(3)]
        used = []
        for step, tab in enumerate(order):
            answer = await world.logins.refresh(tabs[tab])
            if step in lost:
                world.clock.advance(seconds=1)
                answer = await world.logins.refresh(tabs[tab])
            used.append(tabs[tab])
            tabs[tab] = answer.refresh_token
            world.clock.advance(hours=5)
        assert world.doors.told == []
        with pytest.raises(Unauthorized):
            await world.logins.refresh(used[0])
        for tab in tabs:
            with pytest.raises(Unauthorized):
                await world.logins.refresh(tab)

    asyncio.run(play())
