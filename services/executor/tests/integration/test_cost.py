"""What a job costs the store."""

from collections import Counter

import pytest
from pymongo import monitoring

from common.bus import encode
from common.contracts.topology import JOBS
from executor.store.executions import MongoExecutions


class Writes(monitoring.CommandListener):
    """Counts write commands by collection; leases are the process's, not the job's."""

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()

    def started(self, event) -> None:
        if event.command_name in {"insert", "update", "delete", "findAndModify"}:
            self.counted[f"{event.command_name} {event.command[event.command_name]}"] += 1

    def succeeded(self, event) -> None: ...

    def failed(self, event) -> None: ...

    def of_jobs(self) -> int:
        return sum(n for name, n in self.counted.items() if not name.endswith(" workers"))


@pytest.fixture
def writes(monkeypatch):
    listener = Writes()
    from pymongo import AsyncMongoClient

    import common.mongo

    def client(*args, **options):
        return AsyncMongoClient(*args, **options, event_listeners=[listener])

    monkeypatch.setattr(common.mongo, "AsyncMongoClient", client)
    return listener


async def test_what_a_job_of_eleven_events_writes(
    writes,
    workers,
    submission,
    make_runner,
    backends,
    settings,
    telemetry,
    mongo_database,
    eventually,
):
    bus = backends.bus(settings, telemetry)
    await bus.start()
    await workers.start(make_runner())
    message = submission()
    await bus.publish(JOBS, message.message_type, encode(message))
    executions = MongoExecutions(mongo_database("executor"))

    async def closed():
        job = await executions.head(message.job_id)
        return job is not None and not job.open

    await eventually(closed)
    assert writes.of_jobs() <= 8
    await bus.close()
