"""A client of a served auth service."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from auth_testkit.world import SERVICE_SECRET

from devkit.serving import Served


@dataclass(frozen=True)
class Client:
    """Talks to a served auth service."""

    running: Served
    mongo: Mapping[str, Any]

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str = "",
        expect: int = 200,
        **more,
    ) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= more.pop("headers", {})
        async with self.running.http.request(
            method, path, json=body, headers=headers, **more
        ) as answer:
            text = await answer.text()
            assert answer.status == expect, f"{method} {path}: {answer.status} {text}"
            return await answer.json() if text else None

    async def register(self, email: str, password: str = "secure_password") -> Any:
        credentials = {"email": email, "password": password}
        return await self.call("POST", "/auth/register", credentials, expect=201)

    async def login(self, email: str, password: str = "secure_password", **more: Any) -> Any:
        credentials = {"email": email, "password": password, **more}
        return await self.call("POST", "/auth/login", credentials)

    async def owner(self, email: str = "user@example.com") -> str:
        """Return the access token of a newly registered owner."""
        await self.register(email)
        return (await self.login(email))["access_token"]

    async def join(self, owner: str, email: str, role: str = "editor", **more: Any) -> Any:
        """Have somebody, with an account or without, accept an invitation of `owner`'s."""
        body = {"email": email, "role": role}
        invited = await self.call("POST", "/workspace/invitations", body, token=owner, expect=201)
        accepted = {"token": invited["token"], "password": "secure_password", **more}
        return await self.call("POST", "/auth/invitations/accept", accepted)

    async def exchange(self, token: str, expect: int = 200) -> Any:
        headers = {"X-Kasal-Service-Secret": SERVICE_SECRET}
        path = "/internal/tokens/exchange"
        return await self.call("POST", path, {"token": token}, expect=expect, headers=headers)

    async def service_token(self, workspace_id: str = "*") -> str:
        headers = {"X-Kasal-Service-Secret": SERVICE_SECRET}
        body = {"service": "gateway", "workspace_id": workspace_id}
        told = await self.call("POST", "/internal/tokens/service", body, headers=headers)
        assert told["expires_in"] == 300
        return told["access_token"]

    async def revocations(self) -> list[dict[str, Any]]:
        token = await self.service_token()
        return (await self.call("GET", "/internal/revocations", token=token))["revocations"]


Start = Callable[..., AbstractAsyncContextManager[Client]]
