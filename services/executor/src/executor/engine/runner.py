"""Runs crews: implements `CrewRunner`."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from opentelemetry.trace import NoOpTracer, Tracer

from common.times import utc_now
from executor.domain.inputs.lists import MOST_ITEMS
from executor.domain.log.journal import Job, Journal
from executor.domain.meters import Meters, NoMeters
from executor.engine.faults import NeedsInput, RunFault
from executor.engine.history import Progress, fold
from executor.engine.memory import Remembrance
from executor.engine.ports import (
    DeltaSink,
    MemorySink,
    ModelSource,
    NoDeltas,
    NoMemory,
    NoPurses,
    Purses,
    ToolSource,
)
from executor.engine.run import Run
from executor.engine.shared import Shared
from executor.engine.tape import Tape
from executor.engine.trace import Trace

_LONG = 500
"""Events above which a log is read on a thread: others run meanwhile."""


class Engine:
    """Runs jobs with the given models, tools and memory. One engine runs any number concurrently.

    `most_items` is the operator's limit for lists that tasks are done for.
    """

    def __init__(
        self,
        models: ModelSource,
        toolbox: ToolSource,
        memory: MemorySink,
        *,
        tracer: Tracer | None = None,
        clock: Callable[[], datetime] = utc_now,
        meters: Meters | None = None,
        most_items: int = MOST_ITEMS,
        deltas: DeltaSink | None = None,
        purses: Purses | None = None,
    ) -> None:
        self._models = models
        self._toolbox = toolbox
        self._memory = memory
        self._tracer = tracer or NoOpTracer()
        self._clock = clock
        self._meters = meters or NoMeters()
        self._most_items = most_items
        self._deltas = deltas or NoDeltas()
        self._purses = purses or NoPurses()

    async def run(self, job: Job, journal: Journal) -> None:
        """Run `job` from the first step that its history lacks; see `CrewRunner.run`."""
        trace = Trace(journal)
        # What a replay makes is in the crew's memory since the recorded run.
        remembrance = Remembrance(job, NoMemory() if job.replayed else self._memory)
        shared: Shared | None = None
        try:
            progress, tape = await _read(job)
            shared = Shared(
                job,
                progress,
                trace,
                self._models,
                self._toolbox,
                self._tracer,
                self._clock,
                self._meters,
                self._deltas,
                self._purses,
                tape,
            )
            await Run(shared, remembrance, self._most_items).to_end()
        except RunFault as fault:
            if shared is not None:
                shared.write_cut_off()
            trace.write_error(fault)
        except NeedsInput:
            if shared is not None and shared.tape is not None and shared.tape.stopped is not None:
                trace.write_error(shared.tape.stopped)
            elif shared is not None:
                shared.asking.park()
        finally:
            if shared is not None:
                shared.asking.close()
                shared.live_text.close()
                shared.reserve.close()
            remembrance.give_up()
        await trace.flush()


async def _read(job: Job) -> tuple[Progress, Tape | None]:
    """Return what the logs of a job and of the one that it replays hold. Raises `RunFault` (`HISTORY_MISMATCH`)."""
    events = len(job.history) + (0 if job.replayed is None else len(job.replayed.history))
    return await asyncio.to_thread(_read_now, job) if events > _LONG else _read_now(job)


def _read_now(job: Job) -> tuple[Progress, Tape | None]:
    return fold(job.history, job.snapshot), None if job.replayed is None else Tape(job.replayed)
