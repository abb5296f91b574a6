"""Reading trace events from their JSON, of this version, of older and of newer ones."""

from typing import Any

import msgspec

from common.contracts.events import (
    BODIES,
    HEADER_FIELDS,
    Event,
    EventBody,
    Header,
    UnknownEvent,
)


class _Start(Header, frozen=True):
    type: str


_START = msgspec.json.Decoder(_Start)
_DECODERS = {name: msgspec.json.Decoder(body) for name, body in BODIES.items()}
_ANYTHING = msgspec.json.Decoder(dict[str, Any])


def read_event(frame: bytes | str) -> Event:
    """Return the event in `frame`, its JSON. Raises `ValueError` if it is not an event."""
    start = _START.decode(frame)
    return Event(
        start.job_id, start.seq, start.timestamp, start.attempt, read_body(start.type, frame)
    )


def read_any_event(frame: bytes | str) -> Event:
    """Return the event in `frame`, for those who show it.

    If the fields do not fit its type, as when a newer version uses a value that this one does not know,
    its body is an `UnknownEvent`. Raises `ValueError` if not even the header is one.
    """
    start = _START.decode(frame)
    try:
        body = read_body(start.type, frame)
    except ValueError:
        body = _unknown_event(start.type, frame)
    return Event(start.job_id, start.seq, start.timestamp, start.attempt, body)


def read_body(kind: str, frame: bytes | str) -> EventBody:
    """Return what an event of the type `kind` says. Raises `ValueError`."""
    decoder = _DECODERS.get(kind)
    if decoder is not None:
        return decoder.decode(frame)
    return _unknown_event(kind, frame)


def _unknown_event(kind: str, frame: bytes | str) -> UnknownEvent:
    fields = _ANYTHING.decode(frame)
    return UnknownEvent(kind, {n: value for n, value in fields.items() if n not in HEADER_FIELDS})
