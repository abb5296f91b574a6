"""What a run announces through its journal."""

import pytest

from common.contracts.events import TaskStart
from common.times import utc_now
from executor.domain.log import moves
from executor.domain.log.appender import Appender
from executor.domain.log.events import EventDraft
from executor.domain.log.execution import Execution
from executor.domain.meters import NoMeters

pytestmark = pytest.mark.usefixtures("quick")


def start(n=1):
    return EventDraft(TaskStart(task_id=f"t{n}"))


async def test_events_wait_for_the_bus_and_come_in_order(journal, store, bus):
    bus.away = True
    for n in range(5):
        journal.append(start(n))
        await journal.flush()
    assert not await journal.announcer.drained(0.01)
    bus.away = False
    assert await journal.announcer.drained(2.0)
    assert bus.seqs == [1, 2, 3, 4, 5, 6]
    journal.append(start())
    await journal.flush()
    assert store.jobs["job_1"].published == 6


async def test_what_the_last_owner_left_unpublished_is_published_by_the_next(store, bus, make_crew):
    job = Execution("job_2", "ws_1", "crew_1", utc_now(), snapshot=make_crew(), inputs={})
    await store.insert(job)
    step = moves.claim(job, "worker_1", utc_now(), lost=False, limit=5)
    await store.apply(step)
    step = moves.claim(step.after, "worker_2", utc_now(), lost=True, limit=5)
    await store.apply(step)
    journal = Appender(step.after, store, bus, NoMeters())
    assert await journal.announcer.drained(1.0)
    assert bus.seqs == [1, 2]
