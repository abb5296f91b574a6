"""Publishing in the background: what it announces is already stored."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from common.errors import Unavailable
from common.logs import get_logger
from common.process.background import Background
from executor.domain.log.execution import Execution
from executor.domain.log.ports import Announcements
from executor.domain.log.records import Record

log = get_logger(__name__)


class Outbox:
    """Sends wake-ups without holding up the request.

    A lost wake-up delays its job but loses nothing: workers find queued and ownerless jobs in the
    store, and watchers read the log.
    """

    def __init__(self, bus: Announcements) -> None:
        self._bus = bus
        self._sending = Background()

    def send_submission(self, job: Execution) -> None:
        """Wake a worker for `job`."""
        self._send(job, partial(self._bus.publish_submission, job))

    def send_stop(self, job: Execution, records: Sequence[Record]) -> None:
        """Tell watchers and workers that `job` was stopped."""
        self.send_events(job, records)
        self._send(job, partial(self._bus.publish_stop, job))

    def send_events(self, job: Execution, records: Sequence[Record]) -> None:
        """Tell watchers of new events."""
        self._send(job, partial(self._bus.publish_events, job, records))

    async def close(self, grace: float = 2.0) -> None:
        """Wait at most `grace` seconds for the wake-ups in flight, then cancel them."""
        await self._sending.finish(grace)

    def _send(self, job: Execution, publish: Callable[[], Awaitable[None]]) -> None:
        self._sending.start(self._quietly(job, publish), name="wake", job_id=job.job_id)

    async def _quietly(self, job: Execution, publish: Callable[[], Awaitable[None]]) -> None:
        try:
            await publish()
        except Unavailable as fault:
            log.warning("a wake-up did not get out", job_id=job.job_id, reason=str(fault))
