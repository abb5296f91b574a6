"""Wake-ups: sent in the background, each at most once."""

import asyncio
import gc
import warnings

from structlog.testing import capture_logs

from common.errors import Unavailable
from common.times import utc_now
from executor.domain.log import moves
from executor.domain.log.execution import Execution
from executor.domain.log.outbox import Outbox

JOB = Execution(job_id="job_1", workspace_id="ws_1", crew_id="crew_1", created_at=utc_now())


class Bus:
    """Records what is published; waits until it is `open`, or is `away`."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.open = asyncio.Event()
        self.away = False

    async def publish_events(self, _, records) -> None:
        await self._send(f"events {[record.type for record in records]}")

    async def publish_submission(self, job) -> None:
        await self._send(f"submission {job.job_id}")

    async def publish_stop(self, job) -> None:
        await self._send(f"stop {job.job_id}")

    async def _send(self, what: str) -> None:
        await self.open.wait()
        if self.away:
            raise Unavailable("the bus is away")
        self.sent.append(what)


async def test_a_request_does_not_wait_for_its_wake_up() -> None:
    bus = Bus()
    outbox = Outbox(bus)
    outbox.send_submission(JOB)
    outbox.send_stop(JOB, moves.stop(JOB, utc_now()).records)
    assert bus.sent == []
    bus.open.set()
    await outbox.close()
    assert sorted(bus.sent) == ["events ['execution_stopped']", "stop job_1", "submission job_1"]


async def test_a_wake_up_that_fails_is_logged() -> None:
    bus = Bus()
    bus.away = True
    bus.open.set()
    outbox = Outbox(bus)
    with capture_logs() as logs:
        outbox.send_submission(JOB)
        await outbox.close()
    (line,) = logs
    assert (line["event"], line["job_id"]) == ("a wake-up did not get out", "job_1")


async def test_a_wake_up_cancelled_before_it_began_leaves_nothing_behind() -> None:
    outbox = Outbox(Bus())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        outbox.send_submission(JOB)
        await outbox.close(grace=0)
        gc.collect()
