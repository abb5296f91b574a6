"""Group commit: who goes out with whom, and whose fault is whose."""

import asyncio

import pytest

from common.storage.grouping import Grouped


class Work:
    """Doubles each number; while `gate` is shut, a call is under way. Refuses 13, breaks at 99."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def perform(self, items) -> list[int | Exception]:
        self.calls.append(list(items))
        await self.gate.wait()
        if 99 in items:
            raise OSError("broken")
        return [ValueError("13 brings bad luck") if item == 13 else 2 * item for item in items]


async def begun(*calls) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(call) for call in calls]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def test_what_comes_during_a_call_goes_out_together():
    work = Work()
    doubled = Grouped(work.perform, limit=3)
    work.gate.clear()
    first = await begun(doubled(1))
    others = await begun(*(doubled(n) for n in range(2, 7)))
    work.gate.set()
    assert await asyncio.gather(*first, *others) == [2, 4, 6, 8, 10, 12]
    assert work.calls == [[1], [2, 3, 4], [5, 6]]
    assert await doubled(7) == 14
    assert work.calls[-1] == [7]


async def test_one_items_fault_is_its_callers_alone():
    work = Work()
    doubled = Grouped(work.perform)
    work.gate.clear()
    tasks = await begun(*(doubled(n) for n in (1, 12, 13, 14)))
    work.gate.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [answers[0], answers[1], answers[3]] == [2, 24, 28]
    assert isinstance(answers[2], ValueError)


async def test_a_broken_call_is_told_to_all_and_the_next_one_is_made():
    work = Work()
    doubled = Grouped(work.perform)
    work.gate.clear()
    first = await begun(doubled(1))
    broken = await begun(doubled(2), doubled(99))
    work.gate.set()
    await asyncio.gather(*first)
    for task in broken:
        with pytest.raises(OSError, match="broken"):
            await task
    assert await doubled(3) == 6


async def test_a_cancelled_caller_spoils_nothing():
    work = Work()
    doubled = Grouped(work.perform)
    work.gate.clear()
    first, second, third = await begun(doubled(1), doubled(2), doubled(3))
    second.cancel()
    work.gate.set()
    assert (await first, await third) == (2, 6)
    assert second.cancelled()
