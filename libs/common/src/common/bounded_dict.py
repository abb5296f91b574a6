"""A dict with a bound, for what a process remembers of callers, workspaces or tokens."""

from collections import OrderedDict
from typing import TypeVar

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")


class BoundedDict(OrderedDict[KeyT, ValueT]):
    """A dict of at most `most` entries: the one that was set longest ago makes room.

    Setting a key again makes it the newest. Reading does not, and costs what reading a dict costs; to
    keep what is used, set it again.
    """

    def __init__(self, most: int) -> None:
        if most < 1:
            raise ValueError("a bounded dict holds at least one entry")
        super().__init__()
        self._most = most

    def __setitem__(self, key: KeyT, value: ValueT) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        if len(self) > self._most:
            self.popitem(last=False)
