"""The measure of an event loop's lag tells work on the loop from work beside it."""

import asyncio
import gc
import math
import time

import pytest

from devkit.loop_lag import loop_lag


def busy(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


async def test_work_on_the_loop_is_found_even_when_nothing_is_awaited() -> None:
    with pytest.raises(AssertionError, match="held"):
        async with loop_lag():
            busy(0.1)


async def test_work_in_a_task_is_found() -> None:
    async def work() -> None:
        busy(0.1)

    with pytest.raises(AssertionError, match="held"):
        async with loop_lag():
            await asyncio.create_task(work())


async def test_many_short_turns_are_not_one_long_one() -> None:
    async with loop_lag():
        for _ in range(30):
            busy(0.01)
            await asyncio.sleep(0)


async def test_waiting_is_not_work() -> None:
    async with loop_lag(held=math.inf, starved=math.inf) as lag:
        time.sleep(0.1)  # noqa: ASYNC251 - stands for a machine that gives us no processor
    assert lag.held < 0.05
    assert lag.starved < 0.05


async def test_a_thread_that_lets_the_loop_run_does_not_hold_it() -> None:
    async with loop_lag():
        await asyncio.to_thread(busy, 0.3)


async def test_a_thread_that_keeps_the_interpreter_is_found() -> None:
    async with loop_lag(starved=math.inf) as lag:
        await asyncio.to_thread(pow, 3, 1_500_000)  # one call of a C function
    assert lag.starved > 0.05
    assert lag.held < 0.05


async def test_what_was_made_before_is_not_looked_through_for_garbage() -> None:
    made = [[] for _ in range(3_000_000)]
    async with loop_lag():
        gc.collect()
        await asyncio.sleep(0)
    assert len(made) == 3_000_000
    assert gc.get_freeze_count() == 0
