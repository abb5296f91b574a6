"""Auth as a door sees it: what it exchanges, and what it has revoked."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from common.contracts.messages import SessionRevoked
from common.errors import Unauthorized
from common.identity import Identity, Role
from common.security.tokens import sign
from devkit.identity import KEY_ID, LocalKeys


class FakeAuth:
    """A `TokenExchange` and `RevocationSource`. `key` is whom API keys speak for; None for no one.

    `faults` are raised in turn, before anything is answered; `gate` holds answers back.
    """

    def __init__(self, keys: LocalKeys) -> None:
        self._keys = keys
        now = int(time.time())
        self.key: Identity | None = Identity("usr_1", "ws_1", Role.EDITOR, "key_1", now, now + 60)
        self.listed: list[SessionRevoked] = []
        self.faults: list[Exception] = []
        self.exchanged: list[str] = []
        self.under_way = self.most_at_once = self.lists_read = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.read = asyncio.Event()

    async def exchange(self, token: str) -> str:
        self.exchanged.append(token)
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        try:
            await asyncio.sleep(0)
            await self.gate.wait()
        finally:
            self.under_way -= 1
        if self.faults:
            raise self.faults.pop(0)
        if self.key is None:
            raise Unauthorized("no")
        return sign(self.key, KEY_ID, self._keys.private)

    async def revocations(self) -> list[SessionRevoked]:
        self.lists_read += 1
        found = list(self.listed)
        self.read.set()
        await self.gate.wait()
        if self.faults:
            raise self.faults.pop(0)
        return found


@pytest.fixture
def auth(signing_keys: LocalKeys) -> FakeAuth:
    return FakeAuth(signing_keys)


@pytest.fixture
def revoked():
    """`revoked(session_id=…)`: a revocation of now, or of the second `at`."""

    def made(at: float | None = None, **who: str) -> SessionRevoked:
        now = datetime.now(UTC)
        moment = now if at is None else datetime.fromtimestamp(at, UTC)
        return SessionRevoked(revoked_at=moment, expires_at=now + timedelta(hours=1), **who)

    return made
