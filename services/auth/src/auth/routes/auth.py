"""/auth and the key set."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from auth.domain.api_keys import ApiKey, made
from auth.routes.bodies import (
    CONFLICT,
    ApiKeyList,
    ApiKeyMade,
    ApiKeyRequest,
    ApiKeyView,
    Credentials,
    LoggedIn,
    Me,
    Refreshed,
    RefreshRequest,
    Registered,
    Registration,
    WorkspaceView,
)
from auth.routes.parts import Parts, parts
from common.access import Admin, Viewer
from common.errors import NotFound
from common.identity import ROLES
from common.models import Page
from common.times import utc_now

router = APIRouter(tags=["auth"])
Use = Annotated[Parts, Depends(parts)]


@router.post(
    "/auth/register", status_code=201, responses=CONFLICT, summary="Register a user and workspace"
)
async def register(body: Registration, use: Use) -> Registered:
    user = await use.accounts.register(body.email, body.password, body.name)
    return Registered(id=user.id, email=user.email, workspace_id=user.home)


@router.post("/auth/login", summary="Login with credentials")
async def login(body: Credentials, use: Use) -> LoggedIn:
    tokens = await use.logins.login(body.email, body.password, body.workspace_id)
    return LoggedIn(
        access_token=tokens.access_token,
        expires_in=tokens.expires_in,
        refresh_token=tokens.refresh_token,
        refresh_expires_in=tokens.refresh_expires_in,
    )


@router.post("/auth/refresh", summary="Refresh access token")
async def refresh(body: RefreshRequest, use: Use) -> Refreshed:
    tokens = await use.logins.refresh(body.refresh_token)
    return Refreshed(
        access_token=tokens.access_token,
        expires_in=tokens.expires_in,
        refresh_token=tokens.refresh_token,
    )


@router.post("/auth/logout", status_code=204, summary="Invalidate tokens")
async def logout(caller: Viewer, use: Use) -> None:
    await use.logins.logout(caller)


@router.get("/auth/me", summary="Who am I")
async def me(caller: Viewer, use: Use) -> Me:
    user, workspace = await use.accounts.me(caller)
    if workspace is None:
        raise NotFound("There is no such workspace.")
    return Me(
        id=caller.user_id,
        email=user.email if user else "",
        name=user.name if user else "Sandbox",
        role=caller.role.label,
        workspace=WorkspaceView(id=workspace.id, name=workspace.name, tier=workspace.tier),
    )


@router.get("/auth/api-keys", summary="List API keys")
async def list_api_keys(caller: Admin, page: Annotated[Page, Query()], use: Use) -> ApiKeyList:
    keys = await use.api_keys.of_workspace(caller.workspace_id)
    shown = keys[page.skip : page.skip + page.page_size]
    return ApiKeyList(
        api_keys=[ApiKeyView(**_fields(key)) for key in shown],
        total=len(keys),
        page=page.page,
        page_size=page.page_size,
    )


@router.post("/auth/api-keys", status_code=201, summary="Create an API key")
async def create_api_key(body: ApiKeyRequest, caller: Admin, use: Use) -> ApiKeyMade:
    role = ROLES[body.role]
    caller.require(role)
    key, secret = made(caller.workspace_id, caller.user_id, body.name, role, utc_now())
    await use.api_keys.add(key)
    return ApiKeyMade(**_fields(key), key=secret)


def _fields(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "role": key.role.label,
        "hint": key.hint,
        "created_at": key.created_at,
    }


@router.delete("/auth/api-keys/{key_id}", status_code=204, summary="Revoke an API key")
async def delete_api_key(key_id: str, caller: Admin, use: Use) -> None:
    if not await use.api_keys.remove(caller.workspace_id, key_id):
        raise NotFound(f"There is no API key {key_id}.")
    await use.revoker.session(key_id)


@router.get("/.well-known/jwks.json", summary="Public signing keys (RFC 7517)")
async def jwks(request: Request) -> dict[str, Any]:
    keys: dict[str, Any] = await parts(request).keys.jwks()
    return keys
