"""How the executor hands stored events to the relay, so that it need not parse them.

The answer has one line per event, with its bytes as stored, after a first line that describes them:
`{"status", "last_seq", "first_seq", "types": [...]}`. Events are JSON without line breaks, and their
`seq` has no gaps.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

EVENT_LINES = "application/vnd.kasal.event-lines"
"""Media type of the answer. Without asking for it, a client gets one JSON object."""


class ReplayHead(Struct, frozen=True, kw_only=True):
    """The first line: the state of the job, and the number and types of the following lines."""

    status: str
    last_seq: int
    first_seq: int
    types: list[str]


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(ReplayHead)


def join_lines(head: ReplayHead, frames: Sequence[bytes]) -> bytes:
    """Return the answer with these events."""
    return b"\n".join((_ENCODER.encode(head), *frames))


def split_lines(body: bytes) -> tuple[ReplayHead, list[bytes]]:
    """Return the head and the events of an answer. Raises `ValueError` if it is malformed."""
    first, *frames = body.split(b"\n")
    head = _DECODER.decode(first)
    if len(frames) != len(head.types):
        raise ValueError(f"there are {len(frames)} events, and {len(head.types)} were announced")
    return head, frames
