"""Short-lived tokens for callers without a login: API keys, the sandbox, the services."""

import hmac

from auth.domain.logins.sessions import digest
from auth.domain.ports import ApiKeys, Clock, TokenMint, Workspaces
from auth.domain.tokens import sandbox
from auth.domain.tokens.identities import member_identity
from common.errors import Forbidden, Unauthorized
from common.identity import Identity, Role, TokenKind
from common.security.rotation import RotatingSecret
from common.security.tokens import API_KEY_PREFIX
from common.times import utc_now

SERVICE_TTL = 300
EXCHANGED_TTL = 60
_NOT_VALID = "The token is not valid."


class TokenIssuer:
    """Issues short-lived tokens."""

    def __init__(
        self,
        api_keys: ApiKeys,
        workspaces: Workspaces,
        mint: TokenMint,
        *,
        service_secret: str | RotatingSecret,
        sandbox_token: str | None,
        clock: Clock = utc_now,
    ) -> None:
        self._api_keys = api_keys
        self._workspaces = workspaces
        self._mint = mint
        self._secret = RotatingSecret.of(service_secret)
        self._sandbox = sandbox_token
        self._clock = clock

    def check_secret(self, shown: str) -> None:
        """Raise `Forbidden` unless `shown` is the services' secret: 401 is about the token in the body."""
        if not self.is_service(shown):
            raise Forbidden("The service secret is wrong.")

    def is_service(self, shown: str) -> bool:
        """Return whether `shown` is the services' secret."""
        return self._secret.accepts(shown)

    def service_token(self, service: str, workspace_id: str) -> str:
        """Return a token by which `service` may ask the others about one workspace."""
        name = f"service:{service}"
        return self._mint.mint(
            self._identity(name, workspace_id, Role.VIEWER, name, SERVICE_TTL, "service")
        )

    async def opaque(self, token: str) -> str:
        """Return a token for the holder of an API key or the sandbox token.

        Raises `Unauthorized` for any other. A key never has more than its maker's present role.
        """
        if self._sandbox is not None and _same(token, self._sandbox):
            return self._mint.mint(
                self._identity(
                    sandbox.USER, sandbox.WORKSPACE, sandbox.ROLE, sandbox.SESSION, EXCHANGED_TTL
                )
            )
        if not token.startswith(API_KEY_PREFIX):
            raise Unauthorized(_NOT_VALID)
        return await self._of_key(digest(token))

    async def _of_key(self, secret_hash: str) -> str:
        now = self._clock()
        key = await self._api_keys.by_hash(secret_hash)
        workspace = await self._workspaces.find(key.workspace_id) if key is not None else None
        if key is None or workspace is None or not workspace.has(key.user_id):
            raise Unauthorized(_NOT_VALID)
        if key.created_at < workspace.member(key.user_id).added_at:
            raise Unauthorized(_NOT_VALID)  # of an earlier membership, which has ended
        return self._mint.mint(
            member_identity(
                workspace,
                key.user_id,
                key.id,
                asked_at=now,
                lifetime=EXCHANGED_TTL,
                at_most=key.role,
            )
        )

    def _identity(
        self,
        user_id: str,
        workspace_id: str,
        role: Role,
        session_id: str,
        lifetime: int,
        kind: TokenKind = "access",
    ) -> Identity:
        now = int(self._clock().timestamp())
        return Identity(user_id, workspace_id, role, session_id, now, now + lifetime, kind)


def _same(shown: str, secret: str) -> bool:
    return hmac.compare_digest(shown.encode(), secret.encode())
