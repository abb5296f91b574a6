"""The door's own copy of the unexpired revocations."""

import asyncio
from collections.abc import Iterable

from common.contracts.messages import SessionRevoked
from common.errors import KasalError, Unavailable
from common.identity import Identity
from common.logs import get_logger
from common.revocations import RevokedTokens
from gateway.domain.ports import RevocationSource

log = get_logger(__name__)

_LOADED_WITHIN = 2.0


class Revocations:
    """Filled from the bus as they happen, and from auth whenever some may have been missed."""

    def __init__(self, source: RevocationSource) -> None:
        self._source = source
        self._copy = RevokedTokens()
        self._loaded = asyncio.Event()
        self._missed = asyncio.Event()
        self._missed.set()

    def covers(self, identity: Identity) -> bool:
        """Return whether the copy knows that `identity`'s token was taken back."""
        return self._copy.cover(identity)

    def add(self, revoked: SessionRevoked) -> None:
        """Remember one revocation."""
        self._copy.add([revoked])

    async def loaded(self) -> None:
        """Return when the copy has been loaded at least once, which is nearly always at once.

        Raises `Unavailable` when that takes too long: what an empty copy does not cover may well
        have been taken back.
        """
        if self._loaded.is_set():
            return
        try:
            async with asyncio.timeout(_LOADED_WITHIN):
                await self._loaded.wait()
        except TimeoutError:
            raise Unavailable("Whether the token still holds is not known yet.") from None

    def missed(self) -> None:
        """Have the copy loaded anew: Redis or the bus was away, or Redis has lost its content."""
        self._missed.set()

    async def keep_loaded(self, pause: float = 2.0, prune_every: float = 60.0) -> None:
        """Load the copy now and whenever `missed` was called, until cancelled.

        At most every `pause` seconds; auth being away is tried again after the same time.
        """
        while True:
            await self._prompted(prune_every)
            if self._missed.is_set():
                self._missed.clear()
                await self._load()
                await asyncio.sleep(pause)

    async def _prompted(self, prune_every: float) -> None:
        try:
            async with asyncio.timeout(prune_every):
                await self._missed.wait()
        except TimeoutError:
            self._copy.prune()

    async def _load(self) -> None:
        try:
            found: Iterable[SessionRevoked] = await self._source.revocations()
        except KasalError as fault:
            log.warning("revocations could not be loaded", reason=fault.message)
            self._missed.set()
            return
        except Exception:
            log.exception("loading the revocations failed with a bug")
            self._missed.set()
            return
        self._copy.add(found)
        self._copy.prune()
        self._loaded.set()
