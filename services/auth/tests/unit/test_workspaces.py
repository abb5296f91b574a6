"""Members, roles, the last owner, plans."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.domain.logins.revocations import REVOKED_FOR
from auth.domain.workspaces.workspaces import MOST_MEMBERS, Member, Workspace, WorkspaceLimits
from common.errors import Conflict, Forbidden, KasalError
from common.identity import Role

NOW = datetime(2024, 1, 15, tzinfo=UTC)


ROLE = st.sampled_from(list(Role))


def member(number: int, role: Role) -> Member:
    return Member(f"usr_{number}", f"{number}@example.com", str(number), role, NOW)


def workspace(*roles: Role) -> Workspace:
    members = tuple(member(number, role) for number, role in enumerate(roles))
    return Workspace("ws_1", "One", "free", None, members, NOW)


@given(
    st.lists(
        st.tuples(st.sampled_from(["add", "set", "remove"]), st.integers(0, 4), ROLE, ROLE),
        max_size=30,
    )
)
def test_whatever_is_tried_an_owner_stays_and_nobody_rises_above_who_raised_them(steps):
    held = workspace(Role.OWNER)
    for number, (step, who, role, by) in enumerate(steps):
        now = NOW + timedelta(seconds=number / 3)
        before = {one.user_id: one.role for one in held.members}
        try:
            if step == "add":
                held = held.with_member(member(who, role))
            elif step == "set":
                held = held.with_role(f"usr_{who}", role, by, now)
                assert max(before[f"usr_{who}"], role) <= by
            else:
                held = held.without_member(f"usr_{who}", by, now)
                assert before[f"usr_{who}"] <= by
        except KasalError:
            continue
        if step != "add":
            assert held.tokens_hold_from(f"usr_{who}") > int(now.timestamp())
        assert any(one.role is Role.OWNER for one in held.members)
        assert len({one.user_id for one in held.members}) == len(held.members)


def test_the_last_owner_can_be_neither_removed_nor_demoted():
    held = workspace(Role.OWNER, Role.ADMIN)
    with pytest.raises(Conflict):
        held.without_member("usr_0", Role.OWNER, NOW)
    with pytest.raises(Conflict):
        held.with_role("usr_0", Role.ADMIN, Role.OWNER, NOW)
    assert (
        held.with_role("usr_1", Role.OWNER, Role.OWNER, NOW)
        .without_member("usr_0", Role.OWNER, NOW)
        .has("usr_1")
    )


def test_an_admin_touches_no_owner_and_makes_none():
    held = workspace(Role.OWNER, Role.OWNER, Role.EDITOR)
    for change in (
        lambda: held.without_member("usr_0", Role.ADMIN, NOW),
        lambda: held.with_role("usr_0", Role.VIEWER, Role.ADMIN, NOW),
        lambda: held.with_role("usr_2", Role.OWNER, Role.ADMIN, NOW),
    ):
        with pytest.raises(Forbidden):
            change()


def test_shut_outs_are_forgotten_when_no_token_of_theirs_can_be_left():
    held = workspace(Role.OWNER, Role.EDITOR, Role.EDITOR)
    held = held.with_role("usr_1", Role.VIEWER, Role.OWNER, NOW)
    later = NOW + REVOKED_FOR + timedelta(seconds=1)
    held = held.with_role("usr_2", Role.VIEWER, Role.OWNER, later)
    assert [out.user_id for out in held.shut_outs] == ["usr_2"]


def test_a_workspace_has_only_so_many_seats():
    held = workspace(Role.OWNER, *[Role.VIEWER] * (MOST_MEMBERS - 1))
    with pytest.raises(Conflict):
        held.with_member(member(MOST_MEMBERS, Role.VIEWER))


@pytest.mark.parametrize(
    ("tier", "limits", "effective"),
    [
        ("free", None, WorkspaceLimits(1_000, 100)),
        ("pro", None, WorkspaceLimits(10_000, 1_000)),
        ("enterprise", None, None),
        ("enterprise", WorkspaceLimits(5, 2), WorkspaceLimits(5, 2)),
    ],
)
def test_limits_follow_the_tier(tier, limits, effective):
    assert workspace(Role.OWNER).with_plan(tier, limits).effective_limits() == effective
