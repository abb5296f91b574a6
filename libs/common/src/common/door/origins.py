"""The origins whose pages may use the platform from a browser (RFC 6454; RFC 6455, section 10.2)."""

from collections.abc import Iterable
from urllib.parse import urlsplit

_ANY = "*"
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


class AllowedOrigins:
    """The origins that an operator lists, separated by commas; `*` means any, an empty text none."""

    def __init__(self, listed: str = "") -> None:
        self._listed = frozenset(filter(None, map(_normal, listed.split(","))))

    def __bool__(self) -> bool:
        return bool(self._listed)

    def include(self, origin: str) -> bool:
        """Return whether the operator lists `origin`, as the header names it."""
        return _ANY in self._listed or _normal(origin) in self._listed

    def admit(self, origin: str, hosts: Iterable[str]) -> bool:
        """Return whether a page of `origin` may open a connection to us.

        `hosts` are the names by which the client called us. Allowed are pages of these hosts, pages of
        listed origins, and clients without an origin, which are not browsers.
        """
        if not _normal(origin) or self.include(origin):
            return True
        scheme, _, rest = _normal(origin).partition("://")
        page = _place(scheme, rest)
        return page is not None and any(page == _place(scheme, _normal(host)) for host in hosts)


def _normal(text: str) -> str:
    return text.strip().rstrip("/").lower()


def _place(scheme: str, host: str) -> tuple[str, int] | None:
    """Return host name and port, or None if `host` is not an address."""
    try:
        parts = urlsplit(f"//{host}")
        port = parts.port or _DEFAULT_PORTS.get(scheme)
    except ValueError:
        return None
    if not parts.hostname or port is None or parts.path or parts.username is not None:
        return None
    return parts.hostname, port
