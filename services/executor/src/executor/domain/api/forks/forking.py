"""Forking: another run of a job that goes on from somewhere in its history."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from common.contracts.crew import CrewSnapshot
from common.contracts.events import EventType, ForkedFrom
from common.errors import Conflict, InvalidRequest
from common.idempotency.once import KeyTaken, Once, at_most_once
from common.ids import new_id
from common.times import utc_now
from executor.domain.api.control import job_of_workspace
from executor.domain.api.forks.copying import Copier
from executor.domain.api.forks.outputs import check_outputs
from executor.domain.api.forks.plan import ForkPlan, ForkSource, plan_of
from executor.domain.api.forks.survey import Survey
from executor.domain.api.forks.wish import ForkWish
from executor.domain.api.intake import JobIntake
from executor.domain.api.submission import Accepted, check_storable
from executor.domain.inputs.checks import check_runnable, placeholders, with_memory
from executor.domain.log.events import UnreadableEvent
from executor.domain.log.execution import FORK, Execution, format_for
from executor.domain.log.reading import MOST_BYTES, MOST_EVENTS
from executor.domain.log.records import Record

_PAGE = 100
_TURN = 20
"""Events that are worked on before others get their turn."""
_SHORT, _SHORT_BYTES = 200, 512 * 1024
"""A longer copy goes to the traces, as the log of a running job does."""
_BLOCK, _BLOCK_BYTES = 200, 2**20


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A fork that can be made: its crew and inputs, and what it copies of its source, read up to `seq`."""

    source: Execution
    seq: int
    crew: CrewSnapshot
    inputs: Mapping[str, Any]
    plan: ForkPlan
    size: int


class Forking:
    """Checks, copies, stores and announces forks."""

    def __init__(self, intake: JobIntake) -> None:
        self._intake = intake

    async def fork(
        self,
        workspace_id: str,
        job_id: str,
        wish: ForkWish,
        *,
        requested_by: str,
        traceparent: str,
        once: Once[Accepted] | None = None,
    ) -> Accepted:
        """Store a job that begins as a copy of another, and wake a worker for it.

        Raises `NotFound` for a job of another workspace, `InvalidRequest` for a wish that cannot be met,
        `Conflict` for a job that has not begun or whose log is too long, `Unavailable`, as `Quotas.check` and
        `Budgeting.check`, and as `at_most_once`.
        """
        check_storable(wish.inputs)

        async def make() -> Accepted:
            head = await job_of_workspace(self._intake.executions, workspace_id, job_id)
            given = await self._intake.files.resolve(workspace_id, wish.inputs)
            wanted = replace(wish, inputs=given)
            prepared = await self._prepare(head.job_id, wanted, head.seq)
            seconds = await self._intake.estimates.of(workspace_id, head.crew_id)
            await self._intake.check_room(workspace_id, head.crew_id, wish.version)
            blank = _blank(prepared, requested_by, traceparent)
            accepted = Accepted(blank, seconds)
            if once is None:
                return await self._store(accepted, prepared)
            return await self._store_once(accepted, prepared, wanted, once)

        return await at_most_once(once, self._intake.executions, make)

    async def _prepare(self, job_id: str, wish: ForkWish, seq: int) -> _Prepared:
        """Check the wish against the job's log up to `seq`, which never changes."""
        source = await self._intake.executions.find(job_id)
        if source is None or source.snapshot is None:
            raise Conflict(
                f"The job {job_id} has not begun: start another one with POST /executions.",
                details={"status": "queued"},
            )
        inputs = {**source.inputs, **wish.inputs}
        crew = source.snapshot
        if wish.version is not None:
            now = await self._intake.crews.snapshot(
                source.workspace_id, source.crew_id, wish.version
            )
            crew = now.model_copy(update={"memory": crew.memory})
        self._check_inputs(crew, source.inputs, wish, inputs)
        crew = await with_memory(
            self._intake.crews, source.workspace_id, source.crew_id, crew, inputs
        )
        survey = await self._survey(source, seq)
        plan = plan_of(ForkSource(source.snapshot, crew, source.inputs, seq, survey), wish)
        await check_outputs(crew, plan.given)
        return _Prepared(source, seq, crew, inputs, plan, survey.size)

    def _check_inputs(
        self,
        crew: CrewSnapshot,
        before: Mapping[str, Any],
        wish: ForkWish,
        inputs: Mapping[str, Any],
    ) -> None:
        asked = {*placeholders(crew), *before}
        for name in wish.inputs:
            if name not in asked:
                reason = f"The job has no such input; it has {', '.join(sorted(asked)) or 'none'}"
                raise InvalidRequest(
                    f"The crew asks for no input {name}.", field=f"inputs.{name}", reason=reason
                )
        check_runnable(crew, inputs, self._intake.most_items)

    async def _survey(self, source: Execution, seq: int) -> Survey:
        survey = Survey()
        try:
            async for record in self._records(source.job_id, seq):
                survey.add(record.entry(), record.size)
                if survey.size > MOST_BYTES or len(survey.events) > MOST_EVENTS:
                    raise Conflict(
                        f"The log of the job {source.job_id} is too long to be copied: at most {MOST_EVENTS:,} events "
                        f"with {MOST_BYTES // 2**20} MiB. Start another job with POST /executions."
                    )
        except UnreadableEvent as fault:
            raise Conflict(
                f"The history of the job {source.job_id} cannot be copied: {fault}"
            ) from fault
        return survey

    async def _records(self, job_id: str, upto: int) -> AsyncIterator[Record]:
        seq = 0
        while seq < upto:
            page = await self._intake.executions.records(job_id, seq, min(_PAGE, upto - seq))
            if not page:
                return
            for record in page:
                yield record
                seq = record.seq
                if not seq % _TURN:
                    await asyncio.sleep(0)

    async def _store_once(
        self, accepted: Accepted, prepared: _Prepared, wish: ForkWish, once: Once[Accepted]
    ) -> Accepted:
        """Store the fork of a request with a key under the id, and up to the event, that its first try chose.

        So two tries copy the same, and it does not matter which of them writes which event.
        """
        receipt, seq = once.receipt(accepted), prepared.seq
        taken = await self._intake.executions.take_id(receipt, accepted.job.job_id, seq)
        if taken is None:
            raise KeyTaken
        if taken.pinned != seq:
            prepared = await self._prepare(prepared.source.job_id, wish, taken.pinned)
        try:
            named = replace(accepted, job=replace(accepted.job, job_id=taken.job_id))
            made = await self._store(named, prepared)
        except InvalidRequest:
            await self._intake.executions.give_id_back(receipt, taken.job_id)
            raise
        if not taken.own:
            raise KeyTaken
        return made

    async def _store(self, accepted: Accepted, prepared: _Prepared) -> Accepted:
        job = await self._copy_history(accepted.job, prepared)
        if not await self._intake.store(job, "crew, the inputs and the outputs"):
            raise KeyTaken
        return replace(accepted, job=job)

    async def _copy_history(self, job: Execution, prepared: _Prepared) -> Execution:
        """Return `job` with the copied events; those of a long copy go to the traces."""
        plan = prepared.plan
        copier = Copier(job.job_id, prepared.crew, plan.replies)
        wanted = {*plan.seqs}
        short = len(wanted) <= _SHORT and prepared.size <= _SHORT_BYTES
        tail: list[Record] = []
        upto = plan.seqs[-1] if plan.seqs else 0
        async for record in self._records(prepared.source.job_id, upto):
            if record.seq in wanted:
                tail.append(copier.copy(record))
            elif record.type == EventType.LLM_CALL:
                copier.pass_over(record)
            if not short and _is_block(tail):
                await self._intake.executions.copy({job.job_id: tail})
                tail = []
        if not short and tail:
            await self._intake.executions.copy({job.job_id: tail})
            tail = []
        origin = ForkedFrom(job_id=prepared.source.job_id, seq=plan.after)
        end = copier.end(origin, plan.anew, plan.given, job.requested_by, utc_now())
        return replace(
            job,
            attempt=copier.attempt,
            seq=copier.copied + len(end),
            published=copier.copied,
            tail=(*tail, *end),
            state=copier.state,
        )


def _is_block(records: list[Record]) -> bool:
    return len(records) >= _BLOCK or sum(record.size for record in records) >= _BLOCK_BYTES


def _blank(prepared: _Prepared, requested_by: str, traceparent: str) -> Execution:
    """Return the fork without its history."""
    source = prepared.source
    return Execution(
        job_id=new_id("job"),
        workspace_id=source.workspace_id,
        crew_id=source.crew_id,
        created_at=utc_now(),
        requested_by=requested_by,
        traceparent=traceparent,
        inputs=prepared.inputs,
        snapshot=prepared.crew,
        crew_version=prepared.crew.version,
        format=max(FORK, source.format, format_for(prepared.crew)),
        forked_from=ForkedFrom(job_id=source.job_id, seq=prepared.plan.after),
    )
