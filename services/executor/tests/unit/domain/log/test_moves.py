from dataclasses import replace

import pytest
from msgspec import UNSET

from common.contracts.events import (
    ExecutionStatus,
    TaskStart,
)
from common.times import utc_now
from executor.domain.log import moves
from executor.domain.log.appender import Appender
from executor.domain.log.events import EventDraft
from executor.domain.log.execution import Execution
from executor.domain.meters import NoMeters

pytestmark = pytest.mark.usefixtures("quick")


def start(n=1):
    return EventDraft(TaskStart(task_id=f"t{n}"))


async def test_a_job_that_keeps_killing_its_workers_is_given_up(store, make_crew):
    job = Execution("job_3", "ws_1", "crew_1", utc_now(), snapshot=make_crew())
    await store.insert(job)
    for n in range(3):
        step = moves.claim(job, f"worker_{n}", utc_now(), lost=n > 0, limit=3)
        job = step.after
        job = replace(job) if n else moves.hand_back(job, published=0).after
        if not n:
            job = moves.claim(job, "worker_0", utc_now(), lost=False, limit=3).after
    assert (job.status, job.lost_claims) == (ExecutionStatus.RUNNING, 2)
    ended = moves.claim(job, "worker_9", utc_now(), lost=True, limit=3).after
    assert ended.status == ExecutionStatus.FAILED
    assert ended.state.error["code"] == "ATTEMPTS_EXHAUSTED"


@pytest.mark.parametrize(
    ("of_crew", "asked", "told"), [(3, None, 3), (None, 2, 2), (None, None, UNSET)]
)
def test_the_first_claim_tells_the_version_that_runs(make_crew, of_crew, asked, told):
    crew = make_crew().model_copy(update={"version": of_crew})
    job = Execution("job_5", "ws_1", "crew_1", utc_now(), snapshot=crew, crew_version=asked)
    claimed = moves.claim(job, "worker_1", utc_now(), lost=False, limit=3).after
    begun = claimed.tail[0].entry()
    assert (begun.type, begun.body.version) == ("execution_start", told)


async def test_a_job_that_gets_further_has_lost_no_worker_in_a_row(store, bus, make_crew):
    job = Execution("job_4", "ws_1", "crew_1", utc_now(), snapshot=make_crew(), lost_claims=2)
    await store.insert(job)
    step = moves.claim(job, "worker_1", utc_now(), lost=False, limit=5)
    await store.apply(step)
    assert step.after.lost_claims == 2
    journal = Appender(step.after, store, bus, NoMeters())
    journal.append(start())
    await journal.flush()
    assert store.jobs["job_4"].lost_claims == journal.job.lost_claims == 0
    journal.announcer.stop()
