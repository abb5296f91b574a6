"""Which service answers which path, and which paths are refused before any service sees them."""

import re
from dataclasses import dataclass

from common.contracts.uploads import FILES

_PREFIXES = ("/api/v1/", "/v1/")
_SERVICES = {
    "auth": "auth",
    "workspace": "auth",
    "crews": "crews",
    "agents": "crews",
    "tasks": "crews",
    "tools": "crews",
    "memory": "crews",
    "executions": "executor",
    "files": "executor",
    "questions": "executor",
    "analytics": "executor",
    "models": "executor",
}
_KEPT_BY_CREWS = ("/models/providers/", "/models/endpoints/")
"""What a workspace sets to reach models; the executor answers for the models themselves."""
_EITHER = frozenset({"/auth/invitations/accept"})
"""Open to those who have no login yet."""
_OPEN = _EITHER | {
    "/auth/login",
    "/auth/password/forgot",
    "/auth/password/reset",
    "/auth/refresh",
    "/auth/register",
}
_BUDGET = "/workspace/budget"
"""Of the workspace's paths, the one that the executor answers: it keeps to the budget."""
_JWKS = "/.well-known/jwks.json"
_LONGEST = 2_048

_PLAIN = re.compile(r"(?:/[A-Za-z0-9_-][A-Za-z0-9._~-]*)+")
"""Nearly every path that clients request; anything else is checked closely."""
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_ALLOWED = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-F]{2})+)+")
_REFUSED_ESCAPES = re.compile(r"%(?:2F|5C|25|[01][0-9A-F]|7F)")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes: the service, the path there, and how."""

    service: str
    path: str
    open: bool = False
    """No token is needed; the client's address is counted instead."""
    token_checked: bool = False
    """If there is a token, it is checked all the same."""
    streamed: bool = False
    """The answer has no end of its own (server-sent events)."""
    upload: bool = False
    """The body is a file, which may be large."""


def clean(raw_path: bytes) -> str | None:
    """Return the path with needless escapes undone (RFC 3986, 6.2.2.2), or None if it is refused.

    Nothing is decoded that could change what the path means: a path with an escaped slash,
    backslash, percent sign or control character, with an empty, `.` or `..` segment, or with bytes
    that have no place in a path, is refused. What is returned is what the service gets.
    """
    if len(raw_path) > _LONGEST or not raw_path.isascii():
        return None
    path = raw_path.decode("ascii")
    if _PLAIN.fullmatch(path):
        return path
    path = _ESCAPE.sub(_unescape, path)
    if not _ALLOWED.fullmatch(path) or _REFUSED_ESCAPES.search(path):
        return None
    if any(segment in {".", ".."} for segment in path.split("/")):
        return None
    return path


def _unescape(found: re.Match[str]) -> str:
    byte = int(found[1], 16)
    return chr(byte) if byte in _UNRESERVED else found[0].upper()


def public_path(path: str) -> str | None:
    """Return a clean `path` without its version prefix, or None when it has none."""
    for prefix in _PREFIXES:
        if path.startswith(prefix):
            return path[len(prefix) - 1 :]
    return None


def route(method: str, path: str) -> Target | None:
    """Return where a clean `path` leads, or None when there is no such route."""
    if path == _JWKS:
        return Target("auth", path, open=True)
    inner = public_path(path)
    if inner is None:
        return None
    first, _, rest = inner[1:].partition("/")
    service = _SERVICES.get(first)
    if service is None:
        return None
    if first == "executions" and rest.endswith("/events") and _is_stream(method, rest):
        return Target("events", inner, streamed=True)
    if inner.startswith(_KEPT_BY_CREWS):
        service = "crews"
    if inner == _BUDGET:
        service = "executor"
    if inner == FILES and method == "POST":
        return Target(service, inner, upload=True)
    return Target(service, inner, open=inner in _OPEN, token_checked=inner in _EITHER)


def _is_stream(method: str, rest: str) -> bool:
    return method in {"GET", "HEAD"} and rest.count("/") == 1


def is_socket(path: str) -> bool:
    """Return whether a clean `path` is the WebSocket's."""
    return public_path(path) == "/ws"
