"""Time limits stand still while a question to a person is open, and go on after the answer."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from executor.engine.faults import RunFault
from executor.engine.limits import time_limit
from executor.engine.waits import Waits

NOW = datetime(2026, 11, 27, tzinfo=UTC)
FAULT = RunFault("TIMEOUT", "too long")


async def test_a_limit_does_not_run_out_while_a_question_is_open():
    waits = Waits()
    waits.begin(NOW)
    async with time_limit(NOW, NOW, 0.01, waits, FAULT):
        await asyncio.sleep(0.05)
    with pytest.raises(RunFault):
        await answered_within(0.01, waits)


async def answered_within(seconds, waits):
    """Wait for ever under a limit whose question is answered at its beginning."""
    async with time_limit(NOW, NOW, seconds, waits, FAULT):
        waits.end(NOW)
        await asyncio.Event().wait()


async def test_a_question_in_the_middle_stops_the_clock_and_its_answer_starts_it():
    waits = Waits()
    async with time_limit(NOW, NOW, 0.02, waits, FAULT):
        waits.begin(NOW)
        waits.begin(NOW)
        waits.end(NOW)
        await asyncio.sleep(0.06)
    with pytest.raises(RunFault):
        await answered_within(0.02, waits)


async def test_time_waited_before_does_not_count_and_overlaps_count_once():
    waits = Waits()
    waits.begin(NOW)
    waits.begin(NOW + timedelta(seconds=1))
    waits.end(NOW + timedelta(seconds=5))
    waits.end(NOW + timedelta(seconds=10))
    assert waits.over == timedelta(seconds=10)
    async with time_limit(NOW + timedelta(seconds=10), NOW, 1, waits, FAULT):
        pass
    with pytest.raises(RunFault):
        async with time_limit(NOW + timedelta(seconds=12), NOW, 1, waits, FAULT):
            pass
