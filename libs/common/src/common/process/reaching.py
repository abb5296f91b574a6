"""Waiting at startup for a backend that is down, so that no supervisor has to restart the process."""

import asyncio
from collections.abc import Awaitable, Callable

from common.errors import Unavailable
from common.logs import get_logger
from common.storage.mongo import is_away

log = get_logger(__name__)

_RETRY = 0.5


async def wait_for_backend(backend: str, call: Callable[[], Awaitable[None]]) -> None:
    """Repeat `call` while it fails because its backend is down. Log once that it waits."""
    waiting = False
    while True:
        try:
            return await call()
        except Exception as fault:
            if not (isinstance(fault, Unavailable) or is_away(fault)):
                raise
            if not waiting:
                log.warning("waiting for a backend", backend=backend, reason=str(fault)[:300])
            waiting = True
            await asyncio.sleep(_RETRY)
