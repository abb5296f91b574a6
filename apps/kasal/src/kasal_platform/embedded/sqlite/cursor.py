"""The documents that a query finds, as PyMongo's asynchronous cursor gives them."""

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Self

from pymongo.errors import InvalidOperation

from kasal_platform.embedded.sqlite.reading import CursorBatches, Find
from kasal_platform.embedded.sqlite.values import Document

_FIRST = 101
_NEXT = 1_000
_BATCH_BYTES = 4 * 1024 * 1024

Ask = Callable[[Any], Awaitable[Any]]


class SqliteCursor:
    """Reads batch by batch. Nothing is open between two: it may be left at any time."""

    def __init__(self, ask: Ask, find: Find) -> None:
        self._ask = ask
        self._find = find
        self._batches: CursorBatches | None = None
        self._held: deque[Document] = deque()
        self._ended = False
        self._size = 0

    def sort(self, key: str | Sequence[tuple[str, int]], direction: int | None = None, /) -> Self:
        """Sort by these fields, or by one. Raises `InvalidOperation` once it is read."""
        return self._with(sort=order_of(key, direction))

    def limit(self, most: int, /) -> Self:
        """Return at most so many documents; 0 is all."""
        if most < 0:
            raise InvalidOperation("The embedded store knows no negative limit.")
        return self._with(limit=most)

    def skip(self, many: int, /) -> Self:
        """Leave out the first documents."""
        if many < 0:
            raise ValueError("skip must be >= 0")
        return self._with(skip=many)

    def batch_size(self, size: int, /) -> Self:
        """Read so many documents at a time."""
        if size < 0:
            raise ValueError("batch_size must be >= 0")
        self._size = size
        return self

    def _with(self, **changes: Any) -> Self:
        if self._batches is not None:
            raise InvalidOperation("cannot set options after executing query")
        self._find = replace(self._find, **changes)
        return self

    def __aiter__(self) -> AsyncIterator[Document]:
        return self

    async def __anext__(self) -> Document:
        while not self._held:
            if self._ended:
                raise StopAsyncIteration
            await self._read()
        return self._held.popleft()

    async def next(self) -> Document:
        """Return the next document. Raises `StopAsyncIteration` behind the last."""
        return await self.__anext__()

    async def to_list(self, length: int | None = None, /) -> list[Document]:
        """Return what is left, or the next `length` documents."""
        while not self._ended and (length is None or len(self._held) < length):
            await self._read()
        if length is None:
            found, self._held = list(self._held), deque()
            return found
        return [self._held.popleft() for _ in range(min(length, len(self._held)))]

    async def _read(self) -> None:
        first = self._batches is None
        batches = self._batches = self._batches or CursorBatches(self._find)
        most = self._size or (_FIRST if first else _NEXT)
        found, self._ended = await self._ask(
            partial(batches.next, most=most, most_bytes=_BATCH_BYTES)
        )
        self._held.extend(found)

    async def close(self) -> None:
        """Give up what was not read."""
        self._ended = True
        self._held.clear()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def order_of(
    key: str | Sequence[tuple[str, int]], direction: int | None = None
) -> tuple[tuple[str, int], ...]:
    """Return what to sort by as pairs. Raises `ValueError` for another direction than 1 and -1."""
    pairs = ((key, direction or 1),) if isinstance(key, str) else tuple(key)
    for _, way in pairs:
        if type(way) is not int or way not in {1, -1}:
            raise ValueError(f"The embedded store sorts by 1 and -1, not by {way!r}.")
    return pairs
