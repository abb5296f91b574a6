"""Whether a page from elsewhere may use the caller's browser (RFC 6454, RFC 6455 section 10.2)."""

from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from starlette.types import Scope

from common.requests import header

_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def allowed(headers: Mapping[str, str], origins: Collection[str]) -> bool:
    """Return whether a request with these headers may open a socket.

    Yes without an `Origin` (no browser), for pages of the very host that was asked - as the client
    named it to us or, behind the gateway, to that - and for those listed in `origins`.
    """
    origin = headers.get("origin", "").strip().rstrip("/").lower()
    if not origin or origin in origins or "*" in origins:
        return True
    scheme, _, _ = origin.partition("://")
    asked = _place(scheme, origin.partition("://")[2])
    if asked is None:
        return False
    hosts = (headers.get("host", ""), headers.get("x-forwarded-host", "").split(",")[0])
    return any(_place(scheme, host.strip().lower()) == asked for host in hosts)


def _place(scheme: str, host: str) -> tuple[str, int] | None:
    """Return host name and port; None for what is no address."""
    try:
        parts = urlsplit(f"//{host}")
        port = parts.port or _DEFAULT_PORTS.get(scheme)
    except ValueError:
        return None
    if not parts.hostname or port is None or parts.path or parts.username is not None:
        return None
    return parts.hostname, port


def address_of(scope: Scope) -> str:
    """Return the client's address: what the gateway tells of it, else the peer's; empty for none."""
    told = header(scope, b"x-forwarded-for").rpartition(",")[2].strip()
    peer = scope.get("client")
    return told or (str(peer[0]) if peer else "")
