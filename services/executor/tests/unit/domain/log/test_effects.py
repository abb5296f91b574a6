import asyncio

import pytest

from common.contracts.events import (
    TaskStart,
)
from common.times import utc_now
from executor.domain.log import appender, moves
from executor.domain.log.events import EventDraft
from executor.domain.log.journal import Superseded

pytestmark = pytest.mark.usefixtures("quick")


def start(n=1):
    return EventDraft(TaskStart(task_id=f"t{n}"))


async def test_an_effect_begins_when_all_is_stored(journal, store):
    journal.append(start())
    async with journal.effect():
        assert store.jobs["job_1"].seq == 2


async def test_a_worker_that_slept_before_an_effect_asks_whose_the_job_is(
    journal, store, monkeypatch
):
    journal.append(start())
    await journal.flush()
    await store.apply(moves.claim(store.jobs["job_1"], "other", utc_now(), lost=True, limit=5))
    async with journal.effect():
        pass  # nobody can know yet: the write was just now
    monkeypatch.setattr(appender, "_SURE_FOR", -1.0)
    with pytest.raises(Superseded):
        async with journal.effect():
            raise AssertionError("it was begun")


async def test_no_effect_begins_once_they_are_closed_and_those_under_way_end(journal):
    begun, end = asyncio.Event(), asyncio.Event()

    async def effect():
        async with journal.effect():
            begun.set()
            await end.wait()

    first = asyncio.create_task(effect())
    await begun.wait()
    closing = asyncio.create_task(journal.effects.close(5.0))
    await asyncio.sleep(0)
    begun.clear()
    second = asyncio.create_task(effect())
    end.set()
    await asyncio.gather(first, closing)
    assert not second.done()
    assert not begun.is_set()
    second.cancel()
    await journal.effects.close(0.001)
