"""The service behind the gateway in its bench: one GET that needs a token and no store.

It is put together as every service is (`create_app`, its middleware, its token check), and stands
in for auth as far as the gateway asks it. Prints its port and a token, then serves.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import jwt
import uvloop
from fastapi import APIRouter, FastAPI, Request

from common.identity import ALL_WORKSPACES
from common.logs import configure_logging
from common.security.tokens import TokenVerifier
from common.telemetry import Telemetry
from common.web.access import Viewer
from common.web.http import create_app
from common.web.server import bind_tcp, on_stop_signal, server_for
from devkit.identity import KEY_ID, LocalKeys, TokenMaker

router = APIRouter()
_LIMITS = {"per_hour": 1_000_000_000, "per_minute": 1_000_000_000}
"""Out of reach, yet counted: both windows cost what they cost a paying workspace."""


@router.get("/auth/me")
async def me(identity: Viewer) -> dict[str, Any]:
    return {"id": identity.user_id, "workspace": {"id": identity.workspace_id}}


@router.get("/internal/revocations")
async def revocations() -> dict[str, Any]:
    return {"revocations": []}


@router.get("/internal/workspaces/{workspace_id}/plan")
async def plan(workspace_id: str) -> dict[str, Any]:
    return {"workspace_id": workspace_id, "tier": "pro", "limits": _LIMITS}


@router.post("/internal/tokens/service")
async def service_token(request: Request) -> dict[str, Any]:
    token = request.app.state.token(workspace_id=ALL_WORKSPACES, kind="service")
    return {"access_token": token, "expires_in": 300}


@router.get("/.well-known/jwks.json")
async def jwks(request: Request) -> dict[str, Any]:
    key = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(request.app.state.public_key))
    return {"keys": [{**key, "kid": KEY_ID, "alg": "ES256", "use": "sig"}]}


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    yield


async def main() -> None:
    configure_logging("INFO", "json")
    keys = LocalKeys()
    app = create_app(
        "auth",
        telemetry=Telemetry("auth"),
        routers=[router],
        lifespan=lifespan,
        checks={},
        verifier=TokenVerifier(keys),
    )
    app.state.public_key = keys.private.public_key()
    app.state.token = TokenMaker(keys)
    bound = bind_tcp("127.0.0.1", 0)
    server = server_for(app)
    on_stop_signal(server.stop)
    print(bound.getsockname()[1], app.state.token(), flush=True)
    await asyncio.gather(server.serve(sockets=[bound]))


if __name__ == "__main__":
    uvloop.run(main())
