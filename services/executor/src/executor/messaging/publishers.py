"""Publishes events, wake-ups, stops and memory."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence

from common.bus import Bus, BusUnavailable, Message, context_headers, encode
from common.contracts.events import events_key
from common.contracts.messages import (
    TRACE_EVENT_TYPE,
    JobStop,
    JobSubmitted,
    MemoryRemembered,
    StoredJob,
)
from common.contracts.topology import CONTROL, EVENTS, HEADER_CREW, HEADER_WORKSPACE, JOBS, MEMORY
from common.logs import get_logger
from executor.domain.log.execution import Execution
from executor.domain.log.records import Record

log = get_logger(__name__)

_KEPT = 10_000
_PAUSE = 1.0
"""Seconds between two tries while the broker is down."""


_MOST_PARTS = 50
"""Agents and tasks that a crew may have to be carried in a message."""


class BusAnnouncements:
    """Fulfils `Announcements`."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def publish_events(self, job: Execution, records: Sequence[Record]) -> None:
        headers = context_headers({HEADER_WORKSPACE: job.workspace_id, HEADER_CREW: job.crew_id})
        if job.traceparent:
            headers.setdefault("traceparent", job.traceparent)
        messages = [_message(job, record, headers) for record in records]
        if len(messages) == 1:
            await self._bus.publish(EVENTS, _key(job, records[0]), messages[0])
            return
        # Started in order on one channel, so that they arrive in order.
        await asyncio.gather(
            *(
                self._bus.publish(EVENTS, _key(job, record), message)
                for record, message in zip(records, messages, strict=True)
            )
        )

    async def publish_submission(self, job: Execution) -> None:
        body = JobSubmitted(
            job_id=job.job_id,
            workspace_id=job.workspace_id,
            crew_id=job.crew_id,
            inputs=dict(job.inputs),
            requested_by=job.requested_by,
            stored=_stored_job(job),
        )
        message = encode(body, correlation_id=job.job_id)
        await self._bus.publish(JOBS, JobSubmitted.message_type, message)

    async def publish_stop(self, job: Execution) -> None:
        body = JobStop(job_id=job.job_id, workspace_id=job.workspace_id)
        message = encode(body, correlation_id=job.job_id)
        await self._bus.publish(CONTROL, JobStop.message_type, message)


def _stored_job(job: Execution) -> StoredJob | None:
    """Return what saves a worker from reading `job`; None if the crew is too large for a message."""
    crew = job.snapshot
    if not job.ticket or crew is None or len(crew.agents) + len(crew.tasks) > _MOST_PARTS:
        return None
    return StoredJob(
        ticket=job.ticket,
        created_at=job.created_at,
        traceparent=job.traceparent,
        snapshot=crew,
        format=job.format,
    )


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
    """Sends the memory of runs to the service that stores it.

    While the broker is down, up to `_KEPT` entries are kept here and sent later: they are in no log, and
    their runs may have ended by then.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._kept: deque[MemoryRemembered] = deque(maxlen=_KEPT)
        self._later: asyncio.Task[None] | None = None

    async def remember(self, entries: Sequence[MemoryRemembered]) -> None:
        """Publish `entries`, and keep those that the broker does not accept."""
        left = deque(entries)
        try:
            await self._publish(left)
        except BusUnavailable as fault:
            if self._later is None:
                log.warning("memory waits for the bus", reason=str(fault))
        finally:
            self._keep(left)

    async def close(self, grace: float = 1.0) -> None:
        """Wait at most `grace` seconds for kept entries to be sent."""
        later = self._later
        if later is not None:
            await asyncio.wait({later}, timeout=grace)
            later.cancel()

    async def _publish(self, entries: deque[MemoryRemembered]) -> None:
        while entries:
            message = encode(entries[0], correlation_id=entries[0].job_id)
            try:
                await self._bus.publish(MEMORY, MemoryRemembered.message_type, message)
            except BusUnavailable:
                raise
            except Exception:  # it must not block those after it
                log.exception("an entry of memory cannot be sent", job_id=entries[0].job_id)
            entries.popleft()

    def _keep(self, entries: deque[MemoryRemembered]) -> None:
        self._kept.extend(entries)
        if self._kept and self._later is None:
            self._later = asyncio.create_task(self._send_kept(), name="send memory")

    async def _send_kept(self) -> None:
        while self._kept:
            await asyncio.sleep(_PAUSE)
            with contextlib.suppress(BusUnavailable):
                await self._publish(self._kept)
        self._later = None
