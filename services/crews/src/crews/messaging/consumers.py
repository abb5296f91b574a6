"""Messages from the bus: translate, call one method."""

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from common.bus import Bus, Consumer, DeadLetter, Message
from common.contracts.events import EventType
from common.contracts.messages import MemoryRemembered
from common.contracts.topology import (
    CREWS_EVENTS_QUEUE,
    CREWS_MEMORY_QUEUE,
    HEADER_CREW,
    HEADER_WORKSPACE,
)
from common.logs import get_logger
from common.models import Timestamp
from crews.domain.following import Following
from crews.domain.remembering import Remembering
from crews.domain.task_states import RunEvent

log = get_logger(__name__)


class _EventBody(BaseModel):
    """The part of a trace event's body that is read here."""

    model_config = ConfigDict(extra="ignore")

    job_id: str
    seq: int
    type: EventType
    timestamp: Timestamp
    task_id: str | None = None


class Consumers:
    """The queues of crews."""

    def __init__(self, bus: Bus, following: Following, remembering: Remembering) -> None:
        self._bus = bus
        self._following = following
        self._remembering = remembering

    async def start(self) -> list[Consumer]:
        return [
            await self._bus.consume(CREWS_EVENTS_QUEUE, self._event, prefetch=8),
            await self._bus.consume(CREWS_MEMORY_QUEUE, self._memory, prefetch=4),
        ]

    async def _event(self, message: Message) -> None:
        try:
            body = _EventBody.model_validate(orjson.loads(message.body))
            workspace_id = message.headers[HEADER_WORKSPACE]
            crew_id = message.headers[HEADER_CREW]
        except (ValidationError, orjson.JSONDecodeError, KeyError) as fault:
            raise DeadLetter(f"It is not a trace event: {fault!r}") from None
        await self._following.heard(
            RunEvent(
                workspace_id=workspace_id,
                crew_id=crew_id,
                job_id=body.job_id,
                seq=body.seq,
                type=body.type,
                timestamp=body.timestamp,
                task_id=body.task_id,
            )
        )

    async def _memory(self, message: Message) -> None:
        try:
            wanted = MemoryRemembered.model_validate_json(message.body)
        except ValidationError as fault:
            raise DeadLetter(f"It is not a memory: {fault.errors()[0]['msg']}") from None
        if not await self._remembering.remember(wanted):
            log.info("a memory came for a crew that is not there", crew_id=wanted.crew_id)
