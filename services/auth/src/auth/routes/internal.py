"""What the other services ask (docs/reference/internal-api.md)."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request

from auth.domain.tokens.issuer import EXCHANGED_TTL, SERVICE_TTL
from auth.routes.bodies import ExchangeRequest, Plan, ServiceTokenRequest, ShortToken
from auth.routes.use_cases import Use
from auth.routes.workspace import plan_of
from common.errors import Forbidden
from common.identity import ALL_WORKSPACES
from common.times import utc_now
from common.web.access import Overseer, bearer

router = APIRouter(prefix="/internal", include_in_schema=False)
Secret = Annotated[str, Header(alias="X-Kasal-Service-Secret")]


@router.post("/tokens/service")
async def service_token(body: ServiceTokenRequest, use: Use, secret: Secret = "") -> ShortToken:
    use.issuer.check_secret(secret)
    token = use.issuer.service_token(body.service, body.workspace_id)
    return ShortToken(access_token=token, expires_in=SERVICE_TTL)


@router.post("/tokens/exchange")
async def exchange_token(body: ExchangeRequest, use: Use, secret: Secret = "") -> ShortToken:
    use.issuer.check_secret(secret)
    token = await use.issuer.opaque(body.token)
    return ShortToken(access_token=token, expires_in=EXCHANGED_TTL)


@router.get("/revocations")
async def revocations(_: Overseer, use: Use) -> dict[str, Any]:
    unexpired = await use.revocations.list_unexpired(utc_now())
    return {"revocations": [entry.model_dump(mode="json") for entry in unexpired]}


@router.get("/workspaces/{workspace_id}/plan")
async def plan(workspace_id: str, request: Request, use: Use) -> Plan:
    # PeerService asks for a token of one workspace, Overseer for one of all: either will do here.
    identity = await request.app.state.verifier.verify(bearer(request))
    if identity.kind != "service" or identity.workspace_id not in {workspace_id, ALL_WORKSPACES}:
        raise Forbidden("This is for the platform's own services.")
    return plan_of(await use.memberships.workspace(workspace_id))
