"""Letting a request in: its host, its address, its token and limits, and the headers for its service."""

from common.door.presentation import authorization_header, required_token
from common.errors import InvalidRequest, RateLimited
from gateway.config import Settings
from gateway.domain.addresses import client_address, requested_host, requested_scheme
from gateway.domain.admission import Admission, AdmissionControl
from gateway.domain.hosts import AllowedHosts
from gateway.domain.routing import Target
from gateway.routes.answers import rate_headers
from gateway.routes.visit import Visit


class Entrance:
    """Lets requests and sockets in, or raises. Sets the headers that their service gets."""

    def __init__(self, settings: Settings, admissions: AdmissionControl) -> None:
        self._settings = settings
        self._proxies = settings.proxies
        self._hosts = AllowedHosts(settings.allowed_hosts.split(","))
        self._admissions = admissions

    def check_host(self, visit: Visit) -> None:
        """Raise `InvalidRequest` for a host that is not ours."""
        host = self._host(visit)
        if not self._hosts.allow(host):
            raise InvalidRequest(
                f"The platform does not answer to this host: {host[:100]!r}.",
                field="Host",
                reason="It is not in KASAL_ALLOWED_HOSTS.",
            )

    async def admit_request(self, visit: Visit, target: Target) -> None:
        """Let a request in. Raises `Unauthorized`, `RateLimited` or `Unavailable`."""
        address = self._address(visit)
        if target.service == "auth":  # it counts wrong passwords by the address we report
            visit.carried["X-Kasal-Service-Secret"] = self._settings.service_secret.current
            if (
                visit.method == "POST"
            ):  # it may set a cookie, which is for the address that the client used
                visit.carried["X-Forwarded-Host"] = self._host(visit)
                visit.carried["X-Forwarded-Proto"] = self._scheme(visit)
        if target.open and not (target.token_checked and authorization_header(visit.headers)):
            limit = self._settings.open_route_limit
            admission = await self._admissions.admit_address("open", address, limit)
        else:
            token = required_token(visit.headers)
            admission = await self._admissions.admit_caller(token, address)
            if admission.jwt is not None:
                visit.carried["Authorization"] = f"Bearer {admission.jwt}"
            if admission.identity is not None:
                visit.workspace_id = admission.identity.workspace_id
        visit.extra += rate_headers(admission.windows)
        _require_room(admission)
        _introduce(visit, address)

    async def admit_socket(self, visit: Visit) -> None:
        """Let a handshake in; events checks its token. Raises `Unauthorized` or `RateLimited`."""
        address = self._address(visit)
        limit = self._settings.handshake_limit
        _require_room(await self._admissions.admit_address("socket", address, limit))
        authorization_header(visit.headers)
        visit.check()
        _introduce(visit, address)
        visit.carried["X-Forwarded-Host"] = self._host(visit)

    def apply_new_plan(self, visit: Visit) -> None:
        """Apply a new plan of the caller's workspace at once."""
        self._admissions.apply_new_plan(visit.workspace_id)

    def _address(self, visit: Visit) -> str:
        return client_address(visit.peer, visit.headers(b"x-forwarded-for"), self._proxies)

    def _host(self, visit: Visit) -> str:
        forwarded = visit.header(b"x-forwarded-host")
        return requested_host(visit.peer, visit.header(b"host"), forwarded, self._proxies)

    def _scheme(self, visit: Visit) -> str:
        forwarded = visit.header(b"x-forwarded-proto")
        return requested_scheme(visit.peer, visit.scope["scheme"], forwarded, self._proxies)


def _introduce(visit: Visit, address: str) -> None:
    carried = visit.carried
    carried["X-Request-ID"] = visit.request_id
    if visit.traceparent:
        carried["traceparent"] = visit.traceparent
    carried["X-Forwarded-For"] = address


def _require_room(admission: Admission) -> None:
    if admission.admitted:
        return
    exhausted = max(admission.windows, key=lambda window: window.wait)
    raise RateLimited(
        "Rate limit exceeded",
        details={"window": exhausted.name, "limit": exhausted.limit},
        reason=f"{exhausted.limit} requests per {exhausted.name} are used up.",
        retry_after=exhausted.wait,
    )
