"""Workers are as many as there is work for, never more than allowed, and take items in order."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.bus.workers import Workers, WorkQueue

COUNT = 300


class Desk:
    """Where items lie until they are let go; knows which were begun."""

    def __init__(self, count: int) -> None:
        self.queue: WorkQueue[int] = WorkQueue()
        self.begun: list[int] = []
        self.most = 0
        self._now = 0
        self._leave = asyncio.Semaphore(0)
        self.workers = Workers(self.queue, self._work, count)

    async def _work(self, item: int, stopping: asyncio.Event) -> None:
        if stopping.is_set():
            self.queue.put_back(item)
            return
        self.begun.append(item)
        self._now += 1
        self.most = max(self.most, self._now)
        await self._leave.acquire()
        self._now -= 1

    def let_go(self, many: int) -> None:
        for _ in range(many):
            self._leave.release()

    async def until_begun(self, many: int) -> None:
        async with asyncio.timeout(60):
            while len(self.begun) < many:  # noqa: ASYNC110 - turns of the loop are counted
                await asyncio.sleep(0)


def tasks() -> int:
    return len(asyncio.all_tasks()) - 1


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk(COUNT)
    made.workers.start()
    yield made
    made.let_go(10 * COUNT)
    await made.workers.finish()
    assert tasks() == 0


async def test_idle_ones_are_few_before_and_after_a_burst(desk: Desk) -> None:
    await asyncio.sleep(0)
    assert tasks() == 1
    for item in range(2 * COUNT):
        desk.queue.put(item)
    await desk.until_begun(COUNT)
    assert (desk.most, tasks()) == (COUNT, COUNT)
    desk.let_go(2 * COUNT)
    await desk.until_begun(2 * COUNT)
    async with asyncio.timeout(60):
        while tasks() > 8:  # noqa: ASYNC110 - they end by themselves
            await asyncio.sleep(0)
    assert desk.begun == list(range(2 * COUNT))
    assert desk.most == COUNT


async def test_those_that_are_stopped_take_nothing_and_go_on_when_started_again(desk: Desk) -> None:
    for item in range(3):
        desk.queue.put(item)
    await desk.until_begun(3)
    desk.workers.stop()
    for item in range(3, 6):
        desk.queue.put(item)
    for _ in range(20):
        await asyncio.sleep(0)
    assert desk.begun == [0, 1, 2]
    desk.workers.start()
    await desk.until_begun(6)
    assert desk.begun == list(range(6))


@given(
    count=st.integers(1, 12),
    moves=st.lists(st.sampled_from(["put", "let go", "turn", "restart"]), max_size=60),
)
def test_whatever_happens_each_item_is_worked_once(count: int, moves: list[str]) -> None:
    async def play() -> None:
        desk = Desk(count)
        desk.workers.start()
        put = 0
        for move in moves:
            if move == "put":
                desk.queue.put(put)
                put += 1
            elif move == "let go":
                desk.let_go(1)
            elif move == "restart":
                desk.workers.stop()
                desk.workers.start()
            else:
                await asyncio.sleep(0)
        desk.let_go(put)
        await desk.until_begun(put)
        await desk.workers.finish()
        assert sorted(desk.begun) == list(range(put))
        assert tasks() == 0

    asyncio.run(play())
