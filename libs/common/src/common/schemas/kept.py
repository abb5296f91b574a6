"""A cache bounded by size, for values that are slow to compute and take much memory."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SizedCache(Generic[K, V]):
    """Values by key; the least recently used are evicted. Thread-safe."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """The total size of the cached values."""
        return self._size

    def find(self, key: K) -> V | None:
        """Return the value of `key`, now the most recently used, or None."""
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                return None
            self._kept.move_to_end(key)
            return found[0]

    def keep(self, key: K, value: V, size: int) -> None:
        """Store `value`, of the given `size`, as the most recently used."""
        with self._lock:
            if key not in self._kept:
                self._kept[key] = value, size
                self._size += size
            while self._size > self._most:
                self._size -= self._kept.popitem(last=False)[1][1]
