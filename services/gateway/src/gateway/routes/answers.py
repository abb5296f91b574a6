"""What the gateway itself answers with: errors, documents, limits in headers."""

import asyncio
import contextlib
import time
from collections.abc import Sequence

import orjson
from starlette.types import Receive, Send

from common.errors import KasalError, envelope, problem
from common.web.requests import unsaid
from gateway.domain.windows import Standing
from gateway.routes.visit import Visit

Headers = list[tuple[bytes, bytes]]
_JSON = (b"content-type", b"application/json")
_PROBLEM = (b"content-type", b"application/problem+json")
_LINGER_SECONDS = 2.0
_LINGER_BYTES = 64 * 1024 * 1024


async def give(send: Send, visit: Visit, status: int, headers: Headers, body: bytes = b"") -> None:
    """Send a whole answer. A HEAD request gets the length, not the body."""
    visit.status = status
    if status not in {204, 304}:
        headers.append((b"content-length", b"%d" % len(body)))
    headers += visit.extra
    headers += unsaid(headers)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if visit.method == "HEAD" else body})


async def give_json(send: Send, visit: Visit, value: object, status: int = 200) -> None:
    """Answer with `value` as JSON."""
    await give(send, visit, status, [_JSON], orjson.dumps(value))


async def give_error(send: Send, visit: Visit, error: KasalError) -> None:
    """Answer with the API's envelope, or with RFC 9457 where the client asks for it."""
    headers, body = failure(visit, error)
    await give(send, visit, error.status, headers, body)


async def give_too_large(receive: Receive, send: Send, visit: Visit, error: KasalError) -> None:
    """Send `error` to a client that is still sending, then hang up.

    What it sends is read and discarded for a while first (RFC 9112, section 9.6): a connection
    closed with unread data is reset, and many clients would then never see the answer.
    """
    headers, body = failure(visit, error)
    headers += [(b"connection", b"close"), (b"content-length", b"%d" % len(body)), *visit.extra]
    headers += unsaid(headers)
    visit.status = error.status
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_SECONDS):
            await _throw_away(receive)
    await send({"type": "http.response.body", "body": b""})


async def _throw_away(receive: Receive) -> None:
    thrown = 0
    while thrown < _LINGER_BYTES:
        message = await receive()
        thrown += len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body"):
            return


def failure(visit: Visit, error: KasalError) -> tuple[Headers, bytes]:
    """Return the headers and the body that describe `error`."""
    as_problem = "application/problem+json" in visit.accept
    made = problem(error, visit.request_id) if as_problem else envelope(error, visit.request_id)
    headers = [_PROBLEM if as_problem else _JSON]
    if error.retry_after is not None:
        headers.append((b"retry-after", b"%d" % max(1, round(error.retry_after))))
    if error.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    return headers, orjson.dumps(made, default=str)


def allow(methods: Sequence[str]) -> tuple[bytes, bytes]:
    """Return the header that names the methods of a route; every route has `OPTIONS`."""
    return (b"allow", ", ".join([*methods, "OPTIONS"]).encode())


def rate_headers(windows: Sequence[Standing]) -> Headers:
    """Return the rate-limit headers for `windows`, the tightest first; none for no limit.

    `X-RateLimit-*` describe the tightest, its reset in Unix seconds. `RateLimit` and
    `RateLimit-Policy` are those of draft-ietf-httpapi-ratelimit-headers-10, for all of them.
    """
    if not windows:
        return []
    tight = windows[0]
    left = ", ".join(f'"{w.name}";r={w.remaining};t={w.reset}' for w in windows)
    policy = ", ".join(f'"{w.name}";q={w.limit};w={w.seconds}' for w in windows)
    return [
        (b"x-ratelimit-limit", b"%d" % tight.limit),
        (b"x-ratelimit-remaining", b"%d" % tight.remaining),
        (b"x-ratelimit-reset", b"%d" % (time.time() + tight.reset)),
        (b"ratelimit", left.encode()),
        (b"ratelimit-policy", policy.encode()),
    ]
