"""One run of one job: its tasks in their order, some beside others, some for each entry of a list."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import UNSET, UnsetType

from common.contracts.crew import TaskSnapshot
from executor.domain.inputs.expansion import oversize
from executor.domain.inputs.placeholders import fill_placeholders
from executor.engine import work
from executor.engine.conditions import reason_to_skip
from executor.engine.entries import entries_of, item_tasks
from executor.engine.faults import NeedsInput, RunFault
from executor.engine.history import Output
from executor.engine.limits import time_limit
from executor.engine.memory import Remembrance
from executor.engine.plan import RunPlan
from executor.engine.shared import Shared
from executor.engine.together import Together


class Run:
    """One run of one job, from its first open task to its end."""

    def __init__(self, shared: Shared, remembrance: Remembrance, most_items: int) -> None:
        self._shared = shared
        self._remembrance = remembrance
        self._most_items = most_items
        self._tasks = shared.job.snapshot.tasks
        self._plan = RunPlan(self._tasks)
        self._outputs: dict[str, Output] = {}
        self._skipped: set[str] = set()
        self._items: dict[str, list[TaskSnapshot]] = {}
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
        await self._end()

    async def _end(self) -> None:
        found = [(task, self._outputs[task.id]) for task in self._tasks if task.id in self._outputs]
        await self._remembrance.remember_run(found, self._shared.clock())
        if not found:
            self._shared.trace.write_result(None)
            return
        last, output = found[-1]
        ends = self._plan.ends(self._outputs, self._skipped)
        self._shared.trace.write_result(output, None if ends == [last.id] else ends)

    async def _work(self) -> None:
        together = Together()
        all_of_it = together.start(self._work_on_all(together))
        await together.wait()
        wanted = all_of_it.result()
        if wanted is not None:
            raise wanted

    async def _work_on_all(self, together: Together) -> NeedsInput | None:
        wanted = await self._work_in_order(together)
        return await self._join(self._plan.ids) or wanted

    async def _work_in_order(self, together: Together) -> NeedsInput | None:
        """Start each task once all that it waits for is done; stop if one has to wait for a person."""
        for task in self._plan.tasks:
            if self._is_known(task):
                continue
            wanted = await self._join(self._plan.sources(task))
            if wanted is not None:
                return wanted
            async with self._shared.one_by_one:
                if await self._skip(task):
                    continue
                self._start(task)
            if task.async_execution:
                self._beside[task.id] = together.start(self._work_beside(task))
            else:
                try:
                    await self._work_on(task)
                except NeedsInput as needed:
                    return needed
        return None

    def _is_known(self, task: TaskSnapshot) -> bool:
        """Take over what the history says of `task`; return whether it was done or skipped."""
        known = self._shared.progress.tasks[task.id]
        if known.output is not None:
            self._outputs[task.id] = known.output
            moment = known.finished_at or self._shared.clock()
            self._remembrance.remember_task(task, known.output, moment, done_by=known.source)
        elif known.skipped:
            self._skipped.add(task.id)
        return known.output is not None or known.skipped

    async def _skip(self, task: TaskSnapshot) -> bool:
        """Skip `task` if there is a reason to; one that has begun goes on."""
        if self._shared.progress.tasks[task.id].started_at is not None:
            return False
        skip = await reason_to_skip(self._shared, self._plan, task, self._outputs, self._skipped)
        if skip is None:
            return False
        self._skipped.add(task.id)
        self._shared.trace.write_skip(task.id, skip.reason, skip.message)
        self._write_progress()
        return True

    async def _join(self, task_ids: Iterable[str]) -> NeedsInput | None:
        """Wait for those of the tasks that run in the background."""
        wanted: NeedsInput | None = None
        for task_id in task_ids:
            if task_id in self._beside:
                wanted = await self._beside[task_id] or wanted
        return wanted

    async def _work_beside(self, task: TaskSnapshot) -> NeedsInput | None:
        try:
            await self._work_on(task)
        except NeedsInput as needed:
            return needed
        return None

    def _start(self, task: TaskSnapshot) -> None:
        """Write that work on `task` begins, unless the history says so."""
        items: int | UnsetType = UNSET
        if task.for_each is not None:
            entries = entries_of(self._shared, task, self._outputs, self._most_items)
            self._items[task.id] = item_tasks(self._shared, task, entries)
            items = len(entries)
        self._write_start(task, items=items)

    def _write_start(
        self,
        task: TaskSnapshot,
        *,
        items: int | UnsetType = UNSET,
        item_of: str | UnsetType = UNSET,
    ) -> None:
        record, shared = self._shared.progress.tasks[task.id], self._shared
        if record.started_at is None:
            record.started_at = shared.clock()
            described = fill_placeholders(task.description, shared.inputs_of(task))
            agent = work.worker_name(shared, task)
            shared.trace.write_task_start(task.id, agent, described, item_of=item_of, items=items)

    async def _work_on(self, task: TaskSnapshot) -> None:
        if task.for_each is None:
            output = await self._counted_output(task, self._context(task, self._shared.inputs))
        else:
            output = await self._work_on_each(task)
        self._finish(task, output)

    async def _work_on_each(self, task: TaskSnapshot) -> Output:
        """Work on each entry of a list, some at a time; return the outputs as one, in order.

        If the work on some has to wait for a person, that on the others goes on.
        """
        together = Together()
        places = asyncio.Semaphore(self._shared.configuration.items_at_once)
        made = [
            together.start(self._work_on_item(item, task, places)) for item in self._items[task.id]
        ]
        await together.wait()
        found = [one.result() for one in made]
        for wanted in found:
            if isinstance(wanted, NeedsInput):
                raise wanted
        return Output.of([one.value for one in found if isinstance(one, Output)])

    async def _work_on_item(
        self, item: TaskSnapshot, task: TaskSnapshot, places: asyncio.Semaphore
    ) -> Output | NeedsInput:
        record, shared = self._shared.progress.tasks[item.id], self._shared
        if record.output is not None:
            return record.output
        async with places:
            self._write_start(item, item_of=task.id)
            try:
                context = self._context(task, shared.inputs_of(item))
                output = await self._counted_output(item, context)
            except NeedsInput as wanted:
                return wanted
        agent = work.worker_name(shared, item)
        shared.trace.write_task_result(item.id, agent, output, item_of=task.id)
        record.output = output
        self._write_progress()
        return output

    async def _counted_output(self, task: TaskSnapshot, context: list[str]) -> Output:
        try:
            async with self._shared.one_by_one:
                output = await self._output(task, context)
        except RunFault:
            self._count(task, failed=True)
            raise
        self._count(task, failed=False)
        return output

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
        self._write_progress()
        self._remembrance.remember_task(task, output, shared.clock())

    def _write_progress(self) -> None:
        """Write how far the run is; a list that is worked through counts by its entries."""
        known = self._shared.progress.tasks
        done = 100 * (len(self._outputs) + len(self._skipped))
        for task_id, items in self._items.items():
            if task_id not in self._outputs and items:
                finished = sum(known[item.id].output is not None for item in items)
                done += 100 * finished // len(items)
        current = self._current_description()
        self._shared.trace.write_progress(done // len(self._tasks), current)

    def _current_description(self) -> str | None:
        """Return the description of the first unfinished task."""
        for task in self._tasks:
            if task.id not in self._outputs and task.id not in self._skipped:
                return fill_placeholders(task.description, self._shared.inputs)
        return None

    def _context(self, task: TaskSnapshot, inputs: Mapping[str, Any]) -> list[str]:
        """Return what a task builds on: its context's texts, and the outputs that it names.

        A task without context builds on what the graph implies.
        """
        if not task.context:
            implied = self._plan.implied_sources(task, self._skipped)
            return [self._outputs[source].text for source in implied]
        return [
            self._outputs[entry].text
            if entry in self._plan.ids
            else fill_placeholders(entry, inputs)
            for entry in task.context
            if entry not in self._skipped
        ]
