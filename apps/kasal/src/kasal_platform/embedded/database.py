"""Watches the database of `make run`: if it locks up or panics, it is killed and restarted.

If its disk is full, it is restarted once there is room again.

Acknowledged writes are in its journal (`common.storage.mongo.connect` asks for that), so killing it loses
nothing. The services reconnect by themselves, and runs wait for it (`KASAL_STORE_PATIENCE`).
"""

import asyncio
import contextlib
import os
import shutil
import struct
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import bson

from common.logs import get_logger
from common.process.backoff import Backoff
from kasal_platform.local.program import LocalProgram, ProgramFailed

log = get_logger(__name__)

MOST_RESTARTS = 3
WITHIN = 600.0
"""If a database locks up more often than `MOST_RESTARTS` within this many seconds, restarting does not help."""
_ASKS = 10
"""How often it is asked within the allowed silence."""
_READY_WITHIN = 60.0

Ask = Callable[[], Awaitable[None]]
"""Returns when the database has answered, whatever the answer; raises `NoAnswer`."""
Questions = Callable[[], AbstractAsyncContextManager[Ask]]
Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]


class NoAnswer(Exception):  # noqa: N818 - it says what happened
    """The connection broke before an answer, or the answer was that the storage has failed."""


_HEADER = struct.Struct("<iiii")
_OP_MSG = 2013
_PANIC = 1
"""The code of MongoDB's InternalError: its storage has failed, as on a full disk, and does not recover."""
_ROOM = 16 * 1024 * 1024
"""Bytes that must be free before it is restarted."""
_PROBE = 1024 * 1024
_NO_ROOM = Backoff((0.5, 1.0, 2.0, 5.0))
_NO_FLAGS_ONE_BODY = b"\0\0\0\0\0"
_WRITE = bson.encode(
    {
        "update": "beats",
        "updates": [{"q": {"_id": "watchdog"}, "u": {"$inc": {"count": 1}}, "upsert": True}],
        "writeConcern": {"w": 1, "j": True},
        "$db": "embedded",
    }
)
"""A write takes the path on which it has been seen to lock up; an answered `ping` only shows that a thread
is alive."""


class Line:
    """Probes the database with one write at a time, over its own connection (MongoDB's wire protocol).

    PyMongo's client is unsuitable: its monitors cut off slow answers, and it does not close while the
    other end hangs.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self) -> None:
        """Return when it has answered anything but a panic. Raises `NoAnswer`."""
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self._port)
            reader, writer = self._streams
            body = _NO_FLAGS_ONE_BODY + _WRITE
            writer.write(_HEADER.pack(_HEADER.size + len(body), 1, 0, _OP_MSG) + body)
            length, *_ = _HEADER.unpack(await reader.readexactly(_HEADER.size))
            answer = await reader.readexactly(length - _HEADER.size)
        except (OSError, EOFError) as fault:
            await self.close()
            raise NoAnswer(repr(fault)) from fault
        reply = bson.decode(answer[len(_NO_FLAGS_ONE_BODY) :])
        if any(entry.get("code") == _PANIC for entry in (reply, *reply.get("writeErrors", ()))):
            raise NoAnswer(f"it has panicked: {reply.get('errmsg')}")

    async def close(self) -> None:
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].transport.abort()
            with contextlib.suppress(OSError):
                await streams[1].wait_closed()


@asynccontextmanager
async def line(url: str) -> AsyncIterator[Ask]:
    """Yield the function that asks the database at `url` for a sign of life."""
    port = urlsplit(url).port
    assert port is not None  # noqa: S101 - `secantus.program` puts it there
    opened = Line(port)
    try:
        yield opened.ask
    finally:
        await opened.close()


async def wait_for_silence(ask: Ask, limit: float, clock: Clock, sleep: Sleep) -> None:
    """Return once there has been no answer for `limit` consecutive seconds.

    A slow answer counts: a question stays open until it is answered or the time is up. Time in which
    this process did not run (a suspended laptop, a starved loop) does not count.
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
                silence = silence if _is_unanswered(question) else 0.0
                question = None
    finally:
        if question is not None:
            await _cancel(question)


def _is_unanswered(question: "asyncio.Future[None]") -> bool:
    fault = question.exception()
    if fault is not None and not isinstance(fault, NoAnswer):
        raise fault
    return fault is not None


def has_room(folder: Path) -> bool:
    """Return whether there is room on the disk of `folder`; try it, since quotas are invisible."""
    try:
        if shutil.disk_usage(folder).free < _ROOM:
            return False
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(_PROBE))
            probe.flush()
            os.fsync(probe.fileno())
    except OSError:
        return False
    return True


class WatchedDatabase:
    """A running `program` that is restarted when it has been silent for `limit` seconds."""

    def __init__(
        self,
        program: LocalProgram,
        limit: float,
        questions: Questions | None = None,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        room: Callable[[], bool] | None = None,
    ) -> None:
        self._room = room or (lambda: has_room(program.folder))
        self._program = program
        self._limit = limit
        self._questions = questions or (lambda: line(program.url))
        self._clock = clock
        self._sleep = sleep
        self._restarts: deque[float] = deque(maxlen=MOST_RESTARTS)

    async def wait_until_lost(self) -> str:
        """Return, once it is lost for good, one line that says why.

        It is lost when it has ended by itself, cannot be restarted, or locks up too often. While its disk
        is full none of this counts: it waits.
        """
        while True:
            async with self._questions() as ask:
                ended = await self._ended_or_silent(ask)
                if ended is None:
                    await (
                        self._kill()
                    )  # before closing the connection, which waits for the other end
            waited = await self._until_room()
            if ended is not None and not waited:
                return ended
            if not waited and self._too_often():
                return (
                    f"{self._program.name} has locked up more than {MOST_RESTARTS} times "
                    f"within {WITHIN / 60:g} minutes; all that it acknowledged is kept."
                )
            fault = await self._restart()
            if fault is not None:
                return fault

    async def _ended_or_silent(self, ask: Ask) -> str | None:
        ended = asyncio.ensure_future(self._program.wait_for_exit())
        locked = asyncio.ensure_future(wait_for_silence(ask, self._limit, self._clock, self._sleep))
        try:
            await asyncio.wait((ended, locked), return_when=asyncio.FIRST_COMPLETED)
            return ended.result() if ended.done() else locked.result()
        finally:
            await _cancel(ended, locked)

    async def _kill(self) -> None:
        log.error(
            "the database stopped answering and is killed",
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

    async def _until_room(self) -> bool:
        """Wait until there is room for it; return whether that was needed."""
        waited = False
        pauses = _NO_ROOM.pauses()
        while not await asyncio.to_thread(self._room):
            if not waited:
                log.error(
                    "the database waits for room on its disk",
                    database=self._program.name,
                    folder=str(self._program.folder),
                    bytes_needed=_ROOM,
                )
            waited = True
            await self._sleep(next(pauses))
        return waited

    async def _restart(self) -> str | None:
        """Restart it as soon as its disk has room; return why that failed, or None."""
        while True:
            try:
                await self._start_again()
            except ProgramFailed as fault:
                if await self._until_room():
                    continue
                return str(fault)
            return None

    async def _start_again(self) -> None:
        self._program.start()  # in this thread: on Linux the child ends with the thread that started it
        await self._program.ready(_READY_WITHIN)
        log.warning(
            "the database was started again",
            database=self._program.name,
            pid=self._program.pid,
        )


async def _cancel(*tasks: "asyncio.Future[None] | asyncio.Future[str]") -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError, NoAnswer):
            await task
