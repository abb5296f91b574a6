"""The jobs that one socket watches."""

from collections.abc import Callable

from common.logs import get_logger
from events.domain import connections as codes
from events.domain.jobs import valid_job_id
from events.domain.ports import TooSlow
from events.domain.watch import Watch
from events.routes import bodies
from events.routes.bodies import Subscribe
from events.routes.sinks import SocketSink
from events.routes.use_cases import UseCases

log = get_logger(__name__)


class SocketClosing(Exception):  # noqa: N818 - it says what is done
    """Ends a socket with a code of the contract."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Subscriptions:
    """Watches by job, all of one workspace. `end` closes the socket with a code and a reason."""

    def __init__(
        self, use_cases: UseCases, sink: SocketSink, end: Callable[[int, str], None]
    ) -> None:
        self._use_cases = use_cases
        self._sink = sink
        self._end = end
        self._watches: dict[str, tuple[str, Watch]] = {}
        self._stopped = False

    async def start(self, workspace_id: str, request: Subscribe) -> None:
        """Watch a job from `after_seq` on. One that is watched already restarts from there.

        Raises `SocketClosing` when there are too many, and what `Relay.join` raises.
        """
        job_id = valid_job_id(request.job_id)
        self.stop(job_id)
        if len(self._watches) >= self._use_cases.settings.subscription_limit:
            self._use_cases.meters.count_limit_hit("subscriptions")
            raise SocketClosing(codes.TOO_MANY, "this socket watches too many jobs")

        def end(reason: Exception | None) -> None:
            self._end_watch(job_id, reason)

        joined = await self._use_cases.relay.join(
            workspace_id, job_id, request.after_seq, self._sink, end, deltas=request.deltas
        )
        self._watches[job_id] = (workspace_id, joined.watch)
        if self._stopped:
            self.stop(job_id)
            return
        head = joined.head
        await self._sink.reply(bodies.subscribed_message(job_id, head.status, head.last_seq))
        joined.watch.start(joined.first)
        if joined.over:
            self.stop(job_id)

    def stop(self, job_id: str) -> None:
        """Stop watching this job, if it is watched."""
        found = self._watches.pop(job_id, None)
        if found is not None:
            workspace_id, watch = found
            self._use_cases.relay.leave(workspace_id, job_id, watch)

    def stop_all(self) -> None:
        """Stop watching every job."""
        self._stopped = True
        for job_id in tuple(self._watches):
            self.stop(job_id)

    def _end_watch(self, job_id: str, reason: Exception | None) -> None:
        self.stop(job_id)
        if isinstance(reason, TooSlow):
            self._end(codes.TOO_SLOW, str(reason))
        elif reason is not None:
            log.warning("a subscription has failed", job_id=job_id, reason=str(reason))
            self._end(codes.RESTART, "the subscription has failed; reconnect")
