"""Cross-origin requests (the Fetch standard's CORS protocol), where the operator allows them."""

from collections.abc import Collection

from common.door.origins import AllowedOrigins
from gateway.routes.answers import Headers
from gateway.routes.visit import Visit

_EXPOSED = (
    b"Accept-Ranges, Content-Disposition, Content-Range, ETag, Idempotency-Replayed, Location, RateLimit, RateLimit-Policy, Retry-After, "
    b"X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-ID"
)
_ACCEPTED = (
    b"Accept, Authorization, Content-Disposition, Content-Type, Idempotency-Key, If-Match, If-None-Match, If-Range, "
    b"Last-Event-ID, Range, X-Request-ID, traceparent, tracestate"
)


class CrossOrigin:
    """Which origins' pages may call the API. The one cookie, of our own pages, is never theirs."""

    def __init__(self, origins: AllowedOrigins) -> None:
        self._origins = origins

    def headers(self, visit: Visit) -> Headers:
        """Return the headers of an answer to `visit`; none where its origin is not allowed."""
        if not self._origins:
            return []
        origin = visit.header(b"origin")
        if not origin or not self._origins.include(origin):
            return [(b"vary", b"Origin")]
        return [
            (b"vary", b"Origin"),
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-expose-headers", _EXPOSED),
        ]

    @staticmethod
    def preflight(methods: Collection[str]) -> Headers:
        """Return the further headers of the answer to a preflight request."""
        return [
            (b"access-control-allow-methods", ", ".join(methods).encode()),
            (b"access-control-allow-headers", _ACCEPTED),
            (b"access-control-max-age", b"600"),
        ]
