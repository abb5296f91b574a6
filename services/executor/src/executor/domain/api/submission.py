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
from common.process.turns import let_messages_leave
from common.times import utc_now
from executor.domain.api.estimates import Estimates
from executor.domain.api.quotas import Quotas
from executor.domain.ending.ports import Counters
from executor.domain.files.given import GivenFiles
from executor.domain.inputs.checks import runnable_crew
from executor.domain.inputs.lists import MOST_ITEMS
from executor.domain.inputs.ports import Crews
from executor.domain.log.execution import Execution, format_for
from executor.domain.log.journal import TooLarge
from executor.domain.log.outbox import Outbox
from executor.domain.log.ports import Executions


@dataclass(frozen=True, slots=True)
class Accepted:
    """A stored job. `estimated_duration` is in seconds."""

    job: Execution
    estimated_duration: int


class Submission:
    """Checks, stores and announces jobs."""

    def __init__(
        self,
        executions: Executions,
        crews: Crews,
        counters: Counters,
        outbox: Outbox,
        quotas: Quotas,
        files: GivenFiles,
        most_items: int = MOST_ITEMS,
    ) -> None:
        self._executions = executions
        self._crews = crews
        self._estimates = Estimates(counters)
        self._outbox = outbox
        self._quotas = quotas
        self._files = files
        self._most_items = most_items

    async def submit(
        self,
        workspace_id: str,
        crew_id: str,
        inputs: Mapping[str, Any],
        *,
        requested_by: str,
        traceparent: str,
        version: int | None = None,
        job_id: str | None = None,
        once: Once[Accepted] | None = None,
    ) -> Accepted:
        """Store a job of the crew, or of one of its versions, under `job_id` if given, and wake a worker.

        Raises as `runnable_crew`, `GivenFiles.resolve`, `Quotas.check` and `at_most_once` do.
        """
        check_storable(inputs)

        async def make() -> Accepted:
            most = self._most_items
            given = await self._files.resolve(workspace_id, inputs)
            snapshot, seconds = await asyncio.gather(
                runnable_crew(self._crews, workspace_id, crew_id, given, most, version),
                self._estimates.of(workspace_id, crew_id),
            )
            await self._quotas.check(workspace_id)
            job = Execution(
                job_id=job_id or new_id("job"),
                workspace_id=workspace_id,
                crew_id=crew_id,
                created_at=utc_now(),
                requested_by=requested_by,
                traceparent=traceparent,
                inputs=given,
                **_parts_of(snapshot),
            )
            return await self._store(Accepted(job, seconds), once)

        return await at_most_once(once, self._executions, make)

    async def _store(self, accepted: Accepted, once: Once[Accepted] | None) -> Accepted:
        try:
            stored = await self._executions.insert(accepted.job, receipt_of(once, accepted))
        except TooLarge as fault:
            raise InvalidRequest(
                "The crew and the inputs together are too large to be stored.",
                field="inputs",
                reason=str(fault),
            ) from fault
        if not stored and once is not None:
            raise KeyTaken
        self._outbox.send_submission(accepted.job)
        await let_messages_leave()
        return accepted


def _parts_of(snapshot: CrewSnapshot) -> dict[str, Any]:
    """Return what a new job takes from its crew, and the ticket that proves it."""
    return {
        "snapshot": snapshot,
        "crew_version": snapshot.version,
        "format": format_for(snapshot),
        "ticket": secrets.token_hex(8),
    }


def check_storable(inputs: Mapping[str, Any]) -> None:
    """Raise `InvalidRequest` for inputs with invalid Unicode or integers beyond 64 bits."""
    try:
        orjson.dumps(inputs)
    except TypeError as fault:
        raise InvalidRequest(
            f"The inputs cannot be stored: {fault}.", field="inputs", reason=str(fault)
        ) from fault
