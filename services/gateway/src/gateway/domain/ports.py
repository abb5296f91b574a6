"""What the door needs from outside."""

from collections.abc import AsyncIterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from multidict import CIMultiDict

from common.identity import Identity
from gateway.domain.windows import RateLimits, WindowUsage


class PlanSource(Protocol):
    """What auth knows of a workspace's plan."""

    async def limits(self, workspace_id: str) -> RateLimits:
        """Return its limits. Raises a `KasalError` when auth is away or knows no such workspace."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What the shared counters say about one request."""

    revoked: bool
    admitted: bool
    usage: WindowUsage
    complete: bool
    """Whether the revocations there are known to be complete."""


class SharedCounters(Protocol):
    """Revocations and rate windows that all gateways share."""

    async def check(
        self, key: str, limits: RateLimits, identity: Identity | None
    ) -> Counted | None:
        """Look up and count one request in one round trip; None while the counters are away."""


Headers = Sequence[tuple[bytes, bytes]]


class UpstreamAnswer(Protocol):
    """A service's answer with its body unread. Call `release` in the end."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Headers: ...

    @property
    def length(self) -> int | None:
        """How many bytes the body has, where the service says so."""

    async def read(self) -> bytes:
        """Return the whole body. Raises `Unavailable` or `UpstreamTimeout`."""

    async def read_part(self) -> bytes:
        """Return what has arrived of the body; nothing at its end. Raises as `read` does."""

    def drop(self) -> None:
        """Close the connection without reading the body, which may have no end."""

    def release(self) -> None:
        """Give the connection back."""


class SocketClosed(Exception):  # noqa: N818 - it names what happened
    """A WebSocket has ended.

    `code` is None where the other side gave none; `by_us` says that our own side closed it.
    """

    def __init__(self, code: int | None, reason: str, *, by_us: bool = False) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.by_us = by_us


class UpstreamSocket(Protocol):
    """A WebSocket to a service."""

    @property
    def protocol(self) -> str | None:
        """The subprotocol that the service chose."""

    async def receive(self) -> str | bytes:
        """Return the next message. Raises `SocketClosed`."""

    async def send(self, message: str | bytes) -> None:
        """Send a message, no faster than the service reads. Raises a `KasalError` once it is gone."""

    async def close(self, code: int, reason: str = "") -> None:
        """Close it; a second time does nothing. Raises a `KasalError` when the service is gone."""


class Upstream(Protocol):
    """A service that requests are forwarded to."""

    @property
    def name(self) -> str: ...

    async def request(
        self,
        method: str,
        target: str,
        headers: CIMultiDict[str],
        data: bytes | AsyncIterable[bytes] | None,
        *,
        streamed: bool,
    ) -> UpstreamAnswer:
        """Send a request and return the answer. Raises `Unavailable` or `UpstreamTimeout`.

        `target` is the path and query as received; `streamed` says that the answer may have no end.
        """

    async def socket(
        self, target: str, headers: CIMultiDict[str], protocols: Sequence[str]
    ) -> UpstreamSocket:
        """Open a WebSocket.

        Raises the error that the service answers the handshake with, `Unavailable` or
        `UpstreamTimeout`.
        """

    async def ping(self) -> None:
        """Return if the service can answer requests; raises otherwise."""
