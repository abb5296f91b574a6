"""Messages from the bus: translate, gather by crew, call one method."""

from common.bus import Bus, DeadLetter, Message, decode
from common.contracts.event_json import read_event
from common.contracts.events import Event, TaskComplete, TaskSkipped, TaskStart, TerminalBody
from common.contracts.ids import id_fault
from common.contracts.messages import MemoryRemembered
from common.contracts.topology import (
    CREWS_EVENTS_QUEUE,
    CREWS_MEMORY_QUEUE,
    HEADER_CREW,
    HEADER_WORKSPACE,
)
from common.errors import KasalError
from common.storage.formats import NewerFormat
from crews.domain.following import Following
from crews.domain.remembering import Remembering
from crews.messaging.batches import Batches

_PREFETCH = 1_000
"""Messages that wait for their batch at a time."""
_PACE = 0.5
"""Seconds between two writes of what a crew's runs have done, except for the end of a run after a pause."""
_SHARED_FAULTS = (KasalError, NewerFormat)
"""What a crew's document or its store causes, and no message: all of a batch are tried again."""

_SEQ_BOUND = 2**53

_Crew = tuple[str, str]
"""A workspace's id and a crew's."""


class Consumers:
    """The queues of crews. A message is acknowledged when its batch has been written."""

    def __init__(
        self, bus: Bus, following: Following, remembering: Remembering, linger: float
    ) -> None:
        async def record(crew: _Crew, events: list[Event]) -> None:
            await following.record(*crew, events)

        async def remember(shelf: tuple[str, str, str], messages: list[MemoryRemembered]) -> None:
            await remembering.remember(*shelf, messages)

        self._bus = bus
        self._events: Batches[_Crew, Event] = Batches(
            record, linger, pace=_PACE, patience=_PACE, shared=_SHARED_FAULTS
        )
        self._memories: Batches[tuple[str, str, str], MemoryRemembered] = Batches(
            remember, linger, shared=_SHARED_FAULTS
        )

    async def start(self) -> None:
        await self._bus.consume(CREWS_EVENTS_QUEUE, self._event, prefetch=_PREFETCH)
        await self._bus.consume(CREWS_MEMORY_QUEUE, self._memory, prefetch=_PREFETCH)

    async def _event(self, message: Message) -> None:
        try:
            event = event_from_body(message.body)
        except ValueError as fault:
            raise DeadLetter(f"it is not a trace event: {fault}") from None
        crew = (_header(message, HEADER_WORKSPACE), _header(message, HEADER_CREW))
        await self._events.add(crew, event, may_wait=not isinstance(event.body, TerminalBody))

    async def _memory(self, message: Message) -> None:
        memory = decode(message, MemoryRemembered)
        await self._memories.add((memory.workspace_id, memory.crew_id, memory.shelf), memory)


def _header(message: Message, name: str) -> str:
    value = message.headers.get(name)
    if not value:
        raise DeadLetter(f"a trace event without the header {name}")
    return value


def event_from_body(body: bytes) -> Event:
    """Return the event, whose ids can be keys of a document. Raises `ValueError`."""
    event = read_event(body)
    ids = {"job_id": event.job_id}
    if isinstance(event.body, TaskStart | TaskComplete | TaskSkipped):
        ids["task_id"] = event.body.task_id
    for name, value in ids.items():
        fault = id_fault(name, value)
        if fault is not None:
            raise ValueError(f"{name}: {fault}")
    if event.seq >= _SEQ_BOUND:
        raise ValueError("seq: it is too large for JSON readers")
    return event
