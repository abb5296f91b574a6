"""Where requests that users cause may go: to public addresses, and to hosts that the operator allows."""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from common.security.addresses import is_public

REFUSED = "not a public address"
ADVICE = f"its host is {REFUSED}; the platform's operator may allow it by KASAL_TOOL_ALLOWED_HOSTS"
_LOOK_UP = 3.0
"""Seconds for the look-up of a name."""
_PORTS = {"http": 80, "https": 443}


class OutgoingGuard:
    """Checks where a request would go. `allowed` hosts (`host` or `host:port`) may be anywhere."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._allowed = frozenset(host.strip().lower() for host in allowed if host.strip())

    def allows(self, host: str, port: int) -> bool:
        """Return whether the operator allows this host, wherever it is."""
        host = host.lower()
        return not self._allowed.isdisjoint({host, f"{host}:{port}", f"[{host}]:{port}"})

    def surely_refuses(self, url: str) -> bool:
        """Return whether no request may go to `url`, as far as its host says so without a look-up."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
        return not self.allows(host, port) and _is_inside(host.rstrip("."))

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of `host` that may be connected to. Raises `OSError` if it has none."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return [str(place[0]) for *_, place in found if is_public(str(place[0]))]

    async def fault(self, url: str) -> str | None:
        """Return why no request may go to `url`. A name that is not found now may be found later."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
        if self.allows(host, port):
            return None
        try:
            async with asyncio.timeout(_LOOK_UP):
                inside = not await self.addresses(host, port)
        except (OSError, UnicodeError, TimeoutError):
            return None
        return f"A request cannot go there: {ADVICE}" if inside else None


def _is_inside(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return not is_public(host)


def public_socket(address: tuple[Any, ...]) -> socket.socket:
    """Make the socket for a connection. Raises `OSError` if the address is not public."""
    family, kind, protocol, _, place = address
    if not is_public(str(place[0])):
        raise OSError(f"{place[0]} is {REFUSED}")
    return socket.socket(family, kind, protocol)
