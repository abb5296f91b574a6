"""Gathers what arrives for one key within a moment, so that it is written together."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from common.bounded_dict import BoundedDict

KeyT = TypeVar("KeyT", bound=Hashable)
ItemT = TypeVar("ItemT")

_REMEMBERED = 1_000
"""Keys whose last call is remembered; a forgotten one does not wait."""


@dataclass(eq=False)
class _Batch(Generic[ItemT]):
    items: list[ItemT] = field(default_factory=list)
    due: asyncio.Event = field(default_factory=asyncio.Event)
    timer: asyncio.TimerHandle | None = None
    faults: dict[int, Exception] = field(default_factory=dict)

    def apply_by(self, moment: float) -> None:
        """Make it due at `moment`, by the loop's clock, unless it is due sooner."""
        if self.timer is not None and self.timer.when() <= moment:
            return
        if self.timer is not None:
            self.timer.cancel()
        self._set_timer(moment)

    def put_off(self, moment: float) -> None:
        """Make it due at `moment` and not before, by the loop's clock."""
        self.due.clear()
        self._set_timer(moment)

    def _set_timer(self, moment: float) -> None:
        self.timer = asyncio.get_running_loop().call_at(moment, self.due.set)


class Batches(Generic[KeyT, ItemT]):
    """Calls `apply` with what was added for one key.

    The call comes `linger` seconds after the first item, or `patience` seconds if all items may wait, but
    not within `pace` seconds of the last call for that key; with `most` items it comes at once. Each key
    has one call at a time: what arrives meanwhile is the next batch. Otherwise the backlog of an outage
    would have many writers of one document make each other fail.

    A batch that fails is halved until only the faulty items fail, so `apply` must accept an item twice.
    An exception of `shared`, such as that the store is away, is the fault of no item: it fails them all.
    """

    def __init__(
        self,
        apply: Callable[[KeyT, list[ItemT]], Awaitable[None]],
        linger: float,
        *,
        pace: float = 0.0,
        patience: float = 0.0,
        most: int = 500,
        shared: tuple[type[Exception], ...] = (),
    ) -> None:
        self._apply = apply
        self._linger = linger
        self._pace = pace
        self._patience = patience
        self._most = most
        self._shared = shared
        self._open: dict[KeyT, tuple[_Batch[ItemT], asyncio.Task[None]]] = {}
        self._applying: dict[KeyT, asyncio.Task[None]] = {}
        self._applied: BoundedDict[KeyT, float] = BoundedDict(_REMEMBERED)

    async def add(self, key: KeyT, item: ItemT, *, may_wait: bool = False) -> None:
        """Return when `item` has been applied; raise what `apply` raises for it."""
        if key not in self._open:
            fresh: _Batch[ItemT] = _Batch()
            self._open[key] = fresh, asyncio.create_task(self._later(key, fresh))
        batch, applied = self._open[key]
        place = len(batch.items)
        batch.items.append(item)
        batch.apply_by(self._due(key, may_wait=may_wait))
        if len(batch.items) >= self._most:
            batch.due.set()
        await asyncio.shield(applied)
        if place in batch.faults:
            raise batch.faults[place]

    def _due(self, key: KeyT, *, may_wait: bool) -> float:
        now = asyncio.get_running_loop().time()
        wait = max(self._patience, self._linger) if may_wait else self._linger
        return max(now + wait, self._earliest(key))

    def _earliest(self, key: KeyT) -> float:
        return self._applied.get(key, float("-inf")) + self._pace

    async def _later(self, key: KeyT, batch: _Batch[ItemT]) -> None:
        await batch.due.wait()
        while key in self._applying:
            await asyncio.wait({self._applying[key]})
        earliest = self._earliest(key)  # later than when the items came, if a call has ended since
        if len(batch.items) < self._most and earliest > asyncio.get_running_loop().time():
            batch.put_off(earliest)
            await batch.due.wait()
        self._applying[key] = self._open.pop(key)[1]
        try:
            await self._apply_each(key, batch.items, 0, batch.faults)
        finally:
            del self._applying[key]
            self._applied[key] = asyncio.get_running_loop().time()

    async def _apply_each(
        self, key: KeyT, items: list[ItemT], first: int, faults: dict[int, Exception]
    ) -> None:
        """Apply `items`, and add to `faults` those of items that fail alone; `first` is their place."""
        try:
            await self._apply(key, items)
        except self._shared:
            raise
        except Exception as fault:  # noqa: BLE001 - `add` raises it
            if len(items) == 1:
                faults[first] = fault
                return
            half = len(items) // 2
            await self._apply_each(key, items[:half], first, faults)
            await self._apply_each(key, items[half:], first + half, faults)
