"""Where a tool's requests go, and which of its headers must be hidden."""

import contextlib
import re
from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

from common.contracts.query_keys import MASK
from common.contracts.tools import is_harmless_header, is_key_header

Origin = tuple[str, str, int]

_PORTS = {"http": 80, "https": 443}
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")
_SECRET_VALUE = re.compile(r"(?:basic|bearer|token)\s", re.IGNORECASE)


def endpoint_fault(value: str) -> str | None:
    """Return why `value` cannot be a tool's address, or None when it can."""
    if _UNSAFE.search(value):
        return "It must not have spaces, control characters or backslashes"
    try:
        parts = urlsplit(value)
        scheme, host, netloc, port = parts.scheme, parts.hostname, parts.netloc, parts.port
    except ValueError as fault:
        return f"It is not a URL: {fault}"
    if scheme not in _PORTS or not host or port == 0:
        return "It must be an http or https URL"
    if "@" in netloc:
        return "Credentials do not belong in the URL"
    if "{" in netloc or "}" in netloc:
        return "Arguments can be filled into the path only, not into the host"
    return None


def origin(url: str) -> Origin:
    """Return scheme, host and port (RFC 6454), the same for all spellings of a host.

    In doubt two addresses count as different; at worst the caller has to send the credentials again.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    with contextlib.suppress(UnicodeError):
        host = host.encode("idna").decode()
    return parts.scheme, host.lower(), parts.port or _PORTS.get(parts.scheme, 0)


def is_secret(name: str, value: str) -> bool:
    """Return whether a header may hold a key and must not be shown."""
    return is_key_header(name) or bool(_SECRET_VALUE.match(value))


def mask_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return `headers` as they are shown."""
    return {name: MASK if is_secret(name, value) else value for name, value in headers.items()}


def unmask_headers(sent: Mapping[str, str], stored: Mapping[str, str]) -> dict[str, str]:
    """Return `sent` with the values that `stored` has in place of masks; without them, no header."""
    values = {name: stored.get(name) if value == MASK else value for name, value in sent.items()}
    return {name: value for name, value in values.items() if value is not None}


def harmless_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that may be sent to another origin, because they hold no keys."""
    return {
        name: value
        for name, value in headers.items()
        if is_harmless_header(name) and not is_secret(name, value)
    }


Fate = Literal["none", "kept", "replaced", "dropped"]
"""What a change has done to a tool's credentials."""
