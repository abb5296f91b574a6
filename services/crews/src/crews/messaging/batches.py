"""Gathering what comes for one thing within a moment, so that it is written as one."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)
ItemT = TypeVar("ItemT")


class Batches(Generic[KeyT, ItemT]):
    """Calls `apply` with what was added for one key since `linger` seconds.

    For one key it is called once at a time: what comes meanwhile is the next batch. A backlog, as an
    outage leaves it, would otherwise be many writers of one document that make each other fail.
    """

    def __init__(
        self, apply: Callable[[KeyT, list[ItemT]], Awaitable[None]], linger: float
    ) -> None:
        self._apply = apply
        self._linger = linger
        self._open: dict[KeyT, tuple[list[ItemT], asyncio.Task[None]]] = {}
        self._applying: dict[KeyT, asyncio.Task[None]] = {}

    async def add(self, key: KeyT, item: ItemT) -> None:
        """Return when `item` has been applied with its batch; raises what that raises."""
        if key not in self._open:
            items: list[ItemT] = []
            self._open[key] = (items, asyncio.create_task(self._later(key, items)))
        items, applied = self._open[key]
        items.append(item)
        await asyncio.shield(applied)

    async def _later(self, key: KeyT, items: list[ItemT]) -> None:
        await asyncio.sleep(self._linger)
        while key in self._applying:
            await asyncio.wait({self._applying[key]})
        applied = self._open.pop(key)[1]
        self._applying[key] = applied
        try:
            await self._apply(key, items)
        finally:
            del self._applying[key]
