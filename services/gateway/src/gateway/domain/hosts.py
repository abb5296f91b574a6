"""The host names that the platform answers to, so that no page can pass for one of them.

When `evil.example` suddenly resolves to 127.0.0.1 (DNS rebinding), its pages have the same origin as
whatever listens there. Only the `Host` header tells the two apart.
"""

import re
from collections.abc import Collection
from ipaddress import ip_address

_ANY = "*"
_ANY_ADDRESS = {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::\d{1,5})?")


class AllowedHosts:
    """Names and addresses, each with any port. An empty list allows every host."""

    def __init__(self, listed: Collection[str]) -> None:
        named = {_bare(entry.strip().lower()) for entry in listed if entry.strip()}
        self._any = not named or _ANY in named
        self._any_address = bool(named & _ANY_ADDRESS)
        self._below = tuple(entry[1:] for entry in named if entry.startswith("*."))
        self._named = named

    def allow(self, host: str) -> bool:
        """Return whether a request with this `Host` header is for us."""
        if self._any:
            return True
        found = _HOST.fullmatch(host.strip().lower())
        if found is None:
            return False
        name = _bare(found[1])
        if name in self._named:
            return not name.startswith(_ANY)
        return name.endswith(self._below) or (self._any_address and _is_address(name))


def _bare(name: str) -> str:
    return name.removeprefix("[").removesuffix("]").removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
