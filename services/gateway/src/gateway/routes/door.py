"""The door: every request comes in here, and is answered, refused or passed on."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from common.door.presentation import authorization_header, required_token
from common.errors import (
    InternalError,
    InvalidRequest,
    KasalError,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    RateLimited,
    Unavailable,
)
from common.health import Check, ready
from common.logs import get_logger
from gateway.config import Settings
from gateway.domain.addresses import asked_host, client_address
from gateway.domain.admission import Admission, AdmissionControl
from gateway.domain.hosts import AllowedHosts
from gateway.domain.routing import Target, clean, is_socket, route
from gateway.routes import sockets
from gateway.routes.answers import (
    Headers,
    allow,
    give,
    give_error,
    give_json,
    give_too_large,
    rate_headers,
)
from gateway.routes.cors import CrossOrigin
from gateway.routes.documents import Document, Documents
from gateway.routes.forwarding import ClientGone, Forwarder, Upstream
from gateway.routes.records import Records
from gateway.routes.visit import Visit

log = get_logger(__name__)

_FORWARDED = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_READ_ONLY = frozenset({"GET", "HEAD"})
_PLAN = "/workspace/plan"
_FOR_TRAFFIC = "?for=traffic"
_NEEDED: frozenset[str] = frozenset()
"""It works on its own counts without Redis; a service that is away is named in its own answers."""


@dataclass(frozen=True)
class Parts:
    """What the door works with."""

    admissions: AdmissionControl
    forwarder: Forwarder
    events: Upstream
    documents: Documents
    records: Records
    checks: Mapping[str, Check]


class Door:
    """The ASGI application of the gateway, without its lifespan."""

    def __init__(self, settings: Settings, parts: Parts) -> None:
        self._settings = settings
        self._proxies = settings.proxies
        self._parts = parts
        self._admissions = parts.admissions
        self._records = parts.records
        self._cors = CrossOrigin(settings.origins)
        self._hosts = AllowedHosts(settings.allowed_hosts.split(","))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        visit = Visit(scope)
        self._records.begin(visit)
        try:
            if scope["type"] == "websocket":
                await self._socket(visit, receive, send)
            else:
                await self._http(visit, receive, send)
        except ClientGone:
            visit.status = visit.status or 499
        finally:
            self._records.end(visit)

    async def _http(self, visit: Visit, receive: Receive, send: Send) -> None:
        visit.extra += self._cors.headers(visit)
        try:
            await self._answer(visit, receive, send)
        except KasalError as fault:
            if visit.status:  # the answer had begun: the client must see that it is not whole
                raise
            self._count(fault)
            if isinstance(fault, PayloadTooLarge):
                await give_too_large(receive, send, visit, fault)
            else:
                await give_error(send, visit, fault)
        except ClientGone:
            raise
        except Exception:
            log.exception(
                "a request failed with a bug", path=visit.path, request_id=visit.request_id
            )
            if visit.status:
                raise
            await give_error(send, visit, InternalError())

    async def _answer(self, visit: Visit, receive: Receive, send: Send) -> None:
        path = clean(visit.scope["raw_path"])
        if path in {"/healthz", "/readyz"}:
            return await self._health(visit, path, send)  # probes name an address of their own
        self._check_host(visit)
        if self._settings.maintenance:
            raise self._maintenance()
        document = self._parts.documents.find(path) if path else None
        if document is not None:
            return await self._document(visit, document, send)
        target = route(visit.method, path) if path else None
        if target is None or path is None:
            raise self._lost(path)
        visit.route = target.service
        if visit.method == "OPTIONS":
            return await self._options(visit, path, send)
        if visit.method not in _FORWARDED:
            visit.extra.append(allow(self._parts.documents.methods(path)))
            raise MethodNotAllowed("This route does not know that method.")
        await self._admit(visit, target)
        visit.check()
        try:
            await self._parts.forwarder.forward(visit, target, receive, send)
        finally:
            if target.path == _PLAN:
                self._admissions.apply_new_plan(visit.workspace_id)

    @staticmethod
    def _lost(path: str | None) -> NotFound:
        if path is not None and is_socket(path):
            return NotFound("This route is a WebSocket; connect to it with ws:// or wss://.")
        return NotFound("There is no such route.")

    def _maintenance(self) -> Unavailable:
        return Unavailable(
            "The platform is in maintenance mode.",
            reason="maintenance",
            retry_after=self._settings.maintenance_retry_after,
        )

    async def _health(self, visit: Visit, path: str, send: Send) -> None:
        visit.route = path[1:]
        _read_only(visit)
        if path == "/healthz":
            await give_json(send, visit, {"status": "ok"})
            return
        needed = _NEEDED if visit.query_text() == _FOR_TRAFFIC else None
        await give_json(send, visit, await ready(self._parts.checks, needed))

    async def _document(self, visit: Visit, document: Document, send: Send) -> None:
        visit.route = "documents"
        _read_only(visit)
        headers = list(document.headers)
        if visit.header(b"if-none-match").encode("latin-1") == document.etag:
            await give(send, visit, 304, headers)
        else:
            await give(send, visit, 200, headers, document.body)

    async def _options(self, visit: Visit, path: str, send: Send) -> None:
        """Tell the methods of a route; needs no token, since a preflight request has none."""
        methods = self._parts.documents.methods(path)
        if not methods:
            raise NotFound("There is no such route.")
        headers: Headers = [allow(methods)]
        if visit.header(b"access-control-request-method"):
            headers += self._cors.preflight(methods)
        await give(send, visit, 204, headers)

    async def _admit(self, visit: Visit, target: Target) -> None:
        """Let the request in, or raise. Sets the headers its service gets."""
        carried = visit.carried
        address = self._address(visit)
        if target.service == "auth":  # which counts wrong passwords by address, and believes ours
            carried["X-Kasal-Service-Secret"] = self._settings.service_secret.current
        if target.open and not (target.token_checked and authorization_header(visit.headers)):
            limit = self._settings.open_route_limit
            admission = await self._admissions.admit_address("open", address, limit)
        else:
            admission = await self._admissions.admit_caller(required_token(visit.headers), address)
            if admission.jwt is not None:
                carried["Authorization"] = f"Bearer {admission.jwt}"
            if admission.identity is not None:
                visit.workspace_id = admission.identity.workspace_id
        visit.extra += rate_headers(admission.windows)
        _let_in(admission)
        self._introduce(visit, address)

    def _address(self, visit: Visit) -> str:
        return client_address(visit.peer, visit.headers(b"x-forwarded-for"), self._proxies)

    def _host(self, visit: Visit) -> str:
        forwarded = visit.header(b"x-forwarded-host")
        return asked_host(visit.peer, visit.header(b"host"), forwarded, self._proxies)

    def _check_host(self, visit: Visit) -> None:
        host = self._host(visit)
        if not self._hosts.allow(host):
            raise InvalidRequest(
                f"The platform is not asked by this host: {host[:100]!r}.",
                field="Host",
                reason="It is not in KASAL_ALLOWED_HOSTS.",
            )

    @staticmethod
    def _introduce(visit: Visit, address: str) -> None:
        carried = visit.carried
        carried["X-Request-ID"] = visit.request_id
        if visit.traceparent:
            carried["traceparent"] = visit.traceparent
        carried["X-Forwarded-For"] = address

    async def _socket(self, visit: Visit, receive: Receive, send: Send) -> None:
        visit.route = "ws"
        try:
            self._check_host(visit)
            path = clean(visit.scope["raw_path"])
            if path is None or not is_socket(path):
                raise NotFound("There is no such WebSocket.")
            if self._settings.maintenance:
                raise self._maintenance()
            address = self._address(visit)
            limit = self._settings.handshake_limit
            _let_in(await self._admissions.admit_address("socket", address, limit))
            authorization_header(visit.headers)
            visit.check()
            self._introduce(visit, address)
            visit.carried["X-Forwarded-Host"] = self._host(visit)
            await sockets.relay(visit, self._parts.events, receive, send)
        except KasalError as fault:
            if visit.status:
                raise
            self._count(fault)
            await sockets.refuse(send, visit, fault)

    def _count(self, fault: KasalError) -> None:
        if isinstance(fault, RateLimited):
            self._records.limited(str(fault.details.get("window", "address")))


def _read_only(visit: Visit) -> None:
    if visit.method not in _READ_ONLY:
        visit.extra.append((b"allow", b"GET, HEAD"))
        raise MethodNotAllowed("This route can only be read.")


def _let_in(admission: Admission) -> None:
    if admission.admitted:
        return
    spent = max(admission.windows, key=lambda window: window.wait)
    raise RateLimited(
        "Rate limit exceeded",
        details={"window": spent.name, "limit": spent.limit},
        reason=f"{spent.limit} requests per {spent.name} are used up.",
        retry_after=spent.wait,
    )
