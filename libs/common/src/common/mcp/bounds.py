"""How much a server's message may hold: the library reads each on the event loop, and makes a model of each object."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most of one message: its bytes, its objects and lists, and the commas between values (also in texts)."""

    size: int
    objects: int
    commas: int


CALL_METHOD = b'"tools/call"'
"""What a request for a call holds, and no other."""
CALL = Bounds(2 * 1024 * 1024, 4_000, 80_000)
"""The answer to a call: an object takes about 10 µs, a value up to 0.5 µs."""
OTHER = Bounds(2 * 1024 * 1024, 10_000, 50_000)
"""Any other answer, such as a list of tools: an object takes about 3 µs, a value up to 1 µs."""


class Measure:
    """What has come of one message."""

    def __init__(self) -> None:
        self._size = self._objects = self._commas = 0

    def add(self, piece: bytes) -> None:
        """Count the next part of the message."""
        self._size += len(piece)
        self._objects += piece.count(b"{") + piece.count(b"[")
        self._commas += piece.count(b",")

    def excess(self, bounds: Bounds) -> str | None:
        """Return what is too much, in a sentence's end, or None."""
        if self._size > bounds.size:
            return f"it is longer than {bounds.size} bytes"
        if self._objects > bounds.objects:
            return f"it has more than {bounds.objects} objects and lists"
        if self._commas > bounds.commas:
            return f"it has more than {bounds.commas} values"
        return None
