"""Runs crews: implements `CrewRunner`."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from opentelemetry.trace import NoOpTracer, Tracer

from common.contracts.crew import TaskSnapshot
from common.times import utc_now
from executor.domain.inputs.expansion import oversize
from executor.domain.inputs.placeholders import fill_placeholders
from executor.domain.log.journal import Job, Journal
from executor.domain.meters import Meters, NoMeters
from executor.engine import work
from executor.engine.faults import NeedsInput, RunFault
from executor.engine.history import Output, fold
from executor.engine.limits import time_limit
from executor.engine.memory import Remembrance
from executor.engine.ports import MemorySink, ModelSource, ToolSource
from executor.engine.shared import Shared
from executor.engine.together import Together
from executor.engine.trace import Trace


class Engine:
    """Runs jobs with the given models, tools and memory. One engine runs any number concurrently."""

    def __init__(
        self,
        models: ModelSource,
        toolbox: ToolSource,
        memory: MemorySink,
        *,
        tracer: Tracer | None = None,
        clock: Callable[[], datetime] = utc_now,
        meters: Meters | None = None,
    ) -> None:
        self._models = models
        self._toolbox = toolbox
        self._memory = memory
        self._tracer = tracer or NoOpTracer()
        self._clock = clock
        self._meters = meters or NoMeters()

    async def run(self, job: Job, journal: Journal) -> None:
        """Run `job` from the first step that its history lacks; see `CrewRunner.run`."""
        trace = Trace(journal)
        remembrance = Remembrance(job, self._memory)
        shared: Shared | None = None
        try:
            progress = fold(job.history, job.snapshot)
            shared = Shared(
                job,
                progress,
                trace,
                self._models,
                self._toolbox,
                self._tracer,
                self._clock,
                self._meters,
            )
            await Run(shared, remembrance).to_end()
        except RunFault as fault:
            if shared is not None:
                shared.write_cut_off()
            trace.write_error(fault)
        except NeedsInput:
            if shared is not None:
                shared.asking.park()
        finally:
            if shared is not None:
                shared.asking.close()
            remembrance.give_up()
        await trace.flush()


class Run:
    """One run of one job, from its first open task to its end."""

    def __init__(self, shared: Shared, remembrance: Remembrance) -> None:
        self._shared = shared
        self._remembrance = remembrance
        self._tasks = shared.job.snapshot.tasks
        self._outputs: dict[str, Output] = {}
        self._beside: dict[str, asyncio.Task[NeedsInput | None]] = {}

    async def to_end(self) -> None:
        """Work through all tasks and write the result. Raises `RunFault` or `NeedsInput`."""
        shared, progress = self._shared, self._shared.progress
        if not self._tasks:
            raise RunFault("CREW_INVALID", "The crew has no tasks.")
        large = oversize(shared.job.snapshot, shared.inputs)
        if large is not None:
            name, reason = large
            raise RunFault("INPUTS_TOO_LARGE", f"The input {name} is too large: {reason}.")
        seconds = shared.configuration.timeout
        fault = RunFault("TIMEOUT", f"The run took longer than {seconds:g} s.")
        now = shared.clock()
        async with time_limit(now, progress.started_at, seconds, progress.waits, fault):
            await self._work()
        found = [(task, self._outputs[task.id]) for task in self._tasks]
        await self._remembrance.remember_run(found, self._shared.clock())
        shared.trace.write_result(self._outputs[self._tasks[-1].id])

    async def _work(self) -> None:
        together = Together()
        all_of_it = together.start(self._work_on_all(together))
        await together.wait()
        wanted = all_of_it.result()
        if wanted is not None:
            raise wanted

    async def _work_on_all(self, together: Together) -> NeedsInput | None:
        wanted = await self._work_in_order(together)
        return await self._join(self._tasks) or wanted

    async def _work_in_order(self, together: Together) -> NeedsInput | None:
        """Start each task once its context is ready; stop if one has to wait for a person."""
        for place, task in enumerate(self._tasks):
            known = self._shared.progress.tasks[task.id]
            if known.output is not None:
                self._take_over(task, known.output, known.finished_at)
                continue
            wanted = await self._join(self._context_tasks(task))
            if wanted is not None:
                return wanted
            context = self._context(place)
            self._start(task)
            if task.async_execution:
                self._beside[task.id] = together.start(self._work_beside(task, context))
            else:
                try:
                    await self._work_on(task, context)
                except NeedsInput as needed:
                    return needed
        return None

    async def _join(self, tasks: Sequence[TaskSnapshot]) -> NeedsInput | None:
        """Wait for those of `tasks` that run in the background."""
        wanted: NeedsInput | None = None
        for task in tasks:
            if task.id in self._beside:
                wanted = await self._beside[task.id] or wanted
        return wanted

    async def _work_beside(self, task: TaskSnapshot, context: list[str]) -> NeedsInput | None:
        try:
            await self._work_on(task, context)
        except NeedsInput as needed:
            return needed
        return None

    def _start(self, task: TaskSnapshot) -> None:
        record, shared = self._shared.progress.tasks[task.id], self._shared
        if record.started_at is None:
            record.started_at = shared.clock()
            described = fill_placeholders(task.description, shared.inputs)
            shared.trace.write_task_start(task.id, work.worker_name(shared, task), described)

    async def _work_on(self, task: TaskSnapshot, context: list[str]) -> None:
        try:
            output = await self._output(task, context)
        except RunFault:
            self._count(task, failed=True)
            raise
        self._count(task, failed=False)
        self._finish(task, output)

    def _count(self, task: TaskSnapshot, *, failed: bool) -> None:
        record, shared = self._shared.progress.tasks[task.id], self._shared
        if record.started_at is not None:
            taken = shared.clock() - record.started_at - record.waits.upto(shared.clock())
            shared.meters.measure_task(max(0.0, taken.total_seconds()), failed=failed)

    async def _output(self, task: TaskSnapshot, context: list[str]) -> Output:
        shared = self._shared
        if task.timeout is None:
            return await work.work_on(shared, task, context)
        fault = RunFault(
            "TIMEOUT", f"The task {task.id} took longer than {task.timeout:g} s.", task.id
        )
        record = shared.progress.tasks[task.id]
        now = shared.clock()
        async with time_limit(now, record.started_at, task.timeout, record.waits, fault):
            return await work.work_on(shared, task, context)

    def _finish(self, task: TaskSnapshot, output: Output) -> None:
        shared = self._shared
        shared.trace.write_task_result(task.id, work.worker_name(shared, task), output)
        self._outputs[task.id] = output
        percent = 100 * len(self._outputs) // len(self._tasks)
        shared.trace.write_progress(percent, self._current_description())
        self._remembrance.remember_task(task, output, shared.clock())

    def _take_over(self, task: TaskSnapshot, output: Output, moment: datetime | None) -> None:
        self._outputs[task.id] = output
        self._remembrance.remember_task(task, output, moment or self._shared.clock())

    def _current_description(self) -> str | None:
        """Return the description of the first unfinished task."""
        for task in self._tasks:
            if task.id not in self._outputs:
                return fill_placeholders(task.description, self._shared.inputs)
        return None

    def _context_tasks(self, task: TaskSnapshot) -> list[TaskSnapshot]:
        return [other for other in self._tasks if other.id in task.context]

    def _context(self, place: int) -> list[str]:
        """Return what a task builds on: its context's texts, and the outputs that it names.

        A task without context builds on the output of the last synchronous task before it.
        """
        task, ids = self._tasks[place], {task.id for task in self._tasks}
        for entry in task.context:
            if entry in ids and entry not in self._outputs:
                raise RunFault(
                    "CREW_INVALID",
                    f"The task {task.id} builds on {entry}, which comes later.",
                    task.id,
                )
        if task.context:
            texts = (fill_placeholders(entry, self._shared.inputs) for entry in task.context)
            return [
                self._outputs[entry].text if entry in ids else text
                for entry, text in zip(task.context, texts, strict=True)
            ]
        before = [other for other in self._tasks[:place] if not other.async_execution]
        return [self._outputs[before[-1].id].text] if before else []
