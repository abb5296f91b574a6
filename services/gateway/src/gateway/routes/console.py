"""The console: a folder of static files below `/console/`, answered from memory."""

from collections.abc import Mapping

from starlette.types import Send

from gateway.domain.routing import clean
from gateway.routes.answers import Headers, give
from gateway.routes.console_files import ASSETS, INDEX, ConsoleFile, Representation
from gateway.routes.own_answers import require_reading
from gateway.routes.visit import Visit

_BASE = b"/console/"
_POLICY = (
    b"default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    b"object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
"""`'self'` includes WebSockets to this origin (Content Security Policy 3, section 6.7.2.8)."""
_PROTECTION: Headers = [
    (b"content-security-policy", _POLICY),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
]


class Console:
    """Answers requests below `/console/`, and sends `/` there. Without files there is no console."""

    def __init__(self, files: Mapping[str, ConsoleFile]) -> None:
        self._files = files

    async def give(self, visit: Visit, send: Send) -> bool:
        """Answer `visit` if it asks for the console; return whether it did."""
        raw: bytes = visit.scope["raw_path"]
        if not self._files:
            return False
        if raw in {b"/", _BASE[:-1]}:
            visit.route = "console"
            require_reading(visit)
            location = _BASE + visit.query_text().encode()
            await give(send, visit, 307, [(b"location", location), *_PROTECTION])
            return True
        file = self._find(raw)
        if file is None:
            return False
        visit.route = "console"
        require_reading(visit)
        await _give_file(visit, file, send)
        return True

    def _find(self, raw: bytes) -> ConsoleFile | None:
        """Return the file for a path. A path that is no file's leads into the console, which has its own routes."""
        if not raw.startswith(_BASE):
            return None
        path = clean(raw.removesuffix(b"/"))
        if path is None:
            return None
        inner = path[len(_BASE) :]
        if inner in self._files or f"{inner}/".startswith(ASSETS):
            return self._files.get(inner)
        return self._files[INDEX]


async def _give_file(visit: Visit, file: ConsoleFile, send: Send) -> None:
    chosen = _choose(file, ",".join(visit.carried.getall("accept-encoding", ())))
    caching = b"public, max-age=31536000, immutable" if file.immutable else b"no-cache"
    headers = [
        (b"content-type", file.kind),
        (b"etag", chosen.etag),
        (b"cache-control", caching),
        (b"vary", b"Accept-Encoding"),
        *_PROTECTION,
    ]
    if _has(chosen, visit.headers(b"if-none-match")):
        await give(send, visit, 304, headers)
        return
    if chosen.coding:
        headers.append((b"content-encoding", chosen.coding))
    await give(send, visit, 200, headers, chosen.body)


def _choose(file: ConsoleFile, accepted: str) -> Representation:
    """Return the first representation whose coding the client accepts (RFC 9110, section 12.5.3)."""
    weights = {}
    for entry in accepted.lower().split(","):
        coding, _, weight = entry.partition(";")
        weights[coding.strip()] = weight.replace(" ", "")
    for one in file.representations[:-1]:
        weight = weights.get(one.coding.decode(), weights.get("*", "q=0"))
        if weight.rstrip("0.") != "q=":
            return one
    return file.representations[-1]


def _has(chosen: Representation, known: list[str]) -> bool:
    """Return whether the client has it already (RFC 9110, section 13.1.2: compared weakly)."""
    tags = {tag.strip().removeprefix("W/") for value in known for tag in value.split(",")}
    return "*" in tags or chosen.etag.decode() in tags
