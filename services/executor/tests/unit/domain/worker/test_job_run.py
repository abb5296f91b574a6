"""How a run ends that does not end by itself."""

import pytest

from common.contracts.events import ExecutionStatus
from executor.domain.log.journal import TooLarge


class Endless:
    """A run that returns without an end."""

    async def run(self, job, journal):
        pass


class Bulky:
    async def run(self, job, journal):
        raise TooLarge("One event has 3 MB.")


class Faulty:
    async def run(self, job, journal):
        raise ValueError("a bug")


@pytest.mark.parametrize(
    ("run", "code"),
    [
        (Endless(), "INTERNAL_ERROR"),
        (Faulty(), "INTERNAL_ERROR"),
        (Bulky(), "OUTPUT_TOO_LARGE"),
    ],
)
async def test_a_run_without_an_end_of_its_own_fails_its_job(
    store, make_worker, queue, until, run, code
):
    async def runner():
        return run

    await queue(1)
    worker = make_worker("worker_1", runner=runner)
    await worker.start()
    await until(lambda: store.jobs["job_0"].final)
    job = store.jobs["job_0"]
    assert (job.status, job.state.error["code"]) == (ExecutionStatus.FAILED, code)
