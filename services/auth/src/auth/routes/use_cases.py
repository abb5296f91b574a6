"""The use cases that routes get from `wiring`, and dependencies that several routes share."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Response

from auth.domain.accounts.accounts import Accounts
from auth.domain.accounts.attempts import NOWHERE
from auth.domain.accounts.passwords import PasswordChanges
from auth.domain.errands import Errands
from auth.domain.logins.logins import Logins
from auth.domain.ports import Revocations
from auth.domain.tokens.issuer import TokenIssuer
from auth.domain.tokens.signing import KeyRing
from auth.domain.tokens.workspace_keys import WorkspaceKeys
from auth.domain.workspaces.invitations import Invitations
from auth.domain.workspaces.memberships import Memberships
from common.addresses import counted_as
from common.idempotency.keys import IdempotencyKeys


@dataclass(frozen=True)
class AuthUseCases:
    accounts: Accounts
    logins: Logins
    memberships: Memberships
    invitations: Invitations
    passwords: PasswordChanges
    errands: Errands
    issuer: TokenIssuer
    workspace_keys: WorkspaceKeys
    revocations: Revocations
    key_ring: KeyRing
    keys: IdempotencyKeys


async def use_cases(request: Request) -> AuthUseCases:
    """Return what the application was wired with.

    It is a coroutine because FastAPI would call a function on another thread.
    """
    held: AuthUseCases = request.app.state.use_cases
    return held


Use = Annotated[AuthUseCases, Depends(use_cases)]
"""Parameter type of what the routes use."""


async def _address(request: Request, use: Use) -> str:
    """Return the name under which the client's address is counted.

    The header is trusted only from the gateway, which shows the services' secret; for anybody else the
    connection's own address counts.
    """
    forwarded = request.headers.get("x-forwarded-for")
    if forwarded and use.issuer.is_service(request.headers.get("x-kasal-service-secret", "")):
        return counted_as(forwarded)
    return counted_as(request.client.host) if request.client else NOWHERE


ClientAddress = Annotated[str, Depends(_address)]
"""Parameter type of where a client is."""


async def _forbid_caching(response: Response) -> None:
    response.headers["Cache-Control"] = "no-store"


SECRET = [Depends(_forbid_caching)]
"""For answers that hold a secret: no cache keeps them (RFC 6749, section 5.1)."""
