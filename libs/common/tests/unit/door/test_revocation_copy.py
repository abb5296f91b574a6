"""A door's copy of the revocations, and what it is asked beside Redis."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from common.door import revocations as module
from common.door.revocations import RevocationCheck, RevocationCopy, TokenRevoked
from common.errors import Unavailable
from common.identity import Identity, Role

WHO = Identity("usr_1", "ws_1", Role.VIEWER, "ses_1", 0, 2**40)


@asynccontextmanager
async def keeping(copy: RevocationCopy) -> AsyncIterator[None]:
    running = asyncio.create_task(copy.keep_loaded(pause=0.001))
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def changed(copy: RevocationCopy, prompt=lambda: None) -> None:
    """Wait for the copy's next change, which `prompt` is to bring about."""
    event = asyncio.Event()
    copy.on_change = event.set
    prompt()
    async with asyncio.timeout(60):
        await event.wait()


async def test_loading_goes_on_until_it_succeeds(auth, revoked):
    auth.listed = [revoked(session_id="ses_1")]
    auth.faults = [Unavailable("away"), RuntimeError("a bug")]
    copy = RevocationCopy(auth)
    async with keeping(copy):
        await changed(copy)
    assert copy.covers(WHO)
    assert auth.lists_read == 3


async def test_a_copy_that_is_outdated_while_it_is_loaded_is_loaded_again(auth, revoked):
    copy = RevocationCopy(auth)
    auth.gate.clear()
    async with keeping(copy):
        async with asyncio.timeout(60):
            await auth.read.wait()
        copy.reload()
        auth.listed = [revoked(session_id="ses_1")]  # after the list was read, its message lost
        await changed(copy, auth.gate.set)
        assert not copy.covers(WHO)
        await changed(copy)
        assert copy.covers(WHO)
        await changed(copy, copy.reload)
    assert auth.lists_read == 3, "it was read for nothing"


async def test_one_from_the_bus_counts_at_once_and_is_told(auth, revoked):
    copy = RevocationCopy(auth)
    await changed(copy, lambda: copy.add(revoked(session_id="ses_1")))
    assert copy.covers(WHO)


class Redis:
    """A `RevocationReader`; `meanwhile` happens while it is asked."""

    def __init__(self) -> None:
        self.found: bool | None = False
        self.meanwhile = lambda: None

    async def covers(self, _: Identity) -> bool:
        self.meanwhile()
        if self.found is None:
            raise Unavailable("away")
        return self.found


async def test_redis_says_who_is_revoked(auth):
    redis = Redis()
    check = RevocationCheck(RevocationCopy(auth), redis)
    await check.check(WHO)
    redis.found = True
    with pytest.raises(TokenRevoked):
        await check.check(WHO)


async def test_a_revocation_that_comes_while_redis_is_asked_counts(auth, revoked):
    redis, copy = Redis(), RevocationCopy(auth)
    redis.meanwhile = lambda: copy.add(revoked(session_id="ses_1"))
    with pytest.raises(TokenRevoked):
        await RevocationCheck(copy, redis).check(WHO)


async def test_without_redis_the_copy_decides_and_is_loaded_anew(auth, revoked):
    redis, copy = Redis(), RevocationCopy(auth)
    check = RevocationCheck(copy, redis)
    redis.found = None
    async with keeping(copy):
        await changed(copy)
        auth.listed = [revoked(session_id="ses_1")]
        event = asyncio.Event()
        copy.on_change = event.set
        await check.check(WHO)
        async with asyncio.timeout(60):
            await event.wait()
        with pytest.raises(TokenRevoked):
            await check.check(WHO)


async def test_nobody_is_let_in_on_a_copy_that_was_never_loaded(auth, monkeypatch):
    monkeypatch.setattr(module, "_LOADED_WITHIN", 0.01)
    redis, copy = Redis(), RevocationCopy(auth)
    redis.found = None
    with pytest.raises(Unavailable):
        await RevocationCheck(copy, redis).check(WHO)
    async with keeping(copy):
        await changed(copy)
        await RevocationCheck(copy, redis).check(WHO)
