"""Work at once: the first fault ends it, and a cancellation is never forgotten."""

import asyncio

import pytest

from executor.domain.log.journal import Superseded
from executor.engine.faults import RunFault
from executor.engine.together import Together

FAULT = RunFault("X", "x")


async def fail(fault=FAULT):
    raise fault


async def forever(ended):
    try:
        await asyncio.Event().wait()
    finally:
        ended.append(1)


async def test_the_first_fault_ends_the_others_even_one_that_was_started_late():
    ended, together = [], Together()

    async def starts():
        await asyncio.sleep(0)
        together.start(fail())
        await forever(ended)

    together.start(starts())
    together.start(forever(ended))
    with pytest.raises(RunFault):
        await together.wait()
    assert ended == [1, 1]
    assert asyncio.current_task().cancelling() == 0


async def test_losing_the_job_weighs_more_than_a_fault():
    together = Together()
    for fault in (FAULT, ValueError("bug"), Superseded("gone")):
        together.start(fail(fault))
    with pytest.raises(Superseded):
        await together.wait()


async def test_a_fault_does_not_hide_a_cancellation():
    failing, began = asyncio.Event(), asyncio.Event()

    async def fails_when_cancelled():
        try:
            began.set()
            await failing.wait()
        finally:
            raise FAULT

    async def work():
        together = Together()
        together.start(fails_when_cancelled())
        await together.wait()

    task = asyncio.create_task(work())
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
