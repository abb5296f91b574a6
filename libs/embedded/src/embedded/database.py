"""The database of `make run`, watched: if it locks up it is killed and started again.

What it acknowledged is in its journal (`common.mongo.connect` asks for that), so killing it loses
nothing; the services connect again by themselves, and runs wait for it (`KASAL_STORE_PATIENCE`).
"""

import asyncio
import contextlib
import struct
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from urllib.parse import urlsplit

import bson

from common.local.program import LocalProgram, ProgramFailed
from common.logs import get_logger

log = get_logger(__name__)

MOST_RESTARTS = 3
WITHIN = 600.0
"""A database that locks up more often than that within so many seconds will not get well by it."""
_ASKS = 10
"""How often it is asked within the silence that it is allowed."""
_READY_WITHIN = 60.0

Ask = Callable[[], Awaitable[None]]
"""Returns when the database has answered, whatever it answered; raises `Unheard`."""
Questions = Callable[[], AbstractAsyncContextManager[Ask]]
Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]


class Unheard(Exception):  # noqa: N818 - it says what happened
    """The connection broke before there was an answer."""


_HEADER = struct.Struct("<iiii")
_OP_MSG = 2013
_NO_FLAGS_ONE_BODY = b"\0\0\0\0\0"
_WRITE = bson.encode(
    {
        "update": "beats",
        "updates": [{"q": {"_id": "watchdog"}, "u": {"$inc": {"count": 1}}, "upsert": True}],
        "writeConcern": {"w": 1, "j": True},
        "$db": "embedded",
    }
)
"""A write goes the way on which it has been seen to lock up; an answered `ping` only says that a thread
lives."""


class Line:
    """Asks by one write at a time, over a connection of its own (MongoDB's wire protocol, OP_MSG).

    PyMongo's client would not do: its monitors cut slow answers off, and it does not close while the
    other end stands still.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self) -> None:
        """Return when it has answered, whatever it answered. Raises `Unheard`."""
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self._port)
            reader, writer = self._streams
            body = _NO_FLAGS_ONE_BODY + _WRITE
            writer.write(_HEADER.pack(_HEADER.size + len(body), 1, 0, _OP_MSG) + body)
            length, *_ = _HEADER.unpack(await reader.readexactly(_HEADER.size))
            await reader.readexactly(length - _HEADER.size)
        except (OSError, EOFError) as fault:
            await self.close()
            raise Unheard(repr(fault)) from fault

    async def close(self) -> None:
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].transport.abort()
            with contextlib.suppress(OSError):
                await streams[1].wait_closed()


@asynccontextmanager
async def line(url: str) -> AsyncIterator[Ask]:
    """Return how the database at `url` is asked for a sign of life."""
    port = urlsplit(url).port
    assert port is not None  # noqa: S101 - `secantus.program` puts it there
    opened = Line(port)
    try:
        yield opened.ask
    finally:
        await opened.close()


async def silent(ask: Ask, limit: float, clock: Clock, sleep: Sleep) -> None:
    """Return once there has been no answer for `limit` seconds at a stretch.

    A slow answer is one too: a question stays open until it is answered or the time is up. Time that
    this process was not awake for (a suspended laptop, a starved loop) does not count.
    """
    pause = limit / _ASKS
    silence = 0.0
    question: asyncio.Future[None] | None = None
    try:
        while silence < limit:
            question = question or asyncio.ensure_future(ask())
            before = clock()
            await sleep(pause)
            silence += min(clock() - before, 2 * pause)
            if question.done():
                silence = silence if _unheard(question) else 0.0
                question = None
    finally:
        if question is not None:
            await _cancelled(question)


def _unheard(question: "asyncio.Future[None]") -> bool:
    fault = question.exception()
    if fault is not None and not isinstance(fault, Unheard):
        raise fault
    return fault is not None


class Database:
    """A running `program` that is started again when it has been silent for `limit` seconds."""

    def __init__(
        self,
        program: LocalProgram,
        limit: float,
        questions: Questions | None = None,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._program = program
        self._limit = limit
        self._questions = questions or (lambda: line(program.url))
        self._clock = clock
        self._sleep = sleep
        self._restarts: deque[float] = deque(maxlen=MOST_RESTARTS)

    async def lost(self) -> str:
        """Return, once it is lost for good, one line that says why.

        That is when it has ended by itself, cannot be started again, or locks up too often.
        """
        while True:
            async with self._questions() as ask:
                ended = await self._ended_or_silent(ask)
                if ended is not None:
                    return ended
                await self._kill()  # first: closing a connection waits for its other end
            if self._too_often():
                return (
                    f"{self._program.name} has locked up more than {MOST_RESTARTS} times "
                    f"within {WITHIN / 60:g} minutes; all that it acknowledged is kept."
                )
            try:
                await self._start_again()
            except ProgramFailed as fault:
                return str(fault)

    async def _ended_or_silent(self, ask: Ask) -> str | None:
        ended = asyncio.ensure_future(self._program.died())
        locked = asyncio.ensure_future(silent(ask, self._limit, self._clock, self._sleep))
        try:
            await asyncio.wait((ended, locked), return_when=asyncio.FIRST_COMPLETED)
            return ended.result() if ended.done() else locked.result()
        finally:
            await _cancelled(ended, locked)

    async def _kill(self) -> None:
        log.error(
            "the database has stopped answering and is killed",
            database=self._program.name,
            seconds=self._limit,
            pid=self._program.pid,
        )
        await asyncio.to_thread(self._program.kill)

    def _too_often(self) -> bool:
        now = self._clock()
        if len(self._restarts) == MOST_RESTARTS and now - self._restarts[0] < WITHIN:
            return True
        self._restarts.append(now)
        return False

    async def _start_again(self) -> None:
        self._program.start()  # in this thread: Linux ends a child with the one that started it
        await self._program.ready(_READY_WITHIN)
        log.warning(
            "the database has been started again",
            database=self._program.name,
            pid=self._program.pid,
        )


async def _cancelled(*tasks: "asyncio.Future[None] | asyncio.Future[str]") -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError, Unheard):
            await task
