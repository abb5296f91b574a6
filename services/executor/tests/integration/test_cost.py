"""What a job costs the store."""

from common.bus import encode
from common.contracts.topology import JOBS
from executor.store.executions import MongoExecutions

_WRITES = ("insert", "update", "delete", "findAndModify")


async def test_what_a_job_of_eleven_events_writes(
    commands,
    workers,
    submission,
    make_runner,
    backends,
    settings,
    telemetry,
    store_database,
    eventually,
):
    bus = backends.bus(settings, telemetry)
    await bus.start()
    await workers.start(make_runner())
    message = submission()
    await bus.publish(JOBS, message.message_type, encode(message))
    executions = MongoExecutions(store_database("executor"))

    async def closed():
        job = await executions.head(message.job_id)
        return job is not None and not job.open

    await eventually(closed)
    written = {
        what: count
        for what, count in commands.counted.items()
        if what.startswith(_WRITES) and not what.endswith((" workers", " schema"))
    }
    assert 5 <= sum(written.values()) <= 8, written
    await bus.close()
