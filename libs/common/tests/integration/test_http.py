"""The application every service is, over real HTTP."""

import asyncio
from contextlib import asynccontextmanager
from typing import Annotated, Any

import aiohttp
import pytest
from fastapi import APIRouter, FastAPI, Query
from pymongo.errors import NetworkTimeout
from structlog.testing import capture_logs

from common.client import Addresses, ServiceClient, ServiceTokens
from common.errors import (
    Conflict,
    DatabaseUnavailable,
    Forbidden,
    NotFound,
    Unauthorized,
    Unavailable,
    UpstreamTimeout,
)
from common.identity import ALL_WORKSPACES
from common.security.keys import RemoteKeys
from common.security.tokens import TokenVerifier
from common.web.access import Admin, Overseer, PeerService, Viewer
from common.web.http import create_app
from common.web.models import PageQuery, RequestModel
from devkit.identity import KEY_ID

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
        self.ready = True
        self.bus_ready = True

        @self.routes.post("/bodies")
        async def make(body: Body) -> dict[str, Any]:
            return body.model_dump()

        @self.routes.get("/pages")
        async def pages(page: Annotated[PageQuery, Query()]) -> dict[str, int]:
            return {"skip": page.skip}

        @self.routes.get("/slow")
        async def slow() -> None:
            await asyncio.sleep(30)

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


async def test_a_client_raises_what_its_peer_answered(running):
    with pytest.raises(Conflict, match="there already") as told:
        await running.client.request("GET", "/conflict")
    assert told.value.details == {"field": "name", "reason": "taken"}
    with pytest.raises(NotFound):
        await running.client.request("GET", "/nowhere")


async def test_a_client_tells_away_from_slow(running):
    async with ServiceClient("peer", running.url, timeout=0.1) as client:
        with pytest.raises(UpstreamTimeout, match="peer"):
            await client.request("GET", "/slow")
    async with ServiceClient("peer", "unix:///nowhere/at-all.sock") as client:
        with pytest.raises(Unavailable, match="peer"):
            await client.request("GET", "/")


async def test_a_client_asks_another_address_where_one_cannot_be_reached(running):
    gone = "unix:///nowhere/at-all.sock"
    async with ServiceClient("peer", f"{gone}, {running.url}") as client:
        for _ in range(4):
            told = await client.request("POST", "/bodies", json={"name": "a"})
            assert told["name"] == "a"
    async with ServiceClient("peer", f"{gone},{gone}") as client:
        with pytest.raises(Unavailable, match="peer"):
            await client.request("GET", "/")


async def test_only_what_may_be_sent_twice_is_after_a_connection_broke(running):
    """A peer that takes the request and hangs up may have acted on it."""
    asked = []

    async def hangs_up(reader, writer):
        asked.append((await reader.readline()).split()[0])
        writer.close()

    server = await asyncio.start_server(hangs_up, "127.0.0.1", 0)
    bad = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        async with ServiceClient("peer", f"{running.url},{bad}") as client:
            with pytest.raises(Unavailable):
                await client.request("POST", "/bodies", json={"name": "a"})
            assert asked == [b"POST"]
        async with ServiceClient("peer", f"{running.url},{bad}") as client:
            for _ in range(2):
                with pytest.raises(NotFound):
                    await client.request("GET", "/nowhere")
            assert asked == [b"POST", b"GET", b"GET"]  # twice by aiohttp itself; then it rests


async def test_an_address_that_cannot_be_reached_is_asked_last_for_a_while():
    addresses = Addresses("http://a, http://b,http://c", lambda link: aiohttp.ClientSession())
    tried = []

    async def request(address):
        tried.append(address.base[-1])
        if address.base == "http://b":
            raise aiohttp.ServerDisconnectedError
        return address.base

    for _ in range(4):
        await addresses.ask(request, repeatable=True)
    await addresses.close()
    assert tried == ["b", "c", "c", "a", "c"]


async def test_service_tokens_are_asked_for_once(telemetry, served, make_token):
    routes, asked_for = APIRouter(), []

    @routes.post("/internal/tokens/service")
    async def give(body: dict[str, str]) -> dict[str, Any]:
        asked_for.append(body["workspace_id"])
        if body["workspace_id"] == "ws_refused":
            raise Forbidden
        return {"access_token": f"for {body['workspace_id']}", "expires_in": 300}

    async with served(_plain_app(telemetry, routes)) as auth:
        tokens = ServiceTokens(auth.client, "executor", "a secret of the services")
        got = await asyncio.gather(*(tokens.token(w) for w in ("ws_a", "ws_a", "ws_b")))
        assert got == ["for ws_a", "for ws_a", "for ws_b"]
        assert sorted(asked_for) == ["ws_a", "ws_b"]
        with pytest.raises(Unavailable, match="gave no service token"):
            await tokens.token("ws_refused")


async def test_keys_are_read_from_the_set_and_forged_ids_cost_little(
    telemetry, served, signing_keys, make_token
):
    import json

    from jwt.algorithms import ECAlgorithm

    routes, reads = APIRouter(), []
    public = json.loads(ECAlgorithm.to_jwk(signing_keys.private.public_key()))

    @routes.get("/.well-known/jwks.json")
    async def jwks() -> dict[str, Any]:
        reads.append(1)
        other = {"kty": "oct", "kid": "other", "alg": "HS256", "k": "AA"}
        return {"keys": [{**public, "kid": KEY_ID, "alg": "ES256"}, other]}

    async with served(_plain_app(telemetry, routes)) as auth:
        keys = RemoteKeys(auth.client)
        identity = await TokenVerifier(keys).verify(make_token())
        assert identity.user_id == "usr_test"
        for number in range(20):
            assert await keys.public_key(f"forged-{number}") is None
        assert await keys.public_key("other") is None
        assert len(reads) == 1


async def test_a_key_that_is_taken_out_of_the_set_is_trusted_no_longer(
    telemetry, served, signing_keys, make_token
):
    import json

    from jwt.algorithms import ECAlgorithm

    public = json.loads(ECAlgorithm.to_jwk(signing_keys.private.public_key()))
    told: list[dict[str, Any]] = [{**public, "kid": KEY_ID, "alg": "ES256"}]
    routes, token, away = APIRouter(), make_token(), False

    @routes.get("/.well-known/jwks.json")
    async def jwks() -> dict[str, Any]:
        if away:
            raise Unavailable("away")
        return {"keys": told}

    now = 1_000.0
    async with served(_plain_app(telemetry, routes)) as auth:
        verifier = TokenVerifier(RemoteKeys(auth.client, lambda: now))
        await verifier.verify(token)
        told.clear()
        now += 59
        await verifier.verify(token)
        now, away = now + 2, True
        await verifier.verify(token)
        now, away = now + 6, False
        with pytest.raises(Unauthorized):
            await verifier.verify(token)


def _plain_app(telemetry, routes):
    @asynccontextmanager
    async def lifespan(_: FastAPI):
        yield

    return create_app("plain", telemetry=telemetry, routers=[routes], lifespan=lifespan, checks={})


async def test_a_request_logs_a_database_that_does_not_answer(running):
    with capture_logs() as logs:
        assert (await asked(running, "GET", "/database-away"))[0] == 503
    lines = [line for line in logs if line["event"] == "the database does not answer"]
    assert [(line["log_level"], line["reason"]) for line in lines] == [("warning", "mongo:27017")]
