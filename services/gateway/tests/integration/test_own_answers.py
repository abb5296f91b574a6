"""What the gateway answers by itself.

Covers: gateway.routes.cors, gateway.routes.documents
"""

import asyncio
import json

import aiohttp
import pytest


async def test_health_and_readiness(gateway, behind):
    async with gateway() as door:
        async with door.http.get("/healthz") as answer:
            assert (answer.status, await answer.json()) == (200, {"status": "ok"})
        async with door.http.get("/readyz") as answer:
            assert answer.status == 200
            told = await answer.json()
        async with door.http.post("/healthz") as answer:
            assert answer.status == 405
            assert answer.headers["Allow"] == "GET, HEAD"
    assert set(told["checks"]) == {"redis", "bus", "auth", "crews", "executor", "events"}


async def test_traffic_comes_to_the_gateway_whatever_is_away(gateway):
    async with gateway(redis_url="redis://127.0.0.1:1/0") as door:
        async with door.http.get("/readyz") as answer:
            assert answer.status == 503
            assert (await answer.json())["error"]["details"]["missing"] == ["redis"]
        async with door.http.get("/readyz?for=traffic") as answer:
            told = await answer.json()
            assert (answer.status, told["status"]) == (200, "degraded")
    assert told["checks"]["redis"] == "missing"
    assert told["checks"]["crews"] == "ok"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/openapi.json", "application/json"),
        ("/docs", "text/html"),
        ("/postman/kasal-api-v1.json", "application/json"),
    ],
)
async def test_documents_are_served_and_cached_by_their_etag(gateway, path, kind):
    async with gateway() as door:
        async with door.http.get(path) as answer:
            assert answer.status == 200
            assert answer.content_type == kind
            etag = answer.headers["ETag"]
            length = len(await answer.read())
        async with door.http.get(path, headers={"If-None-Match": etag}) as answer:
            assert answer.status == 304
        async with door.http.head(path) as answer:
            assert int(answer.headers["Content-Length"]) == length
            assert await answer.read() == b""


async def test_the_page_may_run_its_own_script_and_nothing_else(gateway):
    async with gateway() as door, door.http.get("/docs") as answer:
        policy = answer.headers["Content-Security-Policy"]
        page = await answer.text()
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert policy.count("sha256-") == 2
    assert "http://" not in page.replace("http://localhost", "")
    assert "https://" not in page


async def test_maintenance_mode_leaves_health_alone(gateway, bearer, behind):
    async with gateway(maintenance=True, maintenance_retry_after=90) as door:
        for path in ("/v1/crews", "/v1/nothing", "/docs", "/openapi.json"):
            async with door.http.get(path, headers=bearer()) as answer:
                assert answer.status == 503
                assert answer.headers["Retry-After"] == "90"
                assert (await answer.json())["error"]["code"] == "SERVICE_UNAVAILABLE"
        async with door.http.get("/healthz") as answer:
            assert answer.status == 200
    assert behind.crews.requests == []


async def test_errors_are_the_envelope_or_a_problem_document(gateway):
    async with gateway() as door:
        async with door.http.get("/nothing") as answer:
            told = (await answer.json())["error"]
            assert answer.content_type == "application/json"
            assert set(told) == {"code", "message", "details", "request_id"}
            assert told["request_id"] == answer.headers["X-Request-ID"]
        accept = {"Accept": "application/problem+json"}
        async with door.http.get("/nothing", headers=accept) as answer:
            assert answer.content_type == "application/problem+json"
            told = await answer.json(content_type=None)
            assert (told["status"], told["code"]) == (404, "NOT_FOUND")


async def test_unknown_methods_are_refused_and_options_tells_the_known(gateway, bearer, behind):
    async with gateway() as door:
        async with door.http.request("TRACE", "/v1/crews", headers=bearer()) as answer:
            assert answer.status == 405
            assert "POST" in answer.headers["Allow"]
        async with door.http.options("/v1/crews/crew_abc123") as answer:
            assert answer.status == 204
            assert answer.headers["Allow"] == "DELETE, GET, HEAD, PUT, OPTIONS"
            assert "Access-Control-Allow-Origin" not in answer.headers
        async with door.http.options("/v1/crews/a/b/c") as answer:
            assert answer.status == 404
    assert behind.crews.requests == []


async def test_cross_origin_requests_where_they_are_allowed(gateway, bearer):
    page = {"Origin": "https://app.example"}
    ask = {**page, "Access-Control-Request-Method": "POST"}
    async with gateway(cors_origins="https://app.example, https://two.example") as door:
        async with door.http.options("/v1/crews", headers=ask) as answer:
            assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"
            assert "POST" in answer.headers["Access-Control-Allow-Methods"]
            assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
        async with door.http.get("/v1/crews", headers={**page, **bearer()}) as answer:
            assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"
            assert answer.headers["Vary"] == "Origin"
        other = {"Origin": "https://evil.example"}
        async with door.http.get("/v1/crews", headers={**other, **bearer()}) as answer:
            assert "Access-Control-Allow-Origin" not in answer.headers
        async with door.http.get("/v1/crews", headers=page) as answer:
            assert answer.status == 401
            assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"


async def test_a_span_for_every_request(gateway, bearer):
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from common.telemetry import Telemetry
    from gateway.routes.records import AccessLog, Records

    kept = InMemorySpanExporter()
    telemetry = Telemetry("gateway", spans=SimpleSpanProcessor(kept))
    lines: list[str] = []
    access_log = AccessLog(pretty=False, write=lines.append)
    async with gateway() as door:
        door.app._door._records = Records(telemetry, access_log)
        async with door.http.get("/v1/crews", headers=bearer()) as answer:
            told = (await answer.json())["headers"]["traceparent"]
    access_log.flush()
    (span,) = kept.get_finished_spans()
    telemetry.close()
    assert span.name == "GET crews"
    assert span.attributes["http.response.status_code"] == 200
    assert told.startswith(f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-")
    assert int(told[-2:], 16) & 1


async def test_pipelined_requests_are_answered_in_order(gateway, bearer, behind):
    token = bearer()["Authorization"]
    first = f"GET /v1/crews/one HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n\r\n"
    last = f"GET /v1/crews/two HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nConnection: close\r\n\r\n"
    async with gateway() as door:
        answered = await door.raw(first + last)
    assert answered.count(b"HTTP/1.1 200") == 2
    assert answered.index(b"/crews/one") < answered.index(b"/crews/two")


async def test_streams_do_not_hold_up_the_stop(gateway, bearer):
    async with asyncio.timeout(60):
        async with gateway() as door:
            answer = await door.http.get("/v1/executions/job_1/events", headers=bearer())
            assert answer.status == 200
        answer.close()  # only now: it was open while the gateway stopped


async def test_a_method_a_route_does_not_have_is_told_all_it_has(gateway, behind, bearer):
    fault = {"error": {"code": "METHOD_NOT_ALLOWED", "message": "no", "details": {}}}
    behind.crews.answers["/crews"] = lambda _: (405, fault)
    async with (
        gateway() as door,
        door.http.patch("/v1/crews", headers=bearer(), json={}) as answer,
    ):
        assert answer.status == 405
        assert answer.headers.getall("Allow") == ["GET, HEAD, POST, OPTIONS"]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example"])
async def test_a_host_that_is_not_allowed_is_refused_for_requests_and_sockets(
    gateway, behind, bearer, host
):
    async with gateway(allowed_hosts="localhost,127.0.0.1") as door:
        headers = {**bearer(), "Host": host}
        for path in ("/api/v1/crews", "/docs", "/openapi.json", "/nowhere"):
            async with door.http.get(path, headers=headers) as answer:
                told = (await answer.json())["error"]
            assert (answer.status, told["code"]) == (400, "VALIDATION_ERROR")
            assert told["details"]["field"] == "Host"
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await door.http.ws_connect("/v1/ws", headers={**headers, "Origin": f"http://{host}"})
        assert refused.value.status == 400
        async with door.http.get("/healthz", headers=headers) as answer:
            assert answer.status == 200, "a probe names what it likes"
        async with door.http.get("/api/v1/crews", headers=bearer()) as answer:
            assert answer.status == 200
    assert len(behind.crews.requests) == 1
    assert not behind.events.sockets


async def test_a_trusted_proxy_tells_the_host_that_was_asked(gateway, bearer):
    async with gateway(allowed_hosts="kasal.example", trusted_proxies="127.0.0.1") as door:
        for asked, status in (("kasal.example", 200), ("evil.example", 400)):
            headers = {**bearer(), "X-Forwarded-Host": asked}
            async with door.http.get("/v1/crews", headers=headers) as answer:
                assert answer.status == status


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/crews", 200),
        ("HEAD", "/api/v1/crews", 200),
        ("GET", "/api/v1/crews/large", 200),
        ("GET", "/nowhere", 404),
        ("TRACE", "/api/v1/crews", 405),
        ("GET", "/api/v1/auth/me", 200),
        ("OPTIONS", "/api/v1/crews", 204),
        ("GET", "/healthz", 200),
    ],
)
async def test_an_answer_is_what_it_says_and_nobodys_to_keep(gateway, bearer, method, path, status):
    async with gateway() as door:
        async with door.http.request(method, path, headers=bearer()) as answer:
            assert answer.status == status
            assert answer.headers.getall("X-Content-Type-Options") == ["nosniff"]
            assert answer.headers.getall("Cache-Control") == ["no-store"]
        async with door.http.request(method, path.replace("crews", "tasks")) as answer:
            assert answer.headers.getall("Cache-Control") == ["no-store"]
            assert answer.headers.getall("X-Content-Type-Options") == ["nosniff"]


async def test_documents_may_be_kept_and_framed_by_nobody(gateway):
    async with gateway() as door, door.http.get("/docs") as answer:
        assert answer.headers.getall("Cache-Control") == ["public, max-age=60"]
        assert answer.headers.getall("X-Content-Type-Options") == ["nosniff"]
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("text", ["hello\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"])
async def test_what_is_no_request_is_answered_so_too(gateway, text):
    async with gateway() as door:
        answer = (await door.raw(text)).lower()
    assert b"\r\nx-content-type-options: nosniff\r\n" in answer
    assert b"\r\ncache-control: no-store\r\n" in answer


async def test_pages_elsewhere_may_send_and_see_every_header_of_the_api(gateway):
    origin = "https://app.example"
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    async with gateway(cors_origins=origin) as door:
        async with door.http.get("/openapi.json") as answer:
            text = await answer.text()
        async with door.http.options("/api/v1/files", headers=asked) as answer:
            accepted = set(answer.headers["Access-Control-Allow-Headers"].lower().split(", "))
            exposed = set(answer.headers["Access-Control-Expose-Headers"].lower().split(", "))
    document = json.loads(text)
    sent = {one["name"].lower() for one in _parts(document) if one.get("in") == "header"}
    assert sent >= {"range", "idempotency-key"}
    assert sent | {"content-disposition", "content-type"} <= accepted
    told = {name.lower() for name in document["components"]["headers"]}
    assert told | {"content-disposition", "content-range"} <= exposed


def _parts(value):
    """Yield all objects in a document."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if isinstance(value, dict):
        yield value
    for one in inner:
        yield from _parts(one)


async def test_the_page_shows_an_upload_as_a_form_and_sends_what_is_filled_in(gateway):
    async with gateway() as door, door.http.get("/docs") as answer:
        page = await answer.text()
    assert "-F file=@" in page
    assert "connect-src 'self'" in answer.headers["Content-Security-Policy"]
