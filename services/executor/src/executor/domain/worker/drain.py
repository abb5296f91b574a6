"""How a worker that stops ends its runs."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence

from common.logs import get_logger
from executor.domain.worker.job_run import JobRun

log = get_logger(__name__)

_NAMED = 20


class Drain:
    """Cuts off all `running` runs, each once its calls that must not be repeated have ended.

    `cancel` cuts off one run. Once `begun`, a run that is cut off hands its job back.
    """

    def __init__(self, running: Mapping[str, JobRun], cancel: Callable[[str], bool]) -> None:
        self.begun = False
        self._running = running
        self._cancel = cancel
        self._hastened = False
        self._moved = asyncio.Event()

    def look(self) -> None:
        """Look again: a run has begun or ended, or a reserved place was released."""
        self._moved.set()

    async def run(
        self,
        busy: Callable[[], bool],
        timeout: float,
        patience: float,
        on_wait: Callable[[Sequence[str]], None],
    ) -> None:
        """Cut off runs until the worker is no longer `busy`; the times are those of `Runs.drain`."""
        self.begun = True
        leaving: dict[str, asyncio.Task[None]] = {}
        await asyncio.sleep(0)  # a task that has not started would not hand its job back
        self._announce_wait(patience, on_wait)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout) as limit:
                while busy():
                    self._moved.clear()
                    for job_id in self._running.keys() - leaving.keys():
                        leave = self._leave(job_id, patience)
                        leaving[job_id] = asyncio.create_task(leave)
                    _adjust(limit, leaving.values(), timeout)
                    await self._moved.wait()
        for task in leaving.values():
            task.cancel()

    def hasten(self) -> None:
        """Stop waiting for calls."""
        self._hastened = True
        for run in self._running.values():
            if run.journal is not None:
                run.journal.effects.hasten()

    def _announce_wait(self, patience: float, on_wait: Callable[[Sequence[str]], None]) -> None:
        waiting = sorted(job_id for job_id, run in self._running.items() if _in_call(run))
        if waiting and patience and not self._hastened:
            log.warning(
                "the worker waits for calls that must not be made twice",
                jobs=waiting[:_NAMED],
                count=len(waiting),
                seconds=patience,
            )
            on_wait(waiting)

    async def _leave(self, job_id: str, patience: float) -> None:
        run = self._running.get(job_id)
        if run is not None and run.journal is not None:
            await run.journal.effects.close(0.0 if self._hastened else patience)
            if _in_call(run):
                log.warning("a call is cut off: its outcome will not be known", job_id=job_id)
        self._cancel(job_id)
        self.look()


def _in_call(run: JobRun) -> bool:
    return run.journal is not None and bool(run.journal.effects.under_way)


def _adjust(limit: asyncio.Timeout, leaving: Iterable[asyncio.Task[None]], timeout: float) -> None:
    """Let the timeout run only when no call is waited for: those have their own limit."""
    if not all(task.done() for task in leaving):
        limit.reschedule(None)
    elif limit.when() is None:
        limit.reschedule(asyncio.get_running_loop().time() + timeout)
