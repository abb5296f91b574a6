"""Every exchange, queue and binding of the platform, declared in this one place.

Adapters (`common.bus`) declare all of it when they connect. Names are relative to the RabbitMQ
virtual host the platform is given.
"""

from dataclasses import dataclass, field
from typing import Literal

from common.contracts.events import EventType
from common.contracts.messages import JobSubmitted, MemoryRemembered

LARGEST_MESSAGE = 4 * 1024 * 1024

ExchangeKind = Literal["direct", "fanout", "topic"]


@dataclass(frozen=True)
class Exchange:
    name: str
    kind: ExchangeKind
    traced: bool = True
    """Whether publishing to it, and what subscriptions get from it, has spans."""


@dataclass(frozen=True)
class Queue:
    """A durable quorum queue. A message that fails `delivery_limit` times is a dead letter."""

    name: str
    exchange: Exchange
    keys: tuple[str, ...]
    delivery_limit: int = 5
    dead_letters: bool = True
    largest: int = LARGEST_MESSAGE
    """Bytes of a body; a longer one is a dead letter."""
    accepts: frozenset[str] = field(default_factory=frozenset)
    """Message types its consumer understands; anything else is a dead letter."""


JOBS = Exchange("jobs", "direct")
CONTROL = Exchange("control", "fanout")
EVENTS = Exchange("events", "topic", traced=False)  # many and small; the spans of the run say more
WATCHING = Exchange("watching", "fanout", traced=False)
SESSIONS = Exchange("sessions", "fanout")
MEMORY = Exchange("memory", "direct")
DEAD_LETTERS = Exchange("dead-letters", "fanout")

TASK_STATE_EVENTS = (
    EventType.EXECUTION_START,
    EventType.EXECUTION_RESUMED,
    EventType.TASK_START,
    EventType.TASK_COMPLETE,
    EventType.TASK_SKIPPED,
    EventType.ERROR,
    EventType.EXECUTION_COMPLETE,
    EventType.EXECUTION_STOPPED,
)
"""The events that crews follows to know what each task's newest run did."""

JOBS_QUEUE = Queue(
    "jobs", JOBS, (JobSubmitted.message_type,), accepts=frozenset({JobSubmitted.message_type})
)
CREWS_EVENTS_QUEUE = Queue("crews.events", EVENTS, tuple(f"*.*.{t}" for t in TASK_STATE_EVENTS))
CREWS_MEMORY_QUEUE = Queue(
    "crews.memory",
    MEMORY,
    (MemoryRemembered.message_type,),
    accepts=frozenset({MemoryRemembered.message_type}),
)
DEAD_LETTERS_QUEUE = Queue("dead-letters", DEAD_LETTERS, ("",), dead_letters=False)

EXCHANGES = (JOBS, CONTROL, EVENTS, WATCHING, SESSIONS, MEMORY, DEAD_LETTERS)
QUEUES = (JOBS_QUEUE, CREWS_EVENTS_QUEUE, CREWS_MEMORY_QUEUE, DEAD_LETTERS_QUEUE)

HEADER_WORKSPACE = "workspace_id"
HEADER_CREW = "crew_id"
HEADER_REQUEST = "request_id"
"""The request that caused a message, for the log lines of its handler."""
HEADER_REASON = "x-kasal-reason"
HEADER_DEAD_FROM = "x-kasal-queue"
HEADER_ATTEMPTS = "x-kasal-attempts"
HEADER_KEY = "x-kasal-key"
"""The original routing key of a dead letter."""
