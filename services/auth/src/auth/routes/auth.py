"""/auth and the key set."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from auth.domain.accounts.accounts import Registered as RegisteredUser
from auth.domain.accounts.users import User, account_of
from auth.domain.logins.logins import TokenPair
from auth.domain.tokens.api_keys import ApiKey
from auth.domain.tokens.workspace_keys import Made
from auth.domain.workspaces.belongings import Belonging
from auth.domain.workspaces.workspaces import Workspace
from auth.routes.bodies import (
    ApiKeyList,
    ApiKeyMade,
    ApiKeyRequest,
    ApiKeyView,
    BelongingList,
    BelongingView,
    KeySet,
    LoggedIn,
    LoginRequest,
    LogoutRequest,
    Me,
    Refreshed,
    RefreshRequest,
    Registered,
    Registration,
    SwitchRequest,
    WorkspaceView,
)
from auth.routes.session_cookie import Cookie, SessionCookie
from auth.routes.use_cases import SECRET, ClientAddress, Use
from common.idempotency.header import IdempotencyKey, creating
from common.identity import ROLES, Identity, Role
from common.storage.cursors import Spot, milliseconds
from common.web.access import Admin, Viewer
from common.web.models import CursorPageQuery, failures

router = APIRouter(tags=["auth"])


@router.post(
    "/auth/register",
    status_code=201,
    responses=creating(201),
    summary="Register a user and workspace",
)
async def register(
    body: Registration, use: Use, key: IdempotencyKey, address: ClientAddress
) -> Registered:
    """An address that has an account already is answered in the same way, and nothing is made."""
    # Nobody is known here yet: a key is one account's, so that no stranger's can be met or tried.
    once = use.keys.once(key, account_of(body.email), body, _registration_answer)
    made = await use.accounts.register(body.email, body.password, body.name, once, address=address)
    return _registration_answer(made)


def _registration_answer(made: RegisteredUser) -> Registered:
    user, workspace = made
    return Registered(id=user.id, email=user.email, workspace_id=workspace.id)


@router.post(
    "/auth/login",
    dependencies=SECRET,
    response_model_exclude_none=True,
    responses=failures(403),
    summary="Login with credentials",
)
async def login(body: LoginRequest, use: Use, address: ClientAddress, cookie: Cookie) -> LoggedIn:
    if body.session:
        cookie.check_own_page()
    tokens = await use.logins.login(body.email, body.password, body.workspace_id, address)
    return _login_answer(tokens, cookie if body.session else None)


def _login_answer(tokens: TokenPair, cookie: SessionCookie | None) -> LoggedIn:
    if cookie is not None:
        cookie.keep(tokens)
    return LoggedIn(
        access_token=tokens.access_token,
        expires_in=tokens.expires_in,
        refresh_token=tokens.refresh_token if cookie is None else None,
        refresh_expires_in=tokens.refresh_expires_in,
    )


@router.post(
    "/auth/refresh",
    dependencies=SECRET,
    response_model_exclude_none=True,
    responses=failures(403),
    summary="Refresh access token",
)
async def refresh(body: RefreshRequest, use: Use, cookie: Cookie) -> Refreshed:
    if body.session:
        cookie.check_own_page()
    token = body.refresh_token or cookie.read()
    tokens = await use.logins.refresh(token, shared=body.refresh_token is None)
    if body.session:
        cookie.keep(tokens)
    return Refreshed(
        access_token=tokens.access_token,
        expires_in=tokens.expires_in,
        refresh_token=None if body.session else tokens.refresh_token,
    )


@router.post("/auth/logout", status_code=204, summary="Invalidate tokens")
async def logout(
    caller: Viewer, use: Use, cookie: Cookie, body: LogoutRequest | None = None
) -> None:
    told = body or LogoutRequest()
    kept = cookie.read_any() if told.session else None
    await use.logins.logout(caller, told.refresh_token)
    if kept is not None and await use.logins.end_own(caller, kept):
        cookie.clear()


@router.get("/auth/me", summary="Who am I")
async def me(caller: Viewer, use: Use) -> Me:
    user, workspace = await use.accounts.me(caller)
    return me_of(user, workspace, caller.role)


def me_of(user: User, workspace: Workspace, role: Role) -> Me:
    """Return who somebody is in a workspace."""
    return Me(
        id=user.id,
        email=user.email,
        name=user.name,
        role=role.label,
        workspace=WorkspaceView(id=workspace.id, name=workspace.name, tier=workspace.tier),
    )


@router.get("/auth/workspaces", summary="List my workspaces")
async def list_workspaces(
    caller: Viewer, page: Annotated[CursorPageQuery, Query()], use: Use
) -> BelongingList:
    belongings = await use.logins.belongings(caller)
    part = page.part(belongings, _spot, ("workspaces", caller.user_id), descending=False)
    return BelongingList(
        workspaces=[_belonging(belonging, caller) for belonging in part.shown],
        total=part.total,
        page=page.page,
        page_size=page.page_size,
        next=part.next,
    )


def _spot(one: Belonging) -> Spot:
    return milliseconds(one.joined_at), one.workspace_id


def _belonging(one: Belonging, caller: Identity) -> BelongingView:
    return BelongingView(
        id=one.workspace_id,
        name=one.name,
        tier=one.tier,
        role=one.role.label,
        current=one.workspace_id == caller.workspace_id,
        joined_at=one.joined_at,
    )


@router.post(
    "/auth/switch",
    dependencies=SECRET,
    response_model_exclude_none=True,
    responses=failures(404),
    summary="Enter another of my workspaces",
)
async def switch(body: SwitchRequest, caller: Viewer, use: Use, cookie: Cookie) -> LoggedIn:
    if body.session:
        cookie.check_own_page()
    tokens = await use.logins.switch(caller, body.workspace_id)
    return _login_answer(tokens, cookie if body.session else None)


@router.get("/auth/api-keys", summary="List API keys")
async def list_api_keys(
    caller: Admin, page: Annotated[CursorPageQuery, Query()], use: Use
) -> ApiKeyList:
    keys = await use.workspace_keys.all(caller)
    part = page.part(keys, lambda key: (0, key.id), ("api-keys", caller.workspace_id))
    return ApiKeyList(
        api_keys=[ApiKeyView(**_fields(key)) for key in part.shown],
        total=part.total,
        page=page.page,
        page_size=page.page_size,
        next=part.next,
    )


@router.post(
    "/auth/api-keys",
    status_code=201,
    responses=creating(201),
    dependencies=SECRET,
    summary="Create an API key",
)
async def create_api_key(
    body: ApiKeyRequest, caller: Admin, use: Use, key: IdempotencyKey
) -> ApiKeyMade:
    once = use.keys.once_for(caller.user_id, key, caller.workspace_id, body, _key_answer)
    return _key_answer(await use.workspace_keys.make(caller, body.name, ROLES[body.role], once))


def _key_answer(made: Made) -> ApiKeyMade:
    key, secret = made
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
    await use.workspace_keys.revoke(caller, key_id)


@router.get("/.well-known/jwks.json", summary="Public signing keys (RFC 7517)")
async def jwks(use: Use, response: Response) -> KeySet:
    response.headers["Cache-Control"] = "public, max-age=60"
    return KeySet(keys=use.key_ring.public_keys())
