"""What this process wrote last of a crew, so that the next of many small changes reads nothing."""

from typing import Generic, TypeVar

from common.bounded_dict import BoundedDict

ThingT = TypeVar("ThingT")


class LastWritten(Generic[ThingT]):
    """Keeps things by crew, of the last `limit` crews.

    Each is good for one write, which has to name its version: another process may have written since.
    """

    def __init__(self, limit: int) -> None:
        self._things: BoundedDict[str, ThingT] = BoundedDict(limit)

    def take(self, crew_id: str) -> ThingT | None:
        """Return what is kept and drop it: it counts again only once it has been written."""
        return self._things.pop(crew_id, None)

    def keep(self, crew_id: str, thing: ThingT) -> None:
        """Keep what has just been written, or was found to need no writing."""
        self._things[crew_id] = thing
