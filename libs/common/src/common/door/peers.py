"""A door's calls to auth over HTTP; see docs/reference/internal-api.md."""

from pydantic import BaseModel

from common.client import ServiceClient, ServiceTokens, model_from_answer
from common.contracts.messages import SessionRevoked
from common.errors import KasalError, Unauthorized, Unavailable, UpstreamTimeout
from common.identity import ALL_WORKSPACES
from common.logs import get_logger

log = get_logger(__name__)


class _RevocationsAnswer(BaseModel):
    revocations: list[SessionRevoked]


class _ExchangeAnswer(BaseModel):
    access_token: str


class AuthPeer:
    """Auth's exchange of opaque tokens and its list of revocations.

    A `TokenExchange` and a `RevocationSource`.
    """

    def __init__(self, auth: ServiceClient, tokens: ServiceTokens, secret: str) -> None:
        self._auth = auth
        self._tokens = tokens
        self._secret = secret

    async def exchange(self, token: str) -> str:
        """Return a JWT for an opaque token.

        Raises `Unauthorized` if it is not valid, `Unavailable` if auth answers with any other error,
        such as that our service secret is wrong.
        """
        try:
            answer = await self._auth.request(
                "POST",
                "/internal/tokens/exchange",
                json={"token": token},
                headers={"X-Kasal-Service-Secret": self._secret},
            )
        except (Unauthorized, Unavailable, UpstreamTimeout):
            raise
        except KasalError as fault:
            log.warning("auth exchanges no tokens for this door", reason=fault.message)
            raise Unavailable("The token cannot be checked now.") from fault
        return model_from_answer(_ExchangeAnswer, answer, "auth").access_token

    async def revocations(self) -> list[SessionRevoked]:
        """Return the revocations that have not expired."""
        token = await self._tokens.token(ALL_WORKSPACES)
        answer = await self._auth.request("GET", "/internal/revocations", token=token)
        return model_from_answer(_RevocationsAnswer, answer, "auth").revocations
