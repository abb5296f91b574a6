"""Accepting jobs over HTTP."""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from common.contracts.crew import CrewSnapshot
from common.errors import InvalidRequest
from common.idempotency.once import KeyTaken, Once, at_most_once, receipt_of
from common.ids import new_id
from common.times import utc_now
from executor.domain.api.intake import JobIntake
from executor.domain.api.replays import Recordings, ReplayWish
from executor.domain.inputs.checks import runnable_crew
from executor.domain.log.execution import FORK, Execution, format_for


@dataclass(frozen=True, slots=True)
class Accepted:
    """A stored job. `estimated_duration` is in seconds."""

    job: Execution
    estimated_duration: int


class Submission:
    """Checks, stores and announces jobs."""

    def __init__(self, intake: JobIntake) -> None:
        self._intake = intake

    async def submit(
        self,
        workspace_id: str,
        crew_id: str,
        inputs: Mapping[str, Any] | None,
        *,
        requested_by: str,
        traceparent: str,
        version: int | None = None,
        job_id: str | None = None,
        replay: ReplayWish | None = None,
        once: Once[Accepted] | None = None,
    ) -> Accepted:
        """Store a job of the crew, or of one of its versions, under `job_id` if given, and wake a worker.

        Without `inputs`, a `replay` has those of its recorded job. Raises as `runnable_crew`, `GivenFiles.resolve`,
        `Recordings.crew_and_inputs`, `Quotas.check`, `Budgeting.check` and `at_most_once` do.
        """
        check_storable(inputs or {})

        async def make() -> Accepted:
            (snapshot, wanted), seconds = await asyncio.gather(
                self._crew(workspace_id, crew_id, inputs, version, replay),
                self._intake.estimates.of(workspace_id, crew_id),
            )
            await self._check_room(workspace_id, crew_id, snapshot.version, replay)
            job = _new_job(
                snapshot,
                wanted,
                replay,
                workspace_id=workspace_id,
                crew_id=crew_id,
                job_id=job_id or new_id("job"),
                requested_by=requested_by,
                traceparent=traceparent,
            )
            return await self._store(Accepted(job, seconds), once)

        return await at_most_once(once, self._intake.executions, make)

    async def _check_room(
        self, workspace_id: str, crew_id: str, version: int | None, replay: ReplayWish | None
    ) -> None:
        if replay is None:
            return await self._intake.check_room(workspace_id, crew_id, version)
        may_cost = replay.modes.may_cost
        return await self._intake.check_room(workspace_id, crew_id, None, may_cost=may_cost)

    async def _crew(
        self,
        workspace_id: str,
        crew_id: str,
        inputs: Mapping[str, Any] | None,
        version: int | None,
        replay: ReplayWish | None,
    ) -> tuple[CrewSnapshot, Mapping[str, Any]]:
        if inputs is not None:
            inputs = await self._intake.files.resolve(workspace_id, inputs)
        if replay is not None:
            recordings = Recordings(
                self._intake.executions, self._intake.crews, self._intake.most_items
            )
            return await recordings.crew_and_inputs(workspace_id, crew_id, inputs, replay, version)
        given = inputs or {}
        most = self._intake.most_items
        crew = await runnable_crew(self._intake.crews, workspace_id, crew_id, given, most, version)
        return crew, given

    async def _store(self, accepted: Accepted, once: Once[Accepted] | None) -> Accepted:
        receipt = receipt_of(once, accepted)
        stored = await self._intake.store(accepted.job, "crew and the inputs", receipt)
        if not stored and once is not None:
            raise KeyTaken
        return accepted


def _new_job(
    crew: CrewSnapshot, inputs: Mapping[str, Any], replay: ReplayWish | None, **given: Any
) -> Execution:
    """Return a job of `crew`; `given` are its other fields."""
    needed = format_for(crew)
    return Execution(
        created_at=utc_now(),
        inputs=inputs,
        snapshot=crew,
        crew_version=crew.version,
        # A replay has none: what it replays is not in the message that carries a ticket.
        ticket="" if replay else secrets.token_hex(8),
        format=max(FORK, needed) if replay else needed,
        replay=None if replay is None else replay.modes,
        **given,
    )


def check_storable(inputs: Mapping[str, Any]) -> None:
    """Raise `InvalidRequest` for inputs with invalid Unicode or integers beyond 64 bits."""
    try:
        orjson.dumps(inputs)
    except TypeError as fault:
        raise InvalidRequest(
            f"The inputs cannot be stored: {fault}.", field="inputs", reason=str(fault)
        ) from fault
