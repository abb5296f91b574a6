"""One workspace has hundreds of long jobs; another's small job starts all the same, and soon."""

import asyncio

import pytest

from common.bus import encode
from common.contracts.messages import StoredJob
from common.contracts.topology import JOBS
from common.errors import Unavailable
from common.times import utc_now
from executor.domain.log.execution import Execution

LONG, SLOTS = 200, 80
"""More jobs wait than the search for queued ones reads at once."""


@pytest.fixture
def runner(make_runner):
    """Runs whose jobs never come to an end, but for those of `small`."""

    class Slow(make_runner):
        def __init__(self) -> None:
            super().__init__()
            self.small = asyncio.Event()
            self.full = asyncio.Event()
            self.wanted = 0

        async def run(self, job, journal):
            self.started.append((job.workspace_id, job.job_id))
            if len(self.started) >= self.wanted:
                self.full.set()
            if job.workspace_id != "ws_small":
                await asyncio.Event().wait()
            self.small.set()
            await make_runner().run(job, journal)

    return Slow()


@pytest.fixture
def settings(request, settings):
    if request.param == "rabbitmq":
        return settings.model_copy(update={"amqp_url": request.getfixturevalue("amqp_url")})
    return settings


@pytest.fixture
def stored(executions, make_crew, eventually):
    async def store(workspace: str, many: int) -> list[Execution]:
        crew = make_crew(workspace_id=workspace)
        jobs = [
            Execution(
                f"job_{workspace}_{n:04}",
                workspace,
                crew.id,
                utc_now(),
                inputs={"topic": "bees"},
                snapshot=crew,
                ticket=f"ticket_{workspace}_{n}",
            )
            for n in range(many)
        ]
        for start in range(0, many, 50):
            await asyncio.gather(*map(insert, jobs[start : start + 50]))
        return jobs

    async def insert(job: Execution) -> None:
        async def is_stored() -> bool:
            try:
                await executions.insert(job)
            except (
                Unavailable
            ):  # the embedded database may stand still for seconds, which is not tried here
                return False
            return True

        await eventually(is_stored, within=120)

    return store


@pytest.fixture
def announce(bus, submission):
    """Publish jobs as the api does, or as a service does that has not stored them."""

    async def publish(jobs, *, told: bool) -> None:
        for job in jobs:
            facts = {"job_id": job.job_id, "workspace_id": job.workspace_id}
            if told:
                facts["stored"] = StoredJob(
                    ticket=job.ticket, created_at=job.created_at, snapshot=job.snapshot
                )
            message = submission(**facts)
            await bus.publish(JOBS, message.message_type, encode(message))

    return publish


@pytest.mark.parametrize(  # what is used together
    ("settings", "store_kind"), [("memory", "sqlite"), ("rabbitmq", "mongo")], indirect=True
)
@pytest.mark.parametrize("many", [1, 3])
@pytest.mark.parametrize("way", ["told", "bare", "backlog"])
async def test_a_small_job_starts_beside_hundreds_of_anothers(
    way, many, workers, runner, stored, announce, executions, eventually, settings
):
    slots = SLOTS // many
    runner.wanted = slots * many
    for _ in range(many):
        await workers.start(runner, worker_slots=slots)
    long = await stored("ws_large", LONG) if way != "bare" else _bare("ws_large", LONG)
    if way != "backlog":
        await announce(long, told=way == "told")
    await runner.full.wait()

    async def all_stored():
        waiting = await executions.count_queued("ws_large", LONG)
        return waiting == LONG - runner.wanted

    await eventually(all_stored, within=120)
    small = await stored("ws_small", 1) if way != "bare" else _bare("ws_small", 1)
    if way != "backlog":
        await announce(small, told=way == "told")
    await runner.small.wait()
    assert len(runner.started) <= runner.wanted + 1

    async def ended():
        job = await executions.head(small[0].job_id)
        return job is not None and job.final

    await eventually(ended)


def _bare(workspace: str, many: int) -> list[Execution]:
    return [
        Execution(f"job_{workspace}_{n:04}", workspace, "crew_abc123", utc_now())
        for n in range(many)
    ]
