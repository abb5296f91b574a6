"""What becomes of a revocation when Redis or the bus is away."""

import asyncio
from datetime import UTC, datetime

from auth.domain.logins.revocations import session_revocation
from auth.messaging.publishers import DoorAnnouncer
from common.bus import BusUnavailable, decode
from common.contracts.messages import SessionRevoked
from common.errors import Unavailable

NOW = datetime(2024, 1, 15, tzinfo=UTC)


class Copy:
    def __init__(self, changed: asyncio.Event) -> None:
        self.held: dict[str, SessionRevoked] = {}
        self.marked = False
        self.away = False
        self.changed = changed

    def lose(self) -> None:
        self.held, self.marked = {}, False

    async def write(self, revocations) -> None:
        if self.away:
            raise Unavailable("Redis does not answer.")
        self.held |= {str(one.session_id): one for one in revocations}
        self.changed.set()

    async def loaded(self) -> bool:
        if self.away:
            raise Unavailable("Redis does not answer.")
        return self.marked

    async def mark_loaded(self) -> None:
        self.marked = True
        self.changed.set()


class Bus:
    def __init__(self, changed: asyncio.Event) -> None:
        self.changed = changed
        self.sent: list[str | None] = []
        self.away = False

    async def publish(self, exchange, key, message) -> None:
        if self.away:
            raise BusUnavailable("The message broker is not connected.")
        self.sent.append(decode(message, SessionRevoked).session_id)
        self.changed.set()


class Truth:
    def __init__(self) -> None:
        self.held: list[SessionRevoked] = []
        self.fails = 0

    async def list_unexpired(self, now) -> list[SessionRevoked]:
        if self.fails:
            self.fails -= 1
            raise RuntimeError("the database is away")
        return list(self.held)


class Scene:
    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self.copy, self.bus, self.truth = Copy(self.changed), Bus(self.changed), Truth()
        self.announcer = DoorAnnouncer(
            self.copy, self.bus, self.truth, look_every=0.001, fill_every=60
        )

    async def revoke(self, session_id: str) -> None:
        revocation = session_revocation(session_id, NOW)
        self.truth.held.append(revocation)
        await self.announcer.announce(revocation)

    async def kept_until(self, done) -> None:
        task = asyncio.create_task(self.announcer.keep())
        async with asyncio.timeout(60):
            while not done():
                self.changed.clear()
                await self.changed.wait()
        task.cancel()


async def test_both_doors_are_told_at_once():
    scene = Scene()
    await scene.revoke("ses_1")
    assert list(scene.copy.held) == scene.bus.sent == ["ses_1"]


async def test_the_copy_is_filled_at_the_start_even_if_it_says_it_is_whole():
    scene = Scene()
    scene.truth.held.append(session_revocation("ses_1", NOW))
    scene.copy.marked = True
    await scene.kept_until(lambda: "ses_1" in scene.copy.held)


async def test_a_lost_copy_is_filled_again_and_marked():
    scene = Scene()
    await scene.revoke("ses_1")
    await scene.kept_until(lambda: scene.copy.marked)
    scene.copy.lose()
    await scene.kept_until(lambda: scene.copy.marked and "ses_1" in scene.copy.held)


async def test_what_a_copy_that_kept_its_content_missed_is_brought_later():
    scene = Scene()
    await scene.kept_until(lambda: scene.copy.marked)
    scene.copy.away = True
    await scene.revoke("ses_1")
    assert scene.bus.sent == ["ses_1"]
    scene.copy.away = False
    await scene.kept_until(lambda: "ses_1" in scene.copy.held)


async def test_what_the_bus_did_not_take_is_sent_later_once_and_in_order():
    scene = Scene()
    scene.bus.away = True
    await scene.revoke("ses_1")
    await scene.revoke("ses_2")
    assert list(scene.copy.held) == ["ses_1", "ses_2"]
    scene.bus.away = False
    await scene.kept_until(lambda: len(scene.bus.sent) == 2)
    assert scene.bus.sent == ["ses_1", "ses_2"]


async def test_keeping_goes_on_after_whatever_a_backend_raises():
    scene = Scene()
    scene.truth.held.append(session_revocation("ses_1", NOW))
    scene.truth.fails = 2
    await scene.kept_until(lambda: scene.copy.marked)
    assert list(scene.copy.held) == ["ses_1"]
