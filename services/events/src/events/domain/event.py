"""Events as they pass through: known by `seq` and type, and sent on byte for byte."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import orjson

from common.contracts.events import TERMINAL_EVENTS

_TERMINAL = frozenset(str(kind) for kind in TERMINAL_EVENTS)


class EventFrame:
    """One stored event. `body` is its JSON text, byte for byte what clients get."""

    __slots__ = ("body", "seq", "terminal", "type")

    def __init__(self, seq: int, kind: str, body: bytes) -> None:
        self.seq = seq
        self.type = kind
        self.body = body
        self.terminal = kind in _TERMINAL


def frame_from_message(
    job_id: str, routing_key: str, message_id: str | None, body: bytes
) -> EventFrame:
    """Return the event of a message from the bus. Raises `ValueError` for anything else.

    Routing key and message id say what it is. The body is parsed only when they do not.
    """
    sender, _, number = (message_id or "").rpartition(":")
    kind = routing_key.rpartition(".")[2]
    if sender == job_id and number.isdecimal() and int(number) and kind.isidentifier():
        return EventFrame(int(number), kind, body)
    facts = orjson.loads(body)
    if not isinstance(facts, dict) or facts.get("job_id") != job_id:
        raise ValueError(f"the body is not an event of {job_id}")
    return EventFrame(*_seq_and_type(facts), body)


def frames_from_lines(
    first_seq: int, types: Sequence[str], lines: Sequence[bytes]
) -> list[EventFrame]:
    """Return stored events whose numbers and types are known. Raises `ValueError`."""
    if first_seq < 1 or not all(map(str.isidentifier, types)):
        raise ValueError("the events have no seq or no type")
    return [
        EventFrame(seq, kind, line)
        for seq, (kind, line) in enumerate(zip(types, lines, strict=True), first_seq)
    ]


def frame_from_json(facts: object) -> EventFrame:
    """Return an event that was parsed with others. Raises `TypeError` or `ValueError`."""
    if not isinstance(facts, dict):
        raise TypeError("the event is not an object")
    return EventFrame(*_seq_and_type(facts), orjson.dumps(facts))


def _seq_and_type(facts: dict[str, object]) -> tuple[int, str]:
    seq, kind = facts.get("seq"), facts.get("type")
    if type(seq) is not int or seq < 1 or not isinstance(kind, str) or not kind.isidentifier():
        raise ValueError("the event has no seq or no type")
    return seq, kind


class DeltaFrame:
    """A piece of text that a model is writing, as clients get it. Encodings are kept and shared."""

    __slots__ = ("_encoded", "body")

    def __init__(self, body: bytes) -> None:
        self.body = body
        self._encoded: dict[Callable[[bytes], bytes], bytes] = {}

    def encoding(self, encoder: Callable[[bytes], bytes]) -> bytes:
        """Return what `encoder` makes of the body."""
        found = self._encoded.get(encoder)
        if found is None:
            found = self._encoded[encoder] = encoder(self.body)
        return found


Encoder = Callable[[EventFrame], bytes]


class Batch:
    """Consecutive events, at least one. What an encoder makes of them is kept and shared."""

    __slots__ = ("_encoded", "events", "first", "last")

    def __init__(self, events: Sequence[EventFrame]) -> None:
        self.events = events
        self.first = events[0].seq
        self.last = events[-1].seq
        self._encoded: dict[Encoder, bytes] = {}

    @property
    def terminal(self) -> bool:
        return self.events[-1].terminal

    def encoding(self, encoder: Encoder) -> bytes:
        """Return all events' encodings in a row."""
        found = self._encoded.get(encoder)
        if found is None:
            found = self._encoded[encoder] = b"".join(map(encoder, self.events))
        return found

    def since(self, seq: int) -> "Batch":
        """Return the part from `seq` on, which one of its events must have."""
        return self if seq == self.first else Batch(self.events[seq - self.first :])

    def pieces(self, most: int) -> Iterator["Batch"]:
        """Cut it into batches of at most `most` bytes; an event longer than that goes alone."""
        piece: list[EventFrame] = []
        size = 0
        for event in self.events:
            if piece and size + len(event.body) > most:
                yield Batch(piece)
                piece, size = [], 0
            piece.append(event)
            size += len(event.body)
        yield self if len(piece) == len(self.events) else Batch(piece)


def runs(events: Iterable[EventFrame]) -> Iterator[Batch]:
    """Group events, in the order given, into batches without gaps."""
    run: list[EventFrame] = []
    for event in events:
        if run and event.seq != run[-1].seq + 1:
            yield Batch(run)
            run = []
        run.append(event)
    if run:
        yield Batch(run)
