"""Connections for what a workspace has set: to public addresses, and hosts that the operator allows.

An address is checked when the connection is made, and it is the one that is connected to: a name that
changes its address leads nowhere else.
"""

import contextlib
from collections.abc import Iterable, Sequence
from typing import Any

import httpcore2
import httpx2

from common.security.outgoing import REFUSED, OutgoingGuard


class NotPublic(httpcore2.ConnectError):
    """A host has no address that may be connected to."""


class GuardedTransport(httpx2.AsyncHTTPTransport):
    """An HTTP transport whose connections go through `guard`."""

    def __init__(self, guard: OutgoingGuard, limits: httpx2.Limits) -> None:
        super().__init__(trust_env=False, limits=limits)
        # httpx2 has no argument for it, though the pool behind it has.
        self._pool._network_backend = _GuardedBackend(guard)  # noqa: SLF001


class _GuardedBackend(httpcore2.AsyncNetworkBackend):
    def __init__(self, guard: OutgoingGuard) -> None:
        self._guard = guard
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first address of `host` that may be connected to and answers."""
        for address in await self._addresses(host, port):
            with contextlib.suppress(httpcore2.ConnectError):
                return await self._inner.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
        raise httpcore2.ConnectError(f"{host} does not answer")

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        if self._guard.allows(host, port):
            return [host]
        try:
            found = await self._guard.addresses(host, port)
        except (OSError, UnicodeError):
            raise httpcore2.ConnectError(f"{host} is not found") from None
        if not found:
            raise NotPublic(f"{host} is {REFUSED}")
        return found

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore2.AsyncNetworkStream:
        raise NotPublic("a socket file is no public address")

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)
