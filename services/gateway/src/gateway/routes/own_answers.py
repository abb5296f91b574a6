"""What the gateway answers by itself: health, documents, the methods of a route."""

from collections.abc import Mapping

from starlette.types import Send

from common.errors import MethodNotAllowed, NotFound
from common.process.health import Check, ready
from gateway.routes.answers import Headers, allow, give, give_json
from gateway.routes.cors import CrossOrigin
from gateway.routes.documents import Document, Documents
from gateway.routes.visit import Visit

HEALTH = frozenset({"/healthz", "/readyz"})
_READ_ONLY = frozenset({"GET", "HEAD"})
_FOR_TRAFFIC = "?for=traffic"
_NEEDED: frozenset[str] = frozenset()
"""Without Redis it counts alone; a service that is away fails the requests to it alone."""


class OwnAnswers:
    """Answers that need no service."""

    def __init__(
        self, checks: Mapping[str, Check], documents: Documents, cors: CrossOrigin
    ) -> None:
        self._checks = checks
        self._documents = documents
        self._cors = cors

    async def give_health(self, visit: Visit, path: str, send: Send) -> None:
        """Say whether the process is up, or whether its backends and services answer."""
        visit.route = path[1:]
        require_reading(visit)
        if path == "/healthz":
            await give_json(send, visit, {"status": "ok"})
            return
        needed = _NEEDED if visit.query_text() == _FOR_TRAFFIC else None
        await give_json(send, visit, await ready(self._checks, needed))

    async def give_document(self, visit: Visit, document: Document, send: Send) -> None:
        """Send a document, or 304 if the client has it already."""
        visit.route = "documents"
        require_reading(visit)
        headers = list(document.headers)
        if visit.header(b"if-none-match").encode("latin-1") == document.etag:
            await give(send, visit, 304, headers)
        else:
            await give(send, visit, 200, headers, document.body)

    async def give_options(self, visit: Visit, path: str, send: Send) -> None:
        """Name the methods of a route; needs no token, since a preflight request has none."""
        methods = self._documents.methods(path)
        if not methods:
            raise NotFound("There is no such route.")
        headers: Headers = [allow(methods)]
        if visit.header(b"access-control-request-method"):
            headers += self._cors.preflight(methods)
        await give(send, visit, 204, headers)


def require_reading(visit: Visit) -> None:
    """Raise `MethodNotAllowed` for anything but GET and HEAD."""
    if visit.method not in _READ_ONLY:
        visit.extra.append((b"allow", b"GET, HEAD"))
        raise MethodNotAllowed("This route is read-only.")
