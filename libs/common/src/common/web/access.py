"""Who calls a route: FastAPI dependencies that check the caller's token and role."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from common.errors import Forbidden, Unauthorized
from common.identity import ALL_WORKSPACES, Identity, Role
from common.logs import bind_workspace
from common.security import tokens
from common.security.tokens import TokenVerifier

_SCHEME = HTTPBearer(
    bearerFormat="JWT", auto_error=False, description="An access token, API key or sandbox token"
)


def bearer(request: Request) -> str:
    """Return the token of the `Authorization` header (RFC 6750). Raises `Unauthorized`."""
    given = request.headers.getlist("authorization")
    if len(given) > 1:
        raise Unauthorized("There is more than one Authorization header.")
    return tokens.bearer(given[0] if given else "")


async def _identity(request: Request, _: Annotated[object, Depends(_SCHEME)]) -> Identity:
    verifier: TokenVerifier = request.app.state.verifier
    identity = await verifier.verify(bearer(request))
    bind_workspace(identity.workspace_id)
    return identity


async def _caller(identity: Annotated[Identity, Depends(_identity)]) -> Identity:
    if identity.kind != "access":
        raise Unauthorized("A service token is not accepted here.")
    return identity


async def caller_of(request: Request) -> Identity | None:
    """Return the caller of a route that needs no token, or None. Raises for an invalid token."""
    if "authorization" not in request.headers:
        return None
    return await _caller(await _identity(request, None))


async def _service(identity: Annotated[Identity, Depends(_identity)]) -> Identity:
    if identity.kind != "service" or identity.workspace_id == ALL_WORKSPACES:
        raise Forbidden("This is for the platform's own services, for one workspace.")
    return identity


async def _overseer(identity: Annotated[Identity, Depends(_identity)]) -> Identity:
    if identity.kind != "service" or identity.workspace_id != ALL_WORKSPACES:
        raise Forbidden("This is for the platform's own services, for all workspaces.")
    return identity


def _at_least(role: Role) -> Callable[[Identity], Awaitable[Identity]]:
    async def check(identity: Annotated[Identity, Depends(_caller)]) -> Identity:
        identity.require(role)
        return identity

    return check


Viewer = Annotated[Identity, Depends(_caller)]
"""Parameter type of a public route that anyone of the workspace may call."""
Editor = Annotated[Identity, Depends(_at_least(Role.EDITOR))]
Admin = Annotated[Identity, Depends(_at_least(Role.ADMIN))]
Owner = Annotated[Identity, Depends(_at_least(Role.OWNER))]
PeerService = Annotated[Identity, Depends(_service)]
"""Parameter type of an `/internal/*` route: a service token for one workspace."""
Overseer = Annotated[Identity, Depends(_overseer)]
"""Parameter type of the `/internal/*` routes that answer for jobs of any workspace."""
