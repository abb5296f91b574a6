"""When the database counts as locked up, and how often it is started again; on a clock of the test's."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kasal_platform.embedded.database import (
    MOST_RESTARTS,
    WITHIN,
    Ask,
    NoAnswer,
    WatchedDatabase,
    wait_for_silence,
)
from kasal_platform.local.program import ProgramFailed

LIMIT = 20.0


class Clock:
    """Time that passes only when it is slept; `then` tells what each further sleep really takes."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept = 0
        self.takes: Callable[[float], float] = lambda seconds: seconds

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        for _ in range(5):  # what can go on meanwhile does
            await asyncio.sleep(0)
        self.now += self.takes(seconds)
        self.slept += 1


async def reached(met: Callable[[], bool]) -> None:
    while not met():  # noqa: ASYNC110 - time is the test's own
        await asyncio.sleep(0)


class Server:
    """Answers each question after so many seconds; never with None, and not at all if `broken`."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.answers_after: float | None = 0.0
        self.broken = False
        self.asked = 0

    async def ask(self) -> None:
        self.asked += 1
        if self.broken:
            raise NoAnswer("connection refused")
        until = None if self.answers_after is None else self.clock.now + self.answers_after
        if until is None:
            await asyncio.Event().wait()
        await reached(lambda: self.clock.now >= until)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Server:
    return Server(clock)


async def watched(server: Server, sleeps: int) -> bool:
    """Say whether the server counts as locked up after so many sleeps."""
    clock = server.clock
    watching = asyncio.ensure_future(wait_for_silence(server.ask, LIMIT, clock, clock.sleep))
    until = clock.slept + sleeps
    await reached(lambda: clock.slept >= until or watching.done())
    if watching.done():
        watching.result()
        return True
    watching.cancel()
    return False


async def test_one_that_never_answers_is_found_when_the_time_is_up(server):
    server.answers_after = None
    assert await watched(server, 1_000)
    assert LIMIT <= server.clock.now <= LIMIT + 2
    assert server.asked == 1, "a question stays open"


async def test_one_that_refuses_connections_is_found_too(server):
    server.broken = True
    assert await watched(server, 1_000)
    assert server.clock.now <= LIMIT + 2
    assert server.asked > 5, "each is asked anew"


@pytest.mark.parametrize("seconds", [0.0, 3.0, LIMIT - 4])
async def test_one_that_answers_slowly_is_left_alone(server, seconds):
    server.answers_after = seconds
    assert not await watched(server, 1_000)
    assert server.asked > 50


async def test_a_break_of_the_connection_between_answers_is_nothing(server):
    clock = server.clock

    async def alternating() -> None:
        server.broken = not server.broken
        await server.ask()

    watching = asyncio.ensure_future(wait_for_silence(alternating, LIMIT, clock, clock.sleep))
    while clock.slept < 500:
        await asyncio.sleep(0)
        assert not watching.done()
    watching.cancel()


async def test_a_suspended_laptop_is_not_a_silent_database(server):
    server.answers_after = 2.0
    clock = server.clock
    clock.takes = lambda seconds: 3_600.0 if clock.slept % 3 == 0 else seconds
    assert not await watched(server, 300)


async def test_one_that_is_silent_after_a_suspension_is_found_within_the_time_awake(server):
    server.answers_after = None
    clock = server.clock
    clock.takes = lambda seconds: 3_600.0 if clock.slept == 0 else seconds
    assert await watched(server, 12)
    assert clock.slept > 5, "the hour asleep counted for little"


async def test_a_bug_of_the_question_is_not_taken_for_silence(clock):
    async def ask() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await wait_for_silence(ask, LIMIT, clock, clock.sleep)


class Program:
    """A program whose every run locks up when told to."""

    name = "Thing"
    url = "thing://"
    pid = 1
    folder = Path("/thing")

    def __init__(self) -> None:
        self.did: list[str] = []
        self.ended = asyncio.Event()
        self.gets_ready = True

    def kill(self) -> None:
        self.did.append("kill")

    def start(self) -> None:
        self.did.append("start")

    async def ready(self, seconds: float) -> None:
        if not self.gets_ready:
            raise ProgramFailed("Thing did not get ready in time")
        self.did.append("ready")

    async def wait_for_exit(self) -> str:
        await self.ended.wait()
        return "Thing has ended with 1"


AGAIN = ["kill", "start", "ready"]


def database(
    program: Program, server: Server, room: Callable[[], bool] = lambda: True
) -> WatchedDatabase:
    @asynccontextmanager
    async def questions() -> AsyncIterator[Ask]:
        yield server.ask

    return WatchedDatabase(program, LIMIT, questions, server.clock, server.clock.sleep, room)  # type: ignore[arg-type]


async def test_one_that_locks_up_again_and_again_is_given_up_with_one_line(server):
    program = Program()
    server.answers_after = None
    told = await database(program, server).wait_until_lost()
    assert told.startswith("Thing has locked up more than 3 times within 10 minutes")
    assert "\n" not in told
    assert program.did == [*AGAIN * MOST_RESTARTS, "kill"]


async def test_one_that_locks_up_now_and_then_is_started_again_each_time(server):
    program = Program()
    clock = server.clock
    server.answers_after = None
    clock.takes = lambda seconds: seconds if clock.slept % 12 else WITHIN / 2
    watching = asyncio.ensure_future(database(program, server).wait_until_lost())
    while len(program.did) < 10 * len(AGAIN):
        await asyncio.sleep(0.001)
        assert not watching.done()
    watching.cancel()


async def test_one_that_does_not_come_back_ends_it(server):
    program = Program()
    program.gets_ready = False
    server.answers_after = None
    assert await database(program, server).wait_until_lost() == "Thing did not get ready in time"
    assert program.did == ["kill", "start"]


async def test_one_that_ends_by_itself_is_not_started_again(server):
    program = Program()
    program.ended.set()
    assert await database(program, server).wait_until_lost() == "Thing has ended with 1"
    assert program.did == []


@pytest.mark.parametrize("ends", [True, False])
async def test_one_whose_disk_is_full_is_started_again_once_there_is_room(server, ends):
    """However often that happens, and whether it has ended by it or only fails."""
    program, rooms = Program(), [False, False, True] * (MOST_RESTARTS + 1)
    server.answers_after = None
    if ends:
        program.ended.set()
    watching = asyncio.ensure_future(
        database(program, server, lambda: rooms.pop(0) if rooms else True).wait_until_lost()
    )
    told = await watching
    assert ("ended with 1" if ends else "locked up more than") in told
    assert program.did.count("ready") >= MOST_RESTARTS + 1


async def test_one_that_cannot_start_on_a_full_disk_is_not_given_up(server):
    program, tries = Program(), 0
    server.answers_after = None

    def room() -> bool:
        nonlocal tries
        tries += 1
        program.gets_ready = tries > 6
        return tries not in {2, 4, 6}

    watching = asyncio.ensure_future(database(program, server, room).wait_until_lost())
    while "ready" not in program.did:
        await asyncio.sleep(0.001)
        assert not watching.done()
    watching.cancel()
