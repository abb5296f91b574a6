"""Takes work from event loops to a thread, and the answers back: one wake-up for each loop and group."""

import asyncio
import threading
from collections import deque
from collections.abc import Iterable
from queue import Empty, SimpleQueue
from typing import Any

from pymongo.errors import AutoReconnect

from kasal_platform.embedded.sqlite.errors import too_late

MOST_WAITING = 10_000
"""Calls that may wait for a thread; further callers wait for room."""
MOST_BYTES = 64 * 1024 * 1024
"""Bytes that waiting calls may hold together. A call that is larger waits until it is alone."""


class QueuedWork:
    """Something to do and, unless nobody waits for it, the future of its caller."""

    __slots__ = ("answer", "size", "work")

    def __init__(self, work: Any, size: int, answer: "asyncio.Future[Any] | None") -> None:
        self.work = work
        self.size = size
        self.answer = answer

    @property
    def is_given_up(self) -> bool:
        """Say whether its caller was cancelled, or has waited long enough."""
        return self.answer is not None and self.answer.done()


Answer = tuple[QueuedWork, Any, BaseException | None]


class WorkLine:
    """Calls on their way to one thread, in order."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[QueuedWork | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._calls = 0
        self._bytes = 0
        self._for_room: deque[asyncio.Future[None]] = deque()
        self._closed = False

    async def ask(self, work: Any, size: int = 0, within: float | None = None) -> Any:
        """Return what the thread answers for `work`, which holds `size` bytes.

        Raises what it raises, `NetworkTimeout` after `within` seconds, and `AutoReconnect` once closed. A
        caller that gives up before its work has begun takes it back; work that has begun is carried out.
        """
        loop = asyncio.get_running_loop()
        until = None if within is None else loop.time() + within
        if not self._has_room(size):
            await self._wait_for_room(size, until, within)
        answer: asyncio.Future[Any] = loop.create_future()
        self._put(QueuedWork(work, size, answer))
        timer = None if until is None else loop.call_at(until, _expire, answer, within)
        try:
            return await answer
        finally:
            if timer is not None:
                timer.cancel()

    def _put(self, call: QueuedWork) -> None:
        with self._lock:
            if self._closed:
                raise AutoReconnect("The embedded database is closed.")
            self._calls += 1
            self._bytes += call.size
            self._queue.put(call)

    def _has_room(self, size: int) -> bool:
        return not self._calls or (self._calls < MOST_WAITING and self._bytes + size <= MOST_BYTES)

    async def _wait_for_room(self, size: int, until: float | None, within: float | None) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(until):
                while True:
                    with self._lock:
                        if self._has_room(size) or self._closed:
                            return
                        room = loop.create_future()
                        self._for_room.append(room)
                    await room
        except TimeoutError:
            raise too_late(within or 0) from None

    def next(self, timeout: float | None = None) -> QueuedWork | None:
        """Wait for a call; None once it is closed and empty. Raises `Empty` after `timeout` seconds."""
        return self._queue.get(timeout=timeout)

    def more(self, most: int, most_bytes: int) -> list[QueuedWork]:
        """Return the calls that wait already, none after which the line is closed."""
        found: list[QueuedWork] = []
        size = 0
        while len(found) < most and size < most_bytes:
            try:
                call = self._queue.get_nowait()
            except Empty:
                break
            if call is None:
                self._queue.put(None)
                break
            found.append(call)
            size += call.size
        return found

    @property
    def waiting_bytes(self) -> int:
        """The bytes of the calls that are not answered yet."""
        return self._bytes

    @property
    def is_closed(self) -> bool:
        """Say whether it takes no more calls."""
        return self._closed

    def fail_rest(self) -> None:
        """Answer what still waits after the thread has ended: nobody carries it out."""
        self.close()
        gone = AutoReconnect("The thread of the embedded database has ended.")
        while rest := self.more(MOST_WAITING, MOST_BYTES):
            self.answer([(call, None, gone) for call in rest])

    def close(self) -> None:
        """Take no more calls; the thread gets those that wait, and then None."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._queue.put(None)

    def answer(self, answers: Iterable[Answer]) -> None:
        """Hand the answers to their loops."""
        by_loop: dict[asyncio.AbstractEventLoop, list[Answer]] = {}
        with self._lock:
            for entry in answers:
                call = entry[0]
                if call.answer is not None:
                    self._calls -= 1
                    self._bytes -= call.size
                    by_loop.setdefault(call.answer.get_loop(), []).append(entry)
            waiting, self._for_room = self._for_room, deque()
        for loop, entries in by_loop.items():
            _call_in(loop, _deliver, entries)
        for room in waiting:
            _call_in(room.get_loop(), _set, room)


def _call_in(loop: asyncio.AbstractEventLoop, function: Any, argument: Any) -> None:
    if loop.is_closed():
        return
    try:
        loop.call_soon_threadsafe(function, argument)
    except RuntimeError:  # it was closed just now: nobody waits in it
        return


def _deliver(entries: list[Answer]) -> None:
    for call, value, fault in entries:
        answer = call.answer
        if answer is None or answer.done():
            continue
        if fault is None:
            answer.set_result(value)
        else:
            answer.set_exception(fault)


def _set(room: "asyncio.Future[None]") -> None:
    if not room.done():
        room.set_result(None)


def _expire(answer: "asyncio.Future[Any]", within: float | None) -> None:
    if not answer.done():
        answer.set_exception(too_late(within or 0))
