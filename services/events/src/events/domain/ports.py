"""What the relay needs from outside."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from common.identity import Identity
from events.domain.event import Batch, DeltaFrame, EventFrame


@dataclass(frozen=True, slots=True)
class LogHead:
    """Where a job's log stands: its status, and the `seq` of its last event (0 before any)."""

    status: str
    last_seq: int


@dataclass(frozen=True, slots=True)
class LogPage:
    """Events in rising order, and the head at the time of reading."""

    events: Sequence[EventFrame]
    head: LogHead


class ExecutionLog(Protocol):
    """The stored events, which the executor owns.

    Calls raise `Unavailable` or `UpstreamTimeout` when it does not answer, and `NotFound` for a
    job that is not in the workspace.
    """

    async def page(self, workspace_id: str, job_id: str, after_seq: int, limit: int) -> LogPage:
        """Return at most `limit` events that follow `after_seq`."""

    async def heads(self, job_ids: Sequence[str]) -> Mapping[str, LogHead]:
        """Return the heads of these jobs, of any workspace; unknown ones are left out."""


class Bindings(Protocol):
    """Which jobs' events the bus sends to this process."""

    async def bind(self, key: str) -> None:
        """Return when the broker has confirmed it. Raises `Unavailable`."""

    async def unbind(self, key: str) -> None:
        """Stop getting them. Raises `Unavailable`."""


class WishSender(Protocol):
    """Tells workers which jobs' texts somebody wants to see while they are written."""

    async def want(self, job_ids: Sequence[str], workspace_ids: Sequence[str]) -> None:
        """Tell all workers; it holds for a while. Raises `Unavailable`.

        In the workspaces, texts of jobs that begin now may be wanted, too.
        """


class TooSlow(Exception):  # noqa: N818 - it says what the client is
    """The client did not read in time; it is to be closed and may come back."""


class Sink(Protocol):
    """One client's connection, as a watch writes to it."""

    @property
    def ready(self) -> bool:
        """Whether it holds so little unsent that another batch stays within its bounds."""

    def write(self, batch: Batch) -> None:
        """Send the batch, without waiting. To be called when `ready`."""

    def write_delta(self, delta: DeltaFrame) -> None:
        """Send the delta, without waiting. To be called when `ready`."""

    async def wait_until_ready(self) -> None:
        """Wait for the client to read. Raises `TooSlow` when that takes too long.

        Others that waited too may have filled it again: check `ready` before you write.
        """


class ClientConnection(Protocol):
    """An open socket or stream that can be ended from outside."""

    @property
    def identity(self) -> Identity | None:
        """Whose it is; None until that is known."""

    def end(self, code: int, reason: str) -> None:
        """Close it with this WebSocket code. Does not wait."""


LIMITS = ("process", "workspace", "subscriptions")
"""What a limit is on: a process's connections, a workspace's, or the jobs that a socket watches."""


class RelayMeters(Protocol):
    """What is counted, for `/metrics`. Nothing is counted per frame."""

    def count_opened(self, kind: str) -> None:
        """Count a new connection, a `websocket` or `sse`."""

    def count_closed(self, kind: str) -> None:
        """Count a connection that has closed."""

    def count_relayed(self, frames: int) -> None:
        """Count live events, once for each client."""

    def count_slow_client(self) -> None:
        """Count a client that was closed for reading too slowly."""

    def count_limit_hit(self, limit: str) -> None:
        """Count a refusal; `limit` is one of `LIMITS`."""

    def count_healed_gap(self) -> None:
        """Count events that did not come over the bus and were read from the store."""

    def observe_job_count(self, count: Callable[[], int]) -> None:
        """Report `count()` as the number of watched jobs."""


OnEnd = Callable[[Exception | None], None]
"""Called once when a watch has ended by itself: None after the terminal event, else the reason."""
