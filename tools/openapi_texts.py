"""What the joined OpenAPI document says beyond the services' own: texts, headers, error names."""

from typing import Any

Json = dict[str, Any]

TAGS = {
    "Auth": "Tokens: log in, refresh, log out, API keys.",
    "Workspace": "The tenant: its members and its plan.",
    "Crews": "Teams of agents and how they work together.",
    "Agents": "The members of a crew.",
    "Tasks": "What the agents do.",
    "Executions": "Running crews: start, watch, stop.",
    "Files": "Files that runs read: upload, list, download, delete.",
    "Tools": "What agents can use: built-in tools and your own HTTP tools.",
    "Models": "What agents think with: what can be named, and your workspace's own keys and endpoints.",
    "Memory": "What a crew remembers between runs.",
    "Analytics": "Usage and performance.",
    "Live events": "A run's events as they happen, over WebSocket or SSE.",
    "Platform": "Health, keys and documents. Outside the version prefix.",
}
TAG_BY_LOWER = {name.lower(): name for name in TAGS}

ABOUT = """\
Run multi-agent crews as a service.

Send `Authorization: Bearer <token>` with every request: an access token from `POST /auth/login`, \
an API key, or the sandbox token. Every failure answers with the same envelope, \
`{"error": {"code", "message", "details", "request_id"}}`, or with RFC 9457 problem details for \
`Accept: application/problem+json`. Requests are limited per workspace: free 1,000 an hour and 100 a \
minute, pro 10,000 and 1,000, enterprise by agreement. Times are RFC 3339 in UTC.

Every POST that creates something takes an `Idempotency-Key`: sent again within 24 hours with the same \
body, it creates nothing and is answered with the first answer and `Idempotency-Replayed: true`.
"""


TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    402: "Budget Exceeded",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    412: "Precondition Failed",
    413: "Payload Too Large",
    415: "Unsupported Media Type",
    416: "Range Not Satisfiable",
    422: "Idempotency Key Reused",
    429: "Rate limit exceeded",
    500: "Internal Error",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
CODES = {
    400: "VALIDATION_ERROR",
    401: "UNAUTHORIZED",
    402: "BUDGET_EXCEEDED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    409: "CONFLICT",
    412: "PRECONDITION_FAILED",
    413: "PAYLOAD_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    416: "RANGE_NOT_SATISFIABLE",
    422: "IDEMPOTENCY_KEY_REUSED",
    429: "RATE_LIMIT",
    500: "INTERNAL_ERROR",
    503: "SERVICE_UNAVAILABLE",
    504: "TIMEOUT",
}
LIMIT_HEADERS = (
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "RateLimit",
    "RateLimit-Policy",
)


SOCKET: Json = {
    "operationId": "live_events",
    "summary": "Live events over a WebSocket",
    "description": (
        "Open it as a WebSocket, authenticate (by the `Authorization` header, the subprotocol pair "
        '`kasal.v1, bearer.<token>`, or a first message `{"type": "authenticate", "token": …}`), '
        'then send `{"type": "subscribe", "job_id": …}`. Asked for in any other way it is a 404.'
    ),
    "tags": ["Live events"],
    "responses": {"101": {"description": "The connection is now a WebSocket"}},
    "x-websocket-messages": {
        "client": {"$ref": "#/components/schemas/SocketClientMessage"},
        "server": {"$ref": "#/components/schemas/SocketServerMessage"},
    },
}


def headers() -> Json:
    def header(text: str, kind: str = "integer", example: Any = None) -> Json:
        return {"description": text, "schema": {"type": kind}, "example": example}

    return {
        "X-Request-ID": header("Names this request in every log", "string", "req_01jd7v6q"),
        "X-RateLimit-Limit": header("Requests that the tightest window takes", example=100),
        "X-RateLimit-Remaining": header("Requests left in it", example=99),
        "X-RateLimit-Reset": header("Unix seconds of its renewal", example=1764000060),
        "RateLimit": header(
            "Requests left and seconds to the renewal, for each window "
            "(draft-ietf-httpapi-ratelimit-headers-10)",
            "string",
            '"minute";r=99;t=42, "hour";r=999;t=3042',
        ),
        "RateLimit-Policy": header(
            "The windows: requests and seconds",
            "string",
            '"minute";q=100;w=60, "hour";q=1000;w=3600',
        ),
        "Retry-After": header("Seconds to wait", example=42),
    }
