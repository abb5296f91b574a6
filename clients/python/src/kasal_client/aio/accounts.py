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

from .pages import AsyncPages
from .transport import AsyncTransport


class AsyncAuth:
    """The account that speaks."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def me(self) -> Me:
        """Return who speaks, in which workspace and with which role."""
        return await self._transport.get("/auth/me", Me)

    async def register(self, email: str, password: str, *, name: str | None = None) -> Registered:
        """Make an account with a workspace of its own, where the operator allows it."""
        body = without_none(email=email, password=password, name=name)
        return await self._transport.create("/auth/register", body, Registered, is_anonymous=True)

    def workspaces(self) -> AsyncPages[BelongingView]:
        """Return the workspaces that the account belongs to, oldest first."""
        return AsyncPages(self._transport, "/auth/workspaces", "workspaces", BelongingView)

    async def switch(self, workspace_id: str) -> LoggedIn:
        """Return tokens for another workspace of the account; this client stays in its own."""
        body = {"workspace_id": workspace_id}
        return LoggedIn.model_validate(
            await self._transport.json("POST", "/auth/switch", json=body)
        )

    async def logout(self) -> None:
        """End the session: its tokens stop working at once, everywhere."""
        await self._transport.json("POST", "/auth/logout")

    async def change_password(self, current: str, new: str) -> None:
        """Change the account's password."""
        body = {"current_password": current, "new_password": new}
        await self._transport.json("POST", "/auth/password", json=body)

    async def accept_invitation(
        self, token: str, *, password: str | None = None, name: str | None = None
    ) -> Me:
        """Join a workspace by the token of an invitation."""
        body = without_none(token=token, password=password, name=name)
        return Me.model_validate(
            await self._transport.json("POST", "/auth/invitations/accept", json=body)
        )


class AsyncApiKeys:
    """The workspace's API keys."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    def list(self) -> AsyncPages[ApiKeyView]:
        """Return the keys, newest first, without their secrets."""
        return AsyncPages(self._transport, "/auth/api-keys", "api_keys", ApiKeyView)

    async def create(self, name: str, *, role: str | None = None, **fields: Any) -> ApiKeyMade:
        """Make a key. `key` of what is returned is the secret, which is never shown again."""
        body = body_of(without_none(name=name, role=role), fields)
        return await self._transport.create("/auth/api-keys", body, ApiKeyMade)

    async def delete(self, key_id: str) -> None:
        """Revoke a key at once."""
        await self._transport.json("DELETE", f"/auth/api-keys/{segment(key_id)}")


class AsyncWorkspace:
    """The workspace that one is in: its people, its plan, its budget."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    def members(self) -> AsyncPages[MemberView]:
        """Return the members, newest first."""
        return AsyncPages(self._transport, "/workspace/members", "members", MemberView)

    async def update_member(self, member_id: str, role: str) -> MemberView:
        """Change a member's role."""
        path = f"/workspace/members/{segment(member_id)}"
        return MemberView.model_validate(
            await self._transport.json("PUT", path, json={"role": role})
        )

    async def remove_member(self, member_id: str) -> None:
        """Remove a member, or leave."""
        await self._transport.json("DELETE", f"/workspace/members/{segment(member_id)}")

    def invitations(self) -> AsyncPages[InvitationView]:
        """Return the invitations that wait."""
        return AsyncPages(self._transport, "/workspace/invitations", "invitations", InvitationView)

    async def invite(
        self, email: str, *, role: str | None = None, name: str | None = None
    ) -> InvitationMade:
        """Invite somebody. `token` of what is returned is for them, if no e-mail was sent."""
        body = without_none(email=email, role=role, name=name)
        return await self._transport.create("/workspace/invitations", body, InvitationMade)

    async def withdraw_invitation(self, invitation_id: str) -> None:
        """Withdraw an invitation."""
        await self._transport.json("DELETE", f"/workspace/invitations/{segment(invitation_id)}")

    async def update_plan(self, tier: str, limits: dict[str, int] | None = None) -> Plan:
        """Change the plan, where the operator allows it."""
        body = without_none(tier=tier, limits=limits)
        return Plan.model_validate(await self._transport.json("PUT", "/workspace/plan", json=body))

    async def budget(self) -> BudgetStatus:
        """Return the budget of the month, and what is spent of it."""
        return await self._transport.get("/workspace/budget", BudgetStatus)

    async def set_budget(
        self, *, max_cost_usd: float | None = None, max_tokens: int | None = None
    ) -> BudgetStatus:
        """Set the budget of each month, over all runs."""
        body = without_none(max_cost_usd=max_cost_usd, max_tokens=max_tokens)
        return BudgetStatus.model_validate(
            await self._transport.json("PUT", "/workspace/budget", json=body)
        )

    async def remove_budget(self) -> None:
        """Remove the budget."""
        await self._transport.json("DELETE", "/workspace/budget")
