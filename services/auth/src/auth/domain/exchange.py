"""Tokens for those who have no login: holders of an API key, the sandbox, the services."""

import hmac
import time

from auth.domain.ports import ApiKeys, TokenMint, Workspaces
from auth.domain.sessions import hashed
from common.errors import Unauthorized
from common.identity import Identity, Role, TokenKind

SERVICE_TTL = 300
EXCHANGED_TTL = 60
SANDBOX_WORKSPACE = "ws_sandbox"
_SANDBOX_USER = "usr_sandbox"


class Exchange:
    """Gives short-lived tokens."""

    def __init__(
        self,
        api_keys: ApiKeys,
        workspaces: Workspaces,
        mint: TokenMint,
        *,
        service_secret: str,
        sandbox_token: str | None,
    ) -> None:
        self._api_keys = api_keys
        self._workspaces = workspaces
        self._mint = mint
        self._secret = service_secret
        self._sandbox = sandbox_token

    def check_secret(self, shown: str) -> None:
        """Raise `Unauthorized` unless `shown` is the services' secret."""
        if not hmac.compare_digest(shown.encode(), self._secret.encode()):
            raise Unauthorized("The service secret is wrong.")

    async def service_token(self, service: str, workspace_id: str) -> str:
        """Return a token by which `service` may ask the others about one workspace."""
        return await self._token(
            f"service:{service}", workspace_id, Role.VIEWER, f"service:{service}", "service"
        )

    async def opaque(self, token: str) -> str:
        """Return a token for the holder of an API key or the sandbox token.

        Raises `Unauthorized` for any other. A key never has more than its maker's present role.
        """
        if self._sandbox is not None and hmac.compare_digest(
            token.encode(), self._sandbox.encode()
        ):
            return await self._token(_SANDBOX_USER, SANDBOX_WORKSPACE, Role.ADMIN, "sandbox")
        key = await self._api_keys.by_hash(hashed(token))
        workspace = await self._workspaces.find(key.workspace_id) if key is not None else None
        if key is None or workspace is None:
            raise Unauthorized("The token is not valid.")
        role = min(key.role, workspace.role_of(key.user_id))
        return await self._token(key.user_id, key.workspace_id, role, key.id)

    async def _token(
        self,
        user_id: str,
        workspace_id: str,
        role: Role,
        session_id: str,
        kind: TokenKind = "access",
    ) -> str:
        now = int(time.time())
        lifetime = SERVICE_TTL if kind == "service" else EXCHANGED_TTL
        return await self._mint.mint(
            Identity(user_id, workspace_id, role, session_id, now, now + lifetime, kind)
        )
