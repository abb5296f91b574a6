"""What a worker repeats, whatever goes wrong."""

import asyncio

import pytest

from common.errors import Unavailable
from executor.domain.worker import rounds
from executor.domain.worker.rounds import Rounds, until_reached


@pytest.mark.parametrize(
    "fault", [Unavailable("The database does not answer."), ValueError("a bug")]
)
async def test_a_fault_ends_a_round_and_not_the_rounds(fault):
    calls, third = 0, asyncio.Event()

    async def call():
        nonlocal calls
        calls += 1
        if calls == 3:
            third.set()
        raise fault

    repeated = Rounds()
    repeated.every(0.001, call, "beat")
    await asyncio.wait_for(third.wait(), 60)
    await repeated.stop()
    assert all(task.done() for task in repeated.tasks)


async def test_a_store_that_is_away_is_waited_for(monkeypatch):
    monkeypatch.setattr(rounds, "_RETRY", 0.001)
    away = [Unavailable("The database does not answer.")] * 3

    async def call():
        if away:
            raise away.pop()

    await asyncio.wait_for(until_reached(call), 60)
    assert not away
