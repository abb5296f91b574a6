"""Events as they pass through: parsed once, for their `seq` and `type`, and sent as they came."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import orjson

from common.contracts.events import TERMINAL_EVENTS

_TERMINAL = frozenset(str(kind) for kind in TERMINAL_EVENTS)


class Event:
    """One stored event. `body` is its JSON text, byte for byte what clients get."""

    __slots__ = ("body", "seq", "terminal", "type")

    def __init__(self, seq: int, kind: str, body: bytes) -> None:
        self.seq = seq
        self.type = kind
        self.body = body
        self.terminal = kind in _TERMINAL


def parse(body: bytes, job_id: str) -> Event:
    """Return the event that `body` is. Raises ValueError when it is none of `job_id`."""
    facts = orjson.loads(body)
    if not isinstance(facts, dict) or facts.get("job_id") != job_id:
        raise ValueError(f"the body is not an event of {job_id}")
    return Event(*_place(facts), body)


def from_facts(facts: object) -> Event:
    """Return an event read from the store. Raises TypeError or ValueError when it is none."""
    if not isinstance(facts, dict):
        raise TypeError("the event is not an object")
    return Event(*_place(facts), orjson.dumps(facts))


def _place(facts: dict[str, object]) -> tuple[int, str]:
    seq, kind = facts.get("seq"), facts.get("type")
    if type(seq) is not int or seq < 1 or not isinstance(kind, str) or not kind.isidentifier():
        raise ValueError("the event has no seq or no type")
    return seq, kind


Encoder = Callable[[Event], bytes]


class Batch:
    """Consecutive events, at least one. What an encoder makes of them is kept and shared."""

    __slots__ = ("_encoded", "events", "first", "last")

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = events
        self.first = events[0].seq
        self.last = events[-1].seq
        self._encoded: dict[Encoder, bytes] = {}

    @property
    def terminal(self) -> bool:
        return self.events[-1].terminal

    def encoded(self, encoder: Encoder) -> bytes:
        """Return all events' encodings in a row."""
        found = self._encoded.get(encoder)
        if found is None:
            found = self._encoded[encoder] = b"".join(map(encoder, self.events))
        return found

    def since(self, seq: int) -> "Batch":
        """Return the part from `seq` on, which must be one of its events'."""
        return self if seq == self.first else Batch(self.events[seq - self.first :])

    def pieces(self, most: int) -> Iterator["Batch"]:
        """Cut it into batches of at most `most` bytes; an event longer than that goes alone."""
        piece: list[Event] = []
        size = 0
        for event in self.events:
            if piece and size + len(event.body) > most:
                yield Batch(piece)
                piece, size = [], 0
            piece.append(event)
            size += len(event.body)
        yield self if len(piece) == len(self.events) else Batch(piece)


def runs(events: Iterable[Event]) -> Iterator[Batch]:
    """Group events, in the order given, into batches without a hole."""
    run: list[Event] = []
    for event in events:
        if run and event.seq != run[-1].seq + 1:
            yield Batch(run)
            run = []
        run.append(event)
    if run:
        yield Batch(run)
