"""Opaque tokens, exchanged at auth."""

from common.client import ServiceClient
from common.errors import Unavailable


class AuthExchange:
    """Auth's exchange of API keys and the sandbox token; a `TokenExchange`."""

    def __init__(self, auth: ServiceClient, secret: str) -> None:
        self._auth = auth
        self._secret = secret

    async def exchange(self, token: str) -> str:
        """Return a JWT for `token`. Raises `Unauthorized` or `Unavailable`."""
        told = await self._auth.request(
            "POST",
            "/internal/tokens/exchange",
            json={"token": token},
            headers={"X-Kasal-Service-Secret": self._secret},
        )
        try:
            return str(told["access_token"])
        except (KeyError, TypeError) as fault:
            raise Unavailable("Auth's answer cannot be understood.") from fault
