"""The events a run writes down: drafts before they are stored, events after."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from common.contracts.events import TERMINAL_EVENTS, EventType


@dataclass(frozen=True, slots=True)
class Draft:
    """An event that has no number and no time yet.

    `fields` are served as they are, beside `type, job_id, seq, timestamp, attempt`. `private` is
    what another worker needs to go on from here (model replies, tool results); it is never served.
    """

    type: EventType
    fields: Mapping[str, Any] = field(default_factory=dict)
    private: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A stored event. `seq` counts 1, 2, 3 … within the job."""

    seq: int
    type: EventType
    timestamp: datetime
    attempt: int
    fields: Mapping[str, Any] = field(default_factory=dict)
    private: Mapping[str, Any] | None = None

    @property
    def terminal(self) -> bool:
        return self.type in TERMINAL_EVENTS
