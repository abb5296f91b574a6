"""The HTTP application of every service: errors, request ids, traces, metrics, limits, health."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from common.contracts.alternatives import alternative_name
from common.contracts.bodies import OF_A_FIELD
from common.contracts.ids import id_fault
from common.errors import (
    DatabaseUnavailable,
    KasalError,
    MethodNotAllowed,
    NotFound,
    Unavailable,
    UpstreamTimeout,
    cause_text,
    envelope,
    from_status,
    problem,
    several,
)
from common.idempotency.header import replay
from common.idempotency.once import Replayed
from common.logs import get_logger
from common.process.health import Check, Purpose, ready
from common.process.watching import BackendWatch
from common.security.tokens import TokenVerifier
from common.telemetry import Telemetry
from common.web.declared import KnownQueryOnly
from common.web.models import failures
from common.web.reasons import reason_of
from common.web.requests import RequestLimits, RequestRecorder, current_request_id

log = get_logger(__name__)

_ANY_ROUTE = (400, 401, 403, 404, 413, 415, 429, 500, 503, 504)
"""Statuses with which any route may fail, and which it documents."""

_NAMED = 100
"""The most faults of one request that are named."""

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(
    service: str,
    *,
    telemetry: Telemetry,
    routers: Sequence[APIRouter],
    lifespan: Lifespan,
    checks: Mapping[str, Check],
    needed: Collection[str] | None = None,
    verifier: TokenVerifier | None = None,
    max_body: int = 1_048_576,
    uploads: Mapping[str, int] | None = None,
) -> FastAPI:
    """Return the application of `service` with everything that every route has in common.

    `checks` are the backends that `/readyz` asks, by name; `needed` are those without which the service
    can answer nothing (by default all). `max_body` is in bytes; `uploads` is as in `RequestLimits`.
    """
    app = FastAPI(
        title=f"Kasal {service}",
        version="1",
        lifespan=_watching(lifespan, BackendWatch(telemetry, checks)),
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=failures(*_ANY_ROUTE),
        dependencies=[KnownQueryOnly],
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.verifier = verifier
    # First, since FastAPI prepares a router's routes when a request is first compared with them: a start waits for
    # `/readyz`, and not for the others.
    app.include_router(health_routes(checks, needed))
    for router in routers:
        app.include_router(router)
    add_error_handlers(app)
    app.add_middleware(RequestLimits, max_body=max_body, uploads=uploads or {})
    app.add_middleware(RequestRecorder, service=service, telemetry=telemetry)
    return app


def _watching(lifespan: Lifespan, watch: BackendWatch) -> Lifespan:
    """Return `lifespan` with the backends watched during it."""

    @asynccontextmanager
    async def both(app: FastAPI) -> AsyncIterator[None]:
        async with lifespan(app), watch.looking():
            yield

    return both


def health_routes(checks: Mapping[str, Check], needed: Collection[str] | None = None) -> APIRouter:
    """Return `/healthz` (the process is up) and `/readyz` (its backends answer).

    `/readyz?for=traffic` is for load balancers: it fails only if something `needed` is down.
    """
    router = APIRouter(include_in_schema=False)

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/readyz")
    async def readyz(
        purpose: Annotated[Purpose | None, Query(alias="for")] = None,
    ) -> dict[str, Any]:
        return await ready(checks, needed if purpose == "traffic" else None)

    return router


def error_response(
    error: KasalError, request_id: str, accept: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """Return `error` as the API's envelope, or as a problem document if `accept` asks for one."""
    as_problem = "application/problem+json" in accept
    body = problem(error, request_id) if as_problem else envelope(error, request_id)
    carried = dict(headers or {})
    if error.retry_after is not None:
        carried.setdefault("Retry-After", str(max(1, round(error.retry_after))))
    if error.status == 401:
        carried.setdefault("WWW-Authenticate", "Bearer")
    return Response(
        orjson.dumps(body, default=str),
        status_code=error.status,
        headers=carried,
        media_type="application/problem+json" if as_problem else "application/json",
    )


def add_error_handlers(app: FastAPI) -> None:
    """Answer every failure of `app` with the envelope."""

    async def answer_error(request: Request, fault: Exception) -> Response:
        assert isinstance(fault, KasalError)  # noqa: S101 - registered for this class only
        if isinstance(fault, DatabaseUnavailable):
            log.warning("the database does not answer", reason=str(fault.__cause__)[:500])
        elif isinstance(fault, Unavailable | UpstreamTimeout) and fault.__cause__ is not None:
            reason = cause_text(fault.__cause__)[:500]
            log.warning("a request cannot be answered now", problem=fault.message, reason=reason)
        return _answer(request, _of_no_id(request, fault))

    async def answer_invalid(request: Request, fault: Exception) -> Response:
        assert isinstance(fault, RequestValidationError)  # noqa: S101
        return _answer(request, invalid_request(fault.errors(), _body_of(request)))

    async def answer_http_exception(request: Request, fault: Exception) -> Response:
        assert isinstance(fault, HTTPException)  # noqa: S101
        return _answer(request, _from_http(fault), fault.headers)

    app.add_exception_handler(Replayed, replay)
    app.add_exception_handler(KasalError, answer_error)
    app.add_exception_handler(RequestValidationError, answer_invalid)
    app.add_exception_handler(HTTPException, answer_http_exception)


def _answer(
    request: Request, error: KasalError, headers: Mapping[str, str] | None = None
) -> Response:
    return error_response(error, current_request_id(), request.headers.get("accept", ""), headers)


def _of_no_id(request: Request, fault: KasalError) -> KasalError:
    """Return `fault`, or a hint if something other than an id was sent for an id."""
    if fault.status != NotFound.status:
        return fault
    faults = (id_fault(name, str(value)) for name, value in request.path_params.items())
    return next((NotFound(f"{text}.") for text in faults if text is not None), fault)


def _from_http(fault: HTTPException) -> KasalError:
    if fault.status_code == 404:
        return NotFound("There is no such route.")
    if fault.status_code == 405:
        return MethodNotAllowed("This route does not support that method.")
    return from_status(fault.status_code, {"error": {"message": str(fault.detail)}})


def _body_of(request: Request) -> Any:
    """Return the type of the body that the request's route takes, or None."""
    field = getattr(request.scope.get("route"), "body_field", None)
    return None if field is None else field.field_info.annotation


def invalid_request(errors: Sequence[Any], body: Any = None) -> KasalError:
    """Return pydantic's `errors` as one 400 whose `field` is a dotted path (`agents.0.role`).

    `body` is the type of what was sent; with it, an unknown field gets a suggestion.
    """
    faults = [
        {"field": _path(error), "reason": reason_of(error, body)} for error in errors[:_NAMED]
    ]
    return several(faults, f"Invalid request: {faults[0]['field']}: {faults[0]['reason']}")


def _path(error: Mapping[str, Any]) -> str:
    parts = [str(part) for part in error["loc"] if alternative_name(part) is None]
    if error["type"] in OF_A_FIELD:
        parts.append(error["ctx"]["name"])
    if parts and parts[0] in {"body", "query", "path", "header", "cookie"}:
        place, parts = parts[0], parts[1:]
        if error["type"] == "json_invalid" or not parts:
            return place
    return ".".join(parts)
