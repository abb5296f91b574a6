"""The door: every request comes in here, and is answered, refused or passed on."""

from starlette.types import Receive, Scope, Send

from common.errors import (
    InternalError,
    KasalError,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    RateLimited,
    Unavailable,
)
from common.logs import get_logger
from gateway.config import Settings
from gateway.domain.routing import Target, clean, is_socket, route
from gateway.routes import sockets
from gateway.routes.answers import allow, give_error, give_too_large
from gateway.routes.cors import CrossOrigin
from gateway.routes.entrance import Entrance
from gateway.routes.own_answers import HEALTH, OwnAnswers
from gateway.routes.request_body import ClientGone
from gateway.routes.use_cases import UseCases
from gateway.routes.visit import Visit

log = get_logger(__name__)

_FORWARDED = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_PLAN = "/workspace/plan"


class Door:
    """The ASGI application of the gateway, without its lifespan."""

    def __init__(self, settings: Settings, use_cases: UseCases) -> None:
        self._settings = settings
        self._use_cases = use_cases
        self._documents = use_cases.documents
        self._console = use_cases.console
        self._records = use_cases.records
        self._cors = CrossOrigin(settings.origins)
        self._entrance = Entrance(settings, use_cases.admissions)
        self._own = OwnAnswers(use_cases.checks, use_cases.documents, self._cors)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        visit = Visit(scope)
        self._records.begin(visit)
        try:
            if scope["type"] == "websocket":
                await self._connect(visit, receive, send)
            else:
                await self._respond(visit, receive, send)
        except ClientGone:
            visit.status = visit.status or 499
        finally:
            self._records.end(visit)

    async def _respond(self, visit: Visit, receive: Receive, send: Send) -> None:
        visit.extra += self._cors.headers(visit)
        try:
            await self._dispatch(visit, receive, send)
        except KasalError as fault:
            if visit.status:  # the answer has begun: the client must see that it is incomplete
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

    async def _dispatch(self, visit: Visit, receive: Receive, send: Send) -> None:
        path = clean(visit.scope["raw_path"])
        if path in HEALTH:
            await self._own.give_health(visit, path, send)  # probes name their own address
            return
        self._entrance.check_host(visit)
        self._check_maintenance()
        document = None if path is None else self._documents.find(path)
        if document is not None:
            await self._own.give_document(visit, document, send)
        elif path is not None and (target := route(visit.method, path)) is not None:
            await self._forward(visit, path, target, receive, send)
        elif not await self._console.give(visit, send):
            raise _no_route(path)

    async def _forward(
        self, visit: Visit, path: str, target: Target, receive: Receive, send: Send
    ) -> None:
        visit.route = target.service
        if visit.method == "OPTIONS":
            return await self._own.give_options(visit, path, send)
        if visit.method not in _FORWARDED:
            visit.extra.append(allow(self._documents.methods(path)))
            raise MethodNotAllowed("This route does not support that method.")
        await self._entrance.admit_request(visit, target)
        visit.check()
        try:
            await self._use_cases.forwarder.forward(visit, target, receive, send)
        finally:
            if target.path == _PLAN:
                self._entrance.apply_new_plan(visit)

    async def _connect(self, visit: Visit, receive: Receive, send: Send) -> None:
        visit.route = "ws"
        try:
            self._entrance.check_host(visit)
            path = clean(visit.scope["raw_path"])
            if path is None or not is_socket(path):
                raise NotFound("There is no such WebSocket.")
            self._check_maintenance()
            await self._entrance.admit_socket(visit)
            await sockets.relay(visit, self._use_cases.events, receive, send)
        except KasalError as fault:
            if visit.status:
                raise
            self._count(fault)
            await sockets.refuse(send, visit, fault)

    def _check_maintenance(self) -> None:
        if self._settings.maintenance:
            raise Unavailable(
                "The platform is in maintenance mode.",
                reason="maintenance",
                retry_after=self._settings.maintenance_retry_after,
            )

    def _count(self, fault: KasalError) -> None:
        if isinstance(fault, RateLimited):
            self._records.count_limited(str(fault.details.get("window", "address")))


def _no_route(path: str | None) -> NotFound:
    if path is not None and is_socket(path):
        return NotFound("This route is a WebSocket; connect to it with ws:// or wss://.")
    return NotFound("There is no such route.")
