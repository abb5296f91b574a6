"""The application every service is, over real HTTP.

Covers: common.process.health
"""

from contextlib import asynccontextmanager
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, FastAPI, Query
from pymongo.errors import NetworkTimeout
from structlog.testing import capture_logs

from common.errors import (
    Conflict,
    DatabaseUnavailable,
    Unavailable,
)
from common.identity import ALL_WORKSPACES
from common.web.access import Admin, Overseer, PeerService, Viewer
from common.web.http import create_app
from common.web.models import PageQuery, RequestModel

JSON = {"content-type": "application/json"}


class Body(RequestModel):
    name: str
    numbers: list[int] = []  # noqa: RUF012 - pydantic copies it


class Peer:
    """A service whose routes fail in every way."""

    def __init__(self) -> None:
        self.routes = APIRouter()
        self.add("/bug", ZeroDivisionError("a secret"))
        self.add("/conflict", Conflict("It is there already.", field="name", reason="taken"))
        away = DatabaseUnavailable()
        away.__cause__ = NetworkTimeout("mongo:27017")
        self.add("/database-away", away)
        peer_away = Unavailable("The service auth cannot be reached.")
        peer_away.__cause__ = ConnectionRefusedError("auth:8001")
        self.add("/peer-away", peer_away)
        self.ready = True
        self.bus_ready = True

        @self.routes.post("/bodies")
        async def make(body: Body) -> dict[str, Any]:
            return body.model_dump()

        @self.routes.get("/pages")
        async def pages(page: Annotated[PageQuery, Query()]) -> dict[str, int]:
            return {"skip": page.skip}

        @self.routes.get("/viewer")
        async def viewer(who: Viewer) -> str:
            return who.workspace_id

        @self.routes.get("/admin")
        async def admin(who: Admin) -> str:
            return who.user_id

        @self.routes.get("/internal/peer")
        async def peer(who: PeerService) -> str:
            return who.workspace_id

        @self.routes.get("/internal/overseer")
        async def overseer(who: Overseer) -> str:
            return who.workspace_id

    def add(self, path: str, fault: Exception) -> None:
        async def fail() -> None:
            raise fault

        self.routes.add_api_route(path, fail, name=path)

    async def check(self) -> None:
        if not self.ready:
            raise ConnectionError("nobody there")

    async def check_bus(self) -> None:
        if not self.bus_ready:
            raise ConnectionError("nobody there")


@pytest.fixture
def peer():
    return Peer()


@pytest.fixture
async def running(peer, telemetry, verifier, served):
    @asynccontextmanager
    async def lifespan(_: FastAPI):
        yield

    app = create_app(
        "tested",
        telemetry=telemetry,
        routers=[peer.routes],
        lifespan=lifespan,
        checks={"mongo": peer.check, "bus": peer.check_bus},
        needed={"mongo"},
        verifier=verifier,
        max_body=1_000,
    )
    async with served(app) as made:
        yield made


async def asked(running, method, path, **more):
    async with running.http.request(method, path, **more) as answer:
        return answer.status, await answer.json(), answer.headers


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "NOT_FOUND"),
        ("DELETE", "/bodies", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/bodies/", 404, "NOT_FOUND"),
        ("GET", "/bug", 500, "INTERNAL_ERROR"),
        ("GET", "/conflict", 409, "CONFLICT"),
        ("GET", "/database-away", 503, "SERVICE_UNAVAILABLE"),
        ("GET", "/pages?page=0", 400, "VALIDATION_ERROR"),
        ("GET", "/viewer", 401, "UNAUTHORIZED"),
    ],
)
async def test_every_failure_is_the_envelope(running, method, path, status, code):
    got, body, headers = await asked(running, method, path)
    assert (got, body["error"]["code"]) == (status, code)
    assert body["error"]["request_id"] == headers["x-request-id"]
    assert "secret" not in str(body)


async def test_a_problem_document_is_given_to_who_asks_for_one(running):
    accept = {"accept": "application/problem+json"}
    status, body, headers = await asked(running, "GET", "/conflict", headers=accept)
    assert headers["content-type"] == "application/problem+json"
    assert (status, body["status"], body["details"]["field"]) == (409, 409, "name")


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b"{}", "name"),
        (b'{"name": "a", "numbers": [1, "x"]}', "numbers.1"),
        (b'{"name": "a", "other": 1}', "other"),
        (b"not json", "body"),
        (b"[]", "body"),
        (b"", "body"),
        (b'{"name": "\\ud800"}', "body"),
    ],
)
async def test_a_bad_body_names_what_is_wrong(running, raw, field):
    status, body, _ = await asked(running, "POST", "/bodies", data=raw, headers=JSON)
    assert status == 400
    assert body["error"]["details"]["field"] == field


async def test_several_faults_are_all_named(running):
    _, body, _ = await asked(running, "POST", "/bodies", json={"numbers": ["x"]})
    assert [e["field"] for e in body["error"]["details"]["errors"]] == ["name", "numbers.0"]


async def test_a_body_that_is_no_text_is_a_bad_request(running):
    status, body, _ = await asked(running, "POST", "/bodies", data=b"\xff\xfe", headers=JSON)
    assert (status, body["error"]["code"]) == (400, "VALIDATION_ERROR")


async def test_a_body_of_another_type_is_refused(running):
    kind = {"content-type": "text/xml"}
    status, body, _ = await asked(running, "POST", "/bodies", data=b"<a/>", headers=kind)
    assert (status, body["error"]["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_a_body_that_does_not_say_its_type_is_told_to(running):
    status, body, _ = await asked(
        running, "POST", "/bodies", data=b"{}", skip_auto_headers=("content-type",)
    )
    assert (status, body["error"]["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert body["error"]["details"]["field"] == "Content-Type"


async def test_a_large_body_is_refused_whether_or_not_it_says_so(running):
    async def streamed():
        for _ in range(10):
            yield b"x" * 500

    for data in (b"x" * 5_000, streamed()):
        status, body, _ = await asked(running, "POST", "/bodies", data=data, headers=JSON)
        assert (status, body["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")


async def test_a_request_id_is_taken_or_made(running):
    _, _, headers = await asked(running, "GET", "/nowhere", headers={"x-request-id": "mine-0001"})
    assert headers["x-request-id"] == "mine-0001"
    _, _, headers = await asked(running, "GET", "/nowhere", headers={"x-request-id": "bad id"})
    assert headers["x-request-id"].startswith("req_")


async def test_readiness_names_the_backend_that_is_away(running, peer):
    assert (await asked(running, "GET", "/readyz"))[0] == 200
    peer.ready = False
    status, body, headers = await asked(running, "GET", "/readyz")
    assert (status, body["error"]["details"]["missing"]) == (503, ["mongo"])
    assert "retry-after" in headers
    assert (await asked(running, "GET", "/healthz"))[0] == 200


async def test_traffic_comes_while_what_is_needed_answers(running, peer):
    peer.bus_ready = False
    status, body, _ = await asked(running, "GET", "/readyz")
    assert (status, body["error"]["details"]["missing"]) == (503, ["bus"])
    status, body, _ = await asked(running, "GET", "/readyz?for=traffic")
    assert (status, body["status"]) == (200, "degraded")
    assert body["checks"] == {"mongo": "ok", "bus": "missing"}
    peer.ready = False
    status, body, _ = await asked(running, "GET", "/readyz?for=traffic")
    assert (status, body["error"]["details"]["missing"]) == (503, ["mongo", "bus"])
    assert (await asked(running, "GET", "/readyz?for=fun"))[0] == 400


async def test_requests_are_counted_by_route(running, telemetry):
    await asked(running, "GET", "/pages?page=2")
    samples = [s for m in telemetry.registry.collect() for s in m.samples]
    assert any(s.labels.get("http_route") == "/pages" for s in samples)


@pytest.mark.parametrize(
    ("path", "token", "status"),
    [
        ("/viewer", {}, 200),
        ("/viewer", {"role": "viewer"}, 200),
        ("/viewer", {"kind": "service"}, 401),
        ("/admin", {"role": "editor"}, 403),
        ("/admin", {"role": "admin"}, 200),
        ("/internal/peer", {}, 403),
        ("/internal/peer", {"kind": "service"}, 200),
        ("/internal/peer", {"kind": "service", "workspace_id": ALL_WORKSPACES}, 403),
        ("/internal/overseer", {"kind": "service"}, 403),
        ("/internal/overseer", {"kind": "service", "workspace_id": ALL_WORKSPACES}, 200),
    ],
)
async def test_a_route_lets_in_whom_it_is_for(running, make_token, path, token, status):
    headers = {"authorization": f"Bearer {make_token(**token)}"}
    assert (await asked(running, "GET", path, headers=headers))[0] == status


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer  ", "Basic abc", "Bearer nonsense"])
async def test_anything_but_a_good_bearer_token_is_unauthorized(running, given):
    status, _, headers = await asked(running, "GET", "/viewer", headers={"authorization": given})
    assert (status, headers["www-authenticate"]) == (401, "Bearer")


async def test_a_request_logs_a_database_that_does_not_answer(running):
    with capture_logs() as logs:
        assert (await asked(running, "GET", "/database-away"))[0] == 503
    lines = [line for line in logs if line["event"] == "the database does not answer"]
    assert [(line["log_level"], line["reason"]) for line in lines] == [("warning", "mongo:27017")]


async def test_a_request_logs_why_a_peer_could_not_be_asked(running):
    with capture_logs() as logs:
        status, body, _ = await asked(running, "GET", "/peer-away")
    assert (status, "8001" in str(body)) == (503, False)
    (line,) = [line for line in logs if line["event"] == "a request cannot be answered now"]
    assert line["problem"] == "The service auth cannot be reached."
    assert line["reason"] == "ConnectionRefusedError: auth:8001"
