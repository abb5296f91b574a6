"""What the executor publishes: events, wake-ups, stops."""

import asyncio
from collections.abc import Sequence

from common.bus import Bus, Message, context_headers, encode
from common.contracts.events import events_key
from common.contracts.messages import (
    TRACE_EVENT_TYPE,
    JobStop,
    JobSubmitted,
    MemoryRemembered,
)
from common.contracts.topology import CONTROL, EVENTS, HEADER_CREW, HEADER_WORKSPACE, JOBS, MEMORY
from executor.domain.execution import Execution
from executor.domain.records import Record


class BusAnnouncements:
    """Fulfils `Announcements`."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def events(self, job: Execution, records: Sequence[Record]) -> None:
        headers = context_headers({HEADER_WORKSPACE: job.workspace_id, HEADER_CREW: job.crew_id})
        if job.traceparent:
            headers.setdefault("traceparent", job.traceparent)
        messages = [_message(job, record, headers) for record in records]
        if len(messages) == 1:
            await self._bus.publish(EVENTS, _key(job, records[0]), messages[0])
            return
        # Begun in order on one channel, so that they also arrive in order.
        await asyncio.gather(
            *(
                self._bus.publish(EVENTS, _key(job, record), message)
                for record, message in zip(records, messages, strict=True)
            )
        )

    async def submitted(self, job: Execution) -> None:
        body = JobSubmitted(
            job_id=job.job_id,
            workspace_id=job.workspace_id,
            crew_id=job.crew_id,
            inputs=dict(job.inputs),
            requested_by=job.requested_by,
        )
        message = encode(body, correlation_id=job.job_id)
        await self._bus.publish(JOBS, JobSubmitted.message_type, message)

    async def stopped(self, job: Execution) -> None:
        body = JobStop(job_id=job.job_id, workspace_id=job.workspace_id)
        message = encode(body, correlation_id=job.job_id)
        await self._bus.publish(CONTROL, JobStop.message_type, message)


def _key(job: Execution, record: Record) -> str:
    return events_key(job.workspace_id, job.job_id, record.type)


def _message(job: Execution, record: Record, headers: dict[str, str]) -> Message:
    return Message(
        type=TRACE_EVENT_TYPE,
        body=record.frame,
        message_id=f"{job.job_id}:{record.seq}",
        correlation_id=job.job_id,
        headers=headers,
    )


class BusMemory:
    """Sends what a run wants remembered to the service that owns memory."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def remembered(self, entries: Sequence[MemoryRemembered]) -> None:
        """Publish `entries`. Raises `BusUnavailable`."""
        for entry in entries:
            message = encode(entry, correlation_id=entry.job_id)
            await self._bus.publish(MEMORY, MemoryRemembered.message_type, message)
