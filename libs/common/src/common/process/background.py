"""Work that runs in the background until it is done or its owner closes."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Self

from common.logs import get_logger
from common.process.backoff import Backoff
from common.process.cancellation import told_to_stop, unless_cut_off

log = get_logger(__name__)

_AGAIN = Backoff.doubling(0.5, 30.0)
_WELL_AFTER = 60.0
"""Seconds after which work that fails counts as having started well: its pauses are short again."""


class Background:
    """The tasks of one owner.

    It keeps a reference to each task, because the event loop does not and an unreferenced task may be
    garbage-collected before it ends. It logs their faults. Closing it cancels them and waits for their end.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def start(
        self, work: Coroutine[Any, Any, object], *, name: str, **ids: str
    ) -> asyncio.Task[None]:
        """Start `work`. A failure is logged with `ids`, and the task still ends normally."""
        task = self._add(_run_logged(work, name, ids), name)
        task.add_done_callback(lambda _: work.close())  # a task cancelled at once never awaits it
        return task

    def keep(
        self,
        work: Callable[[], Awaitable[object]],
        *,
        name: str,
        backoff: Backoff = _AGAIN,
    ) -> asyncio.Task[None]:
        """Keep `work` running: log a failure and start it again after a pause."""
        return self._add(_keep_running(work, name, backoff), name)

    def repeat(
        self,
        call: Callable[[], Awaitable[object]],
        *,
        every: float,
        name: str,
        at_once: bool = True,
    ) -> asyncio.Task[None]:
        """Await `call` repeatedly, with `every` seconds in between; the first time `at_once` or after a pause.

        A failure is logged and does not stop the repetition.
        """
        return self._add(_repeat(call, every, name, at_once=at_once), name)

    async def finish(self, timeout: float | None = None) -> None:
        """Wait until everything is done, for at most `timeout` seconds; then close."""
        if others := self._others():
            await asyncio.wait(others, timeout=timeout)
        await self.close()

    def cancel(self) -> None:
        """Cancel the remaining tasks, except the one that calls this."""
        for task in self._others():
            task.cancel()

    async def close(self) -> None:
        """Cancel the remaining tasks and wait for their end."""
        others = self._others()
        self.cancel()
        if others:
            await asyncio.wait(others)

    def _others(self) -> set[asyncio.Task[None]]:
        return {task for task in self._tasks if task is not asyncio.current_task()}

    def _add(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _run_logged(work: Coroutine[Any, Any, object], name: str, ids: dict[str, str]) -> None:
    try:
        await unless_cut_off(work)
    except Exception:
        log.exception("work in the background failed", work=name, **ids)


async def _keep_running(work: Callable[[], Awaitable[object]], name: str, backoff: Backoff) -> None:
    failures, loop = 0, asyncio.get_running_loop()
    while True:
        began = loop.time()
        try:
            await unless_cut_off(work())
        except Exception:
            failures = 1 if loop.time() - began >= _WELL_AFTER else failures + 1
            log.exception("work in the background failed and starts again", work=name)
        else:
            return
        if told_to_stop():  # a driver may make another fault of a cancellation
            return
        await asyncio.sleep(backoff.pause(failures))


async def _repeat(
    call: Callable[[], Awaitable[object]], every: float, name: str, *, at_once: bool
) -> None:
    if not at_once:
        await asyncio.sleep(every)
    while True:
        try:
            await unless_cut_off(call())
        except Exception:
            log.exception("work in the background failed and will be repeated", work=name)
        if told_to_stop():  # a driver may make another fault of a cancellation
            return
        await asyncio.sleep(every)
