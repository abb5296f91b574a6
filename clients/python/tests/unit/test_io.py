"""Work on many things at a time, in both ways.

Covers: kasal_client.io_async, kasal_client.io_sync
"""

import asyncio
import threading

import pytest

from kasal_client import io_async, io_sync


async def test_results_come_as_they_are_ready_and_never_too_many_at_a_time():
    gates = {n: asyncio.Event() for n in range(4)}
    running: set[int] = set()
    most = 0

    async def work(n: int) -> int:
        nonlocal most
        running.add(n)
        most = max(most, len(running))
        await gates[n].wait()
        running.discard(n)
        return n

    found = []
    gates[1].set()
    async for n in io_async.results_of(work, range(4), 2):
        found.append(n)
        gates[{1: 2, 2: 0, 0: 3}.get(n, 3)].set()
    assert found == [1, 2, 0, 3]
    assert most == 2


async def test_what_is_left_early_is_given_up():
    given_up = []

    async def work(n: int) -> int:
        if n:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                given_up.append(n)
                raise
        return n

    results = io_async.results_of(work, range(3), 3)
    assert await anext(results) == 0
    await results.aclose()
    assert sorted(given_up) == [1, 2]


def test_threads_do_the_same():
    both = threading.Barrier(2, timeout=30)

    def work(n: int) -> int:
        both.wait()
        return n

    assert sorted(io_sync.results_of(work, range(4), 2)) == [0, 1, 2, 3]


def test_a_fault_reaches_the_reader():
    with pytest.raises(ZeroDivisionError):
        list(io_sync.results_of(lambda n: 1 // n, [0], 2))
