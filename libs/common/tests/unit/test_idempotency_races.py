"""Requests that race, die and come again: each key takes effect at most once a day.

Hypothesis decides at every await who goes on, who dies there, and how much time goes by.
"""

import json
from collections import defaultdict
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import coroutine
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from pydantic import BaseModel

from common.errors import Conflict, IdempotencyKeyReused
from common.idempotency.keys import GivenKey, IdempotencyKeys
from common.idempotency.once import KEPT_FOR, KeyTaken, Receipt, Replayed, at_most_once, receipt_of
from devkit.stores.receipts import MemoryReceipts


class Body(BaseModel):
    name: str


class Made(BaseModel):
    id: int


@coroutine
def pause():
    """An await at which the test decides who goes on."""
    yield


class Store:
    """Things by id, no two of one name; every call pauses before it looks or writes, and after."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.receipts = MemoryReceipts()
        self.count = 0

    async def receipt(self, key: str, now: datetime) -> Receipt | None:
        await pause()
        found = await self.receipts.receipt(key, now)
        await pause()
        return found

    async def forget(self, now: datetime) -> None:
        await self.receipts.forget(now)

    async def add(self, number: int, name: str, receipt: Receipt | None) -> None:
        await pause()
        if name in self.names.values():
            raise Conflict("The name is taken.")
        self.receipts.check_free(receipt)
        self.names[number] = name
        self.receipts.keep(receipt)
        await pause()


@dataclass
class Request:
    key: str
    name: str
    running: Coroutine[Any, Any, int] = field(repr=False, default=None)  # type: ignore[assignment]


KEYS, NAMES = st.sampled_from(["k1", "k2"]), st.sampled_from(["Ann", "Bea", "Cid"])


class Races(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2024, 1, 15, tzinfo=UTC)
        self.store = Store()
        self.keys = IdempotencyKeys("a secret", clock=lambda: self.now)
        self.running: list[Request] = []
        self.effects: dict[str, list[tuple[datetime, int, str]]] = defaultdict(list)
        """For each key: when it took effect, what came of it, and with which body."""

    async def _serve(self, request: Request) -> int:
        once = self.keys.once(
            GivenKey("POST /things", request.key),
            "ws_1",
            Body(name=request.name),
            lambda made: Made(id=made),
        )

        async def make() -> int:
            self.store.count += 1
            number = self.store.count
            await self.store.add(number, request.name, receipt_of(once, number))
            return number

        return await at_most_once(once, self.store, make)

    @rule(key=KEYS, name=NAMES)
    def arrives(self, key: str, name: str) -> None:
        request = Request(key, name)
        request.running = self._serve(request)
        self.running.append(request)

    @precondition(lambda self: self.running)
    @rule(choice=st.integers(0, 1_000), steps=st.integers(1, 8))
    def goes_on(self, choice: int, steps: int) -> None:
        request = self.running[choice % len(self.running)]
        for _ in range(steps):
            if self._step(request):
                return

    @precondition(lambda self: self.running)
    @rule(choice=st.integers(0, 1_000))
    def dies(self, choice: int) -> None:
        self.running.pop(choice % len(self.running)).running.close()

    @precondition(lambda self: not self.running)  # no request lasts for hours
    @rule(hours=st.sampled_from([1, 12, 23, 24]))
    def time_goes_by(self, hours: float) -> None:
        self.now += timedelta(hours=hours)

    @precondition(lambda self: self.store.names)
    @rule(choice=st.integers(0, 1_000))
    def is_deleted(self, choice: int) -> None:
        del self.store.names[sorted(self.store.names)[choice % len(self.store.names)]]

    def _step(self, request: Request) -> bool:
        """Let `request` go on to its next await; say whether it has been answered."""
        before = dict(self.store.names)
        try:
            request.running.send(None)
        except StopIteration as ended:
            self._check_first(request, ended.value)
        except Replayed as ended:
            self._check_replay(request, json.loads(ended.answer)["id"])
        except IdempotencyKeyReused:
            assert self._last(request.key)[2] != request.name
        except KeyTaken:
            raise AssertionError("the twin's receipt was not found") from None
        except Conflict:
            assert request.name in {name for one in self.effects.values() for _, _, name in one}
        else:
            self._note_effect(request, before)
            return False
        self.running.remove(request)
        return True

    def _note_effect(self, request: Request, before: dict[int, str]) -> None:
        for number in self.store.names.keys() - before.keys():
            self.effects[request.key].append((self.now, number, request.name))

    def _last(self, key: str) -> tuple[datetime, int, str]:
        assert self.effects[key], "answered as a repetition, but nothing has taken effect"
        return self.effects[key][-1]

    def _check_first(self, request: Request, number: int) -> None:
        assert (number, request.name) in [(one[1], one[2]) for one in self.effects[request.key]]

    def _check_replay(self, request: Request, number: int) -> None:
        _, first, name = self._last(request.key)
        assert (first, name) == (number, request.name)

    @invariant()
    def no_key_takes_effect_twice_in_a_day(self) -> None:
        for effects in self.effects.values():
            times = [at for at, _, _ in effects]
            for earlier, later in pairwise(times):
                assert later - earlier >= KEPT_FOR

    def teardown(self) -> None:
        for request in self.running:
            request.running.close()


TestRaces = Races.TestCase
TestRaces.settings = settings(max_examples=150, stateful_step_count=40)
