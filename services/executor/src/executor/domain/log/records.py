"""Events as they are stored and sent: serialised once, passed on byte for byte."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from common.contracts.events import TERMINAL_EVENTS, EventType
from executor.domain.log.events import Draft, Event

_HEADER = ("type", "job_id", "seq", "timestamp", "attempt")


@dataclass(frozen=True, slots=True)
class Record:
    """A numbered event. `frame` is its public JSON; `private` (JSON) is never served."""

    seq: int
    type: EventType
    frame: bytes
    private: bytes | None = None

    @property
    def terminal(self) -> bool:
        return self.type in TERMINAL_EVENTS

    @property
    def size(self) -> int:
        return len(self.frame) + len(self.private or b"")

    def event(self) -> Event:
        fields: dict[str, Any] = orjson.loads(self.frame)
        timestamp = datetime.fromisoformat(fields["timestamp"])
        attempt = int(fields["attempt"])
        for name in _HEADER:
            fields.pop(name, None)
        private = orjson.loads(self.private) if self.private is not None else None
        return Event(self.seq, self.type, timestamp, attempt, fields, private)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A draft already serialised, waiting for its number."""

    type: EventType
    timestamp: datetime
    fields: bytes
    private: bytes | None

    @property
    def size(self) -> int:
        return len(self.fields) + len(self.private or b"")

    def numbered(self, job_id: str, seq: int, attempt: int) -> Record:
        head = orjson.dumps(
            {
                "type": self.type,
                "job_id": job_id,
                "seq": seq,
                "timestamp": _milliseconds(self.timestamp),
                "attempt": attempt,
            }
        )
        frame = head if self.fields == b"{}" else head[:-1] + b"," + self.fields[1:]
        return Record(seq, self.type, frame, self.private)


def seal(draft: Draft, now: datetime) -> Sealed:
    """Serialise `draft`. Raises `TypeError` for what is not JSON."""
    fields = {name: value for name, value in draft.fields.items() if name not in _HEADER}
    private = None if draft.private is None else json_bytes(draft.private)
    return Sealed(draft.type, now, json_bytes(fields), private)


def number(
    drafts: Sequence[Draft], job_id: str, after: int, attempt: int, now: datetime
) -> tuple[Record, ...]:
    """Return `drafts` as the events after the one numbered `after`."""
    return tuple(
        seal(draft, now).numbered(job_id, after + place, attempt)
        for place, draft in enumerate(drafts, start=1)
    )


def json_bytes(value: Any) -> bytes:
    """Return `value` as JSON; lone surrogates become `?` and integers beyond 64 bits text.

    Raises `TypeError` for what JSON cannot hold at all.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        return orjson.dumps(_clean(value))


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**64:
        return str(value)
    if isinstance(value, Mapping):
        return {_clean(str(key)): _clean(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(entry) for entry in value]
    return value


def _milliseconds(moment: datetime) -> str:
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
