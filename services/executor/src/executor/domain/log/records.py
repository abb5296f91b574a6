"""Events as stored and sent: serialised once, then passed on byte for byte."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
import orjson
from msgspec import Struct

from common.contracts.event_json import read_any_event, read_event
from common.contracts.events import TERMINAL_EVENTS, set_fields
from executor.domain.log.events import (
    PRIVATE_PARTS,
    EventDraft,
    LogEntry,
    Private,
    UnreadableEvent,
)

_PRIVATE_DECODERS = {name: msgspec.json.Decoder(part) for name, part in PRIVATE_PARTS.items()}


@dataclass(frozen=True, slots=True)
class Record:
    """A numbered event. `frame` is its public JSON; `private` (JSON) is never published.

    `known` is the same event as a value, if the process that made the record has it.
    """

    seq: int
    type: str
    frame: bytes
    private: bytes | None = None
    known: LogEntry | None = field(default=None, compare=False, repr=False)

    @property
    def terminal(self) -> bool:
        return self.type in TERMINAL_EVENTS

    @property
    def size(self) -> int:
        return len(self.frame) + len(self.private or b"")

    def entry(self) -> LogEntry:
        """Return the event as a value. Raises `UnreadableEvent`."""
        if self.known is not None:
            return self.known
        try:
            event = read_event(self.frame)
            private = self._private_part()
        except ValueError as fault:
            raise UnreadableEvent(
                f"The event {self.seq} of this job's history cannot be read."
            ) from fault
        return LogEntry(self.seq, event.timestamp, event.attempt, event.body, private)

    def shown_entry(self) -> LogEntry:
        """Return the event as a value for those who only show it: fields of newer versions are no fault."""
        event = read_any_event(self.frame)
        return LogEntry(self.seq, event.timestamp, event.attempt, event.body)

    def _private_part(self) -> Private | None:
        decoder = _PRIVATE_DECODERS.get(self.type)
        return None if self.private is None or decoder is None else decoder.decode(self.private)

    def public(self) -> "Record":
        """Return the record without its private part."""
        return Record(self.seq, self.type, self.frame)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A serialised draft that waits for its number.

    `exact` says that the bytes match `draft`: nothing had to be changed to make it storable.
    """

    draft: EventDraft
    timestamp: datetime
    fields: bytes
    private: bytes | None
    exact: bool

    @property
    def size(self) -> int:
        return len(self.fields) + len(self.private or b"")

    def record(self, job_id: str, seq: int, attempt: int) -> Record:
        draft = self.draft
        head = orjson.dumps(
            {
                "type": draft.type,
                "job_id": job_id,
                "seq": seq,
                "timestamp": _milliseconds(self.timestamp),
                "attempt": attempt,
            }
        )
        frame = head if self.fields == b"{}" else head[:-1] + b"," + self.fields[1:]
        known = None
        if self.exact:
            known = LogEntry(seq, self.timestamp, attempt, draft.body, draft.private)
        return Record(seq, draft.type, frame, self.private, known)


def seal(draft: EventDraft, now: datetime) -> Sealed:
    """Serialise `draft`. Raises `TypeError` for values that are not JSON."""
    fields, exact = _serialise(draft.body)
    private = None
    if draft.private is not None:
        private, same = _serialise(draft.private)
        exact = exact and same
    # Only as precise as in the frame, so that a reader gets the same time.
    moment = now.replace(microsecond=now.microsecond // 1000 * 1000)
    return Sealed(draft, moment, fields, private, exact)


def number(
    drafts: Sequence[EventDraft], job_id: str, after: int, attempt: int, now: datetime
) -> tuple[Record, ...]:
    """Return `drafts` as events, numbered from `after` + 1."""
    return tuple(
        seal(draft, now).record(job_id, after + place, attempt)
        for place, draft in enumerate(drafts, start=1)
    )


def json_bytes(value: Any) -> bytes:
    """Return `value` as JSON. Lone surrogates become `?`, integers beyond 64 bits become text.

    Raises `TypeError` for what JSON cannot hold at all.
    """
    return _serialise(value)[0]


def _serialise(value: Any) -> tuple[bytes, bool]:
    """Return `value` as JSON, and whether it is unchanged."""
    try:
        return orjson.dumps(value, default=_fields), True
    except TypeError:
        return orjson.dumps(_clean(value)), False


def _fields(value: Any) -> dict[str, Any]:
    if isinstance(value, Struct):
        return set_fields(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def _clean(value: Any) -> Any:
    if isinstance(value, Struct):
        return _clean(set_fields(value))
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
