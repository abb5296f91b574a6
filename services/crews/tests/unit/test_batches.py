"""Gathering what comes for one thing."""

import asyncio

import pytest

from common.errors import Unavailable
from crews.messaging.batches import Batches


async def test_one_key_is_written_once_at_a_time_and_others_do_not_wait() -> None:
    at_work: list[str] = []
    written: list[tuple[str, list[int]]] = []
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def apply(key: str, items: list[int]) -> None:
        assert key not in at_work
        at_work.append(key)
        begun.set()
        if key == "slow":
            await go_on.wait()
        at_work.remove(key)
        written.append((key, list(items)))

    batches: Batches[str, int] = Batches(apply, 0)
    first = asyncio.create_task(batches.add("slow", 1))
    await begun.wait()
    later = [asyncio.create_task(batches.add("slow", number)) for number in (2, 3)]
    await batches.add("quick", 9)
    later.append(asyncio.create_task(batches.add("slow", 4)))
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(first, *later)
    assert written == [("quick", [9]), ("slow", [1]), ("slow", [2, 3, 4])]


async def test_a_batch_that_fails_fails_those_in_it_only() -> None:
    async def apply(key: str, items: list[int]) -> None:
        if 1 in items:
            raise ValueError("it does not fit")

    batches: Batches[str, int] = Batches(apply, 0)
    with pytest.raises(ValueError, match="does not fit"):
        await batches.add("a", 1)
    await batches.add("a", 2)


class Written:
    """What was applied, batch by batch."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    async def apply(self, _: str, items: list[int]) -> None:
        self.batches.append(list(items))


async def test_items_that_may_wait_are_written_with_the_one_that_may_not() -> None:
    written = Written()
    batches: Batches[str, int] = Batches(written.apply, 0, patience=60)
    waiting = [asyncio.create_task(batches.add("a", n, may_wait=True)) for n in (1, 2)]
    await asyncio.sleep(0)
    assert written.batches == []
    async with asyncio.timeout(60):
        await batches.add("a", 3)
        await asyncio.gather(*waiting)
    assert written.batches == [[1, 2, 3]]


async def test_items_that_may_wait_do_not_wait_for_ever() -> None:
    written = Written()
    batches: Batches[str, int] = Batches(written.apply, 0, patience=0.01)
    async with asyncio.timeout(60):
        await batches.add("a", 1, may_wait=True)
    assert written.batches == [[1]]


async def test_a_key_that_was_just_written_waits_for_its_pace_and_others_do_not() -> None:
    written = Written()
    batches: Batches[str, int] = Batches(written.apply, 0, pace=60)
    async with asyncio.timeout(60):
        await batches.add("a", 1)
        again = asyncio.create_task(batches.add("a", 2))
        await batches.add("b", 3)
    assert written.batches == [[1], [3]]
    again.cancel()


async def test_what_comes_during_a_call_waits_for_the_pace_after_it() -> None:
    written: list[list[int]] = []
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def apply(_: str, items: list[int]) -> None:
        written.append(list(items))
        begun.set()
        await go_on.wait()

    batches: Batches[str, int] = Batches(apply, 0, pace=60, most=2)
    async with asyncio.timeout(60):
        first = asyncio.create_task(batches.add("a", 1))
        await begun.wait()
        again = asyncio.create_task(batches.add("a", 2))
        go_on.set()
        await first
        await batches.add("b", 3)
        assert written == [[1], [3]]
        await batches.add("a", 4)  # with which it is full
        await again
    assert written == [[1], [3], [2, 4]]


async def test_a_batch_that_is_full_waits_for_nothing() -> None:
    written = Written()
    batches: Batches[str, int] = Batches(written.apply, 60, pace=60, patience=60, most=3)
    async with asyncio.timeout(60):
        await asyncio.gather(*(batches.add("a", n, may_wait=True) for n in (1, 2, 3)))
    assert written.batches == [[1, 2, 3]]


async def test_one_faulty_item_fails_alone() -> None:
    applied: list[int] = []

    async def apply(_: str, items: list[int]) -> None:
        if faulty := [item for item in items if item % 7 == 3]:
            raise ValueError(f"{faulty[0]} does not fit")
        applied.extend(items)

    batches: Batches[str, int] = Batches(apply, 0)
    outcomes = await asyncio.gather(
        *(batches.add("a", n) for n in range(12)), return_exceptions=True
    )
    assert [n for n, outcome in enumerate(outcomes) if outcome is not None] == [3, 10]
    assert [str(outcomes[n]) for n in (3, 10)] == ["3 does not fit", "10 does not fit"]
    assert applied == [n for n in range(12) if n not in {3, 10}]


async def test_a_store_that_is_away_is_asked_once_for_the_whole_batch() -> None:
    calls = 0

    async def apply(_: str, __: list[int]) -> None:
        nonlocal calls
        calls += 1
        raise Unavailable("away")

    batches: Batches[str, int] = Batches(apply, 0, shared=(Unavailable,))
    outcomes = await asyncio.gather(
        *(batches.add("a", n) for n in range(9)), return_exceptions=True
    )
    assert calls == 1
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
