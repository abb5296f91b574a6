"""Who one is: the account, API keys, workspaces, members."""

from __future__ import annotations

from typing import Any

from kasal_client.addresses import segment
from kasal_client.bodies import body_of, without_none
from kasal_client.models import (
    ApiKeyMade,
    ApiKeyView,
    BelongingView,
    BudgetStatus,
    InvitationMade,
    InvitationView,
    LoggedIn,
    Me,
    MemberView,
    Plan,
    Registered,
)

from .pages import Pages
from .transport import Transport


class Auth:
    """The account that speaks."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def me(self) -> Me:
        """Return who speaks, in which workspace and with which role."""
        return self._transport.get("/auth/me", Me)

    def register(self, email: str, password: str, *, name: str | None = None) -> Registered:
        """Make an account with a workspace of its own, where the operator allows it."""
        body = without_none(email=email, password=password, name=name)
        return self._transport.create("/auth/register", body, Registered, is_anonymous=True)

    def workspaces(self) -> Pages[BelongingView]:
        """Return the workspaces that the account belongs to, oldest first."""
        return Pages(self._transport, "/auth/workspaces", "workspaces", BelongingView)

    def switch(self, workspace_id: str) -> LoggedIn:
        """Return tokens for another workspace of the account; this client stays in its own."""
        body = {"workspace_id": workspace_id}
        return LoggedIn.model_validate(self._transport.json("POST", "/auth/switch", json=body))

    def logout(self) -> None:
        """End the session: its tokens stop working at once, everywhere."""
        self._transport.json("POST", "/auth/logout")

    def change_password(self, current: str, new: str) -> None:
        """Change the account's password."""
        body = {"current_password": current, "new_password": new}
        self._transport.json("POST", "/auth/password", json=body)

    def accept_invitation(
        self, token: str, *, password: str | None = None, name: str | None = None
    ) -> Me:
        """Join a workspace by the token of an invitation."""
        body = without_none(token=token, password=password, name=name)
        return Me.model_validate(
            self._transport.json("POST", "/auth/invitations/accept", json=body)
        )


class ApiKeys:
    """The workspace's API keys."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> Pages[ApiKeyView]:
        """Return the keys, newest first, without their secrets."""
        return Pages(self._transport, "/auth/api-keys", "api_keys", ApiKeyView)

    def create(self, name: str, *, role: str | None = None, **fields: Any) -> ApiKeyMade:
        """Make a key. `key` of what is returned is the secret, which is never shown again."""
        body = body_of(without_none(name=name, role=role), fields)
        return self._transport.create("/auth/api-keys", body, ApiKeyMade)

    def delete(self, key_id: str) -> None:
        """Revoke a key at once."""
        self._transport.json("DELETE", f"/auth/api-keys/{segment(key_id)}")


class Workspace:
    """The workspace that one is in: its people, its plan, its budget."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def members(self) -> Pages[MemberView]:
        """Return the members, newest first."""
        return Pages(self._transport, "/workspace/members", "members", MemberView)

    def update_member(self, member_id: str, role: str) -> MemberView:
        """Change a member's role."""
        path = f"/workspace/members/{segment(member_id)}"
        return MemberView.model_validate(self._transport.json("PUT", path, json={"role": role}))

    def remove_member(self, member_id: str) -> None:
        """Remove a member, or leave."""
        self._transport.json("DELETE", f"/workspace/members/{segment(member_id)}")

    def invitations(self) -> Pages[InvitationView]:
        """Return the invitations that wait."""
        return Pages(self._transport, "/workspace/invitations", "invitations", InvitationView)

    def invite(
        self, email: str, *, role: str | None = None, name: str | None = None
    ) -> InvitationMade:
        """Invite somebody. `token` of what is returned is for them, if no e-mail was sent."""
        body = without_none(email=email, role=role, name=name)
        return self._transport.create("/workspace/invitations", body, InvitationMade)

    def withdraw_invitation(self, invitation_id: str) -> None:
        """Withdraw an invitation."""
        self._transport.json("DELETE", f"/workspace/invitations/{segment(invitation_id)}")

    def update_plan(self, tier: str, limits: dict[str, int] | None = None) -> Plan:
        """Change the plan, where the operator allows it."""
        body = without_none(tier=tier, limits=limits)
        return Plan.model_validate(self._transport.json("PUT", "/workspace/plan", json=body))

    def budget(self) -> BudgetStatus:
        """Return the budget of the month, and what is spent of it."""
        return self._transport.get("/workspace/budget", BudgetStatus)

    def set_budget(
        self, *, max_cost_usd: float | None = None, max_tokens: int | None = None
    ) -> BudgetStatus:
        """Set the budget of each month, over all runs."""
        body = without_none(max_cost_usd=max_cost_usd, max_tokens=max_tokens)
        return BudgetStatus.model_validate(
            self._transport.json("PUT", "/workspace/budget", json=body)
        )

    def remove_budget(self) -> None:
        """Remove the budget."""
        self._transport.json("DELETE", "/workspace/budget")
