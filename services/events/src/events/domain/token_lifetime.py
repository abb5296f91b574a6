"""How long a connection may live on its token."""

import asyncio
import time
from collections.abc import Callable

from common.door.doorkeeper import Authenticator
from common.errors import KasalError, Unauthorized
from common.identity import Identity
from common.logs import get_logger
from common.security.tokens import is_opaque

log = get_logger(__name__)

_RETRY_AFTER = 5.0


class TokenLifetime:
    """Calls `on_end` when the token has expired.

    An opaque token (API key, sandbox) has no end of its own: it is exchanged again each time its
    JWT expires. While auth is away it stays valid, since revocations arrive another way.
    """

    def __init__(
        self,
        authenticator: Authenticator,
        token: str,
        identity: Identity,
        on_end: Callable[[], None],
    ) -> None:
        self.identity = identity
        self._authenticator = authenticator
        self._token = token
        self._on_end = on_end
        self._renewal: asyncio.Task[None] | None = None
        self._timer = self._timer_to_end()

    def close(self) -> None:
        """Stop watching the token."""
        self._timer.cancel()
        if self._renewal is not None:
            self._renewal.cancel()

    def _timer_to_end(self) -> asyncio.TimerHandle:
        left = max(0.0, self.identity.expires_at - time.time())
        return asyncio.get_running_loop().call_later(left, self._expire)

    def _expire(self) -> None:
        if is_opaque(self._token):
            self._renewal = asyncio.create_task(self._renew())
        else:
            self._on_end()

    async def _renew(self) -> None:
        try:
            self.identity = await self._authenticator.identify(self._token)
            self._timer = self._timer_to_end()
        except Unauthorized:
            self._on_end()
        except KasalError as fault:
            log.warning(
                "a token could not be exchanged again",
                workspace_id=self.identity.workspace_id,
                reason=fault.message,
            )
            self._try_again()
        except Exception:
            log.exception(
                "exchanging a token again failed with a bug",
                workspace_id=self.identity.workspace_id,
            )
            self._try_again()

    def _try_again(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_RETRY_AFTER, self._expire)
