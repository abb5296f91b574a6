"""What a connection says about its caller: token, origin, address."""

from starlette.types import Scope

from common.door.origins import AllowedOrigins
from common.door.presentation import presented_token, required_token
from common.web.requests import header

_NO_ADDRESS = "local"
"""Stands for a peer that has no address (a Unix socket)."""


def socket_token(scope: Scope) -> str | None:
    """Return the token of a handshake, or None. Raises `Unauthorized` for an unusable one."""
    return presented_token(lambda name: _values(scope, name), scope.get("subprotocols", ()))


def stream_token(scope: Scope) -> str:
    """Return the token of a request. Raises `Unauthorized` where there is none."""
    return required_token(lambda name: _values(scope, name))


def is_own_page(scope: Scope, origins: AllowedOrigins) -> bool:
    """Return whether a request comes from no browser, a page of our own host, or an allowed one.

    Our own host is the one that the client named, to us or to the gateway.
    """
    forwarded = header(scope, b"x-forwarded-host").split(",")[0]
    return origins.admit(header(scope, b"origin"), (header(scope, b"host"), forwarded))


def client_address(scope: Scope) -> str:
    """Return the client's address: the one that the gateway forwards, else the peer's."""
    # Proxies append their client, some in a header of its own: what a client sends itself comes before.
    forwarded = ",".join(_values(scope, b"x-forwarded-for")).rpartition(",")[2].strip()
    peer = scope.get("client")
    return forwarded or (str(peer[0]) if peer else _NO_ADDRESS)


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]
