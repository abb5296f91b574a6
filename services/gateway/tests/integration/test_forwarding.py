"""Requests on their way through the gateway.

Covers: gateway.peers.upstreams, gateway.routes.answers, gateway.routes.request_body
"""

import asyncio
import io
import socket

import aiohttp
import pytest
from structlog.testing import capture_logs


@pytest.mark.parametrize("prefix", ["/api/v1", "/v1"])
@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/auth/me", "auth"),
        ("/workspace/plan", "auth"),
        ("/crews", "crews"),
        ("/agents/agent_001", "crews"),
        ("/tasks", "crews"),
        ("/tools/custom/tool_custom_1", "crews"),
        ("/memory/crew_abc123", "crews"),
        ("/executions", "executor"),
        ("/executions/job_1/traces", "executor"),
        ("/analytics/usage", "executor"),
    ],
)
async def test_each_route_reaches_its_service_without_the_prefix(
    gateway, bearer, prefix, path, service
):
    async with (
        gateway() as door,
        door.http.get(f"{prefix}{path}?page=2&x=%26", headers=bearer()) as answer,
    ):
        told = await answer.json()
    assert answer.status == 200
    assert (told["service"], told["path"], told["method"]) == (service, path, "GET")
    assert told["query"] == "page=2&x=%26"


async def test_a_body_is_passed_on_whole_and_so_is_the_answer(gateway, bearer, behind):
    behind.crews.answers["/crews"] = lambda told: (201, {"got": told["body"]})
    async with (
        gateway() as door,
        door.http.post("/v1/crews", data=b'{"a": 1}', headers=bearer()) as answer,
    ):
        assert answer.status == 201
        assert await answer.json() == {"got": '{"a": 1}'}
        assert answer.headers.getall("Set-Cookie") == ["a=1", "b=2"]
        assert answer.headers["ETag"] == '"1"'
        assert "X-Private" not in answer.headers
        assert len(answer.headers.getall("X-Request-ID")) == 1
        assert len(answer.headers.getall("Date")) == 1


async def test_large_bodies_are_streamed_both_ways(gateway, bearer):
    async def parts():
        for _ in range(5):
            yield b"y" * 100_000

    async with gateway() as door:
        async with door.http.post("/v1/crews/large", data=parts(), headers=bearer()) as answer:
            assert len(await answer.json()) == 300_000
        async with door.http.post("/v1/crews", data=b"z" * 900_000, headers=bearer()) as answer:
            told = await answer.json()
        assert told["length"] == 900_000
        assert told["headers"]["content-length"] == "900000"
        async with door.http.post("/v1/crews", data=parts(), headers=bearer()) as answer:
            assert (await answer.json())["length"] == 500_000


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_body_that_is_too_large_is_refused(gateway, bearer, behind, chunked):
    async def parts():
        for _ in range(20):
            yield b"y" * 100_000

    async with gateway() as door:
        data = parts() if chunked else io.BytesIO(b"y" * 1_048_577)
        async with door.http.post("/v1/crews", data=data, headers=bearer()) as answer:
            assert answer.status == 413
            assert (await answer.json())["error"]["code"] == "PAYLOAD_TOO_LARGE"
        async with door.http.get("/v1/crews", headers=bearer()) as answer:
            assert answer.status == 200


async def test_a_client_that_reads_only_after_sending_sees_that_it_was_too_much(gateway, bearer):
    length = 16 * 1024 * 1024
    async with gateway() as door:
        host, _, port = door.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = f"POST /v1/crews HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n"
        writer.write(f"{head}Authorization: {bearer()['Authorization']}\r\n\r\n".encode())
        async with asyncio.timeout(60):
            for _ in range(length // 65536):
                writer.write(b"x" * 65536)
                await writer.drain()
            answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"PAYLOAD_TOO_LARGE" in answer


async def test_who_a_request_comes_from_is_told_by_the_gateway_alone(gateway, bearer):
    hostile = {
        "X-Forwarded-For": "1.2.3.4",
        "Forwarded": "for=1.2.3.4",
        "X-Kasal-Service-Secret": "guess",
        "X-User-Id": "usr_other",
        "X-Workspace-Id": "ws_other",
        "X-HTTP-Method-Override": "DELETE",
        "X-Original-URL": "/internal/revocations",
        "Connection": "keep-alive, x-secret",
        "X-Secret": "for this hop only",
        "TE": "trailers",
        "Idempotency-Key": "kept",
    }
    async with (
        gateway() as door,
        door.http.get("/v1/crews", headers={**bearer(), **hostile}) as answer,
    ):
        seen = (await answer.json())["headers"]
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["idempotency-key"] == "kept"
    dropped = {name.lower() for name in hostile} - {"x-forwarded-for", "idempotency-key"}
    assert dropped.isdisjoint(seen)


async def test_auth_alone_is_proved_that_the_gateway_says_where_a_client_is(gateway, behind):
    hostile = {"X-Kasal-Service-Secret": "guess", "X-Forwarded-For": "1.2.3.4"}
    async with (
        gateway() as door,
        door.http.post("/v1/auth/login", json={}, headers=hostile) as answer,
    ):
        seen = (await answer.json())["headers"]
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-kasal-service-secret"] == "a secret that the services share"


async def test_an_invitation_is_accepted_without_a_token_and_a_token_is_checked(gateway, bearer):
    path = "/v1/auth/invitations/accept"
    async with gateway() as door:
        async with door.http.post(path, json={}) as answer:
            assert answer.status == 200
        async with door.http.post(path, json={}, headers=bearer()) as answer:
            assert answer.status == 200
        forged = {"Authorization": "Bearer a.b.c"}
        async with door.http.post(path, json={}, headers=forged) as answer:
            assert answer.status == 401


async def test_the_request_id_is_kept_if_well_formed_and_made_otherwise(gateway, bearer):
    async with gateway() as door:
        for given, kept in (("my-request-1", True), ("bad id!", False), ("x" * 200, False)):
            headers = {**bearer(), "X-Request-ID": given}
            async with door.http.get("/v1/crews", headers=headers) as answer:
                told = (await answer.json())["headers"]["x-request-id"]
                assert answer.headers["X-Request-ID"] == told
                assert (told == given) is kept


async def test_the_trace_goes_on(gateway, bearer):
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {**bearer(), "traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    async with gateway() as door:
        async with door.http.get("/v1/crews", headers=headers) as answer:
            told = (await answer.json())["headers"]["traceparent"]
        assert told.split("-")[1] == trace
        async with door.http.get("/v1/crews", headers=bearer()) as answer:
            made = (await answer.json())["headers"]["traceparent"]
        assert made.split("-")[1] not in {trace, "0" * 32}


@pytest.mark.parametrize(
    "target",
    [
        "/internal/revocations",
        "/api/v1/internal/revocations",
        "/v1/internal/revocations",
        "/api/v1/crews/../internal/revocations",
        "/api/v1/crews/%2e%2e/internal/revocations",
        "/api/v1/crews/.%2E/auth/me",
        "/api/v1/crews%2F..%2Finternal",
        "/api/v1/crews/..%2finternal/revocations",
        "/api/v1/crews/%252e%252e/internal",
        "/api/v1//internal/revocations",
        "//internal/revocations",
        "/api/v1/auth/..%5c..%5cinternal",
        "/api/v1/auth\\..\\internal",
        "/api/v1/crews/%00",
        "/api/v1/crews/%0d%0aX-A:%20b",
        "/API/V1/crews",
        "/api/v1",
        "/api/v1/",
        "/crews",
        "/api/v2/crews",
        "/api/v1/ws",
        "http://169.254.169.254/internal/revocations",
    ],
)
async def test_no_path_leads_where_there_is_no_route(gateway, bearer, behind, target):
    token = bearer()["Authorization"]
    request = (
        f"GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nConnection: close\r\n\r\n"
    )
    async with gateway() as door:
        answered = await door.raw(request)
    assert answered.startswith(b"HTTP/1.1 404")
    assert b'"code":"NOT_FOUND"' in answered
    assert all(service.requests == [] for service in behind)


async def test_an_absolute_target_reaches_the_route_of_its_path(gateway, bearer, behind):
    token = bearer()["Authorization"]
    async with gateway() as door:
        answered = await door.raw(
            "GET http://other.example/api/v1/crews HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: {token}\r\nConnection: close\r\n\r\n"
        )
    assert answered.startswith(b"HTTP/1.1 200")
    assert behind.crews.requests[0]["path"] == "/crews"
    assert behind.crews.requests[0]["headers"]["host"] != "other.example"


async def test_needless_escapes_are_undone_and_the_rest_is_left_alone(gateway, bearer, behind):
    token = bearer()["Authorization"]
    async with gateway() as door:
        await door.raw(
            "GET /api/v1/crews/crew%5Fabc%20%c3%a4 HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: {token}\r\nConnection: close\r\n\r\n"
        )
    assert behind.crews.requests[0]["path"] == "/crews/crew_abc%20%C3%A4"


async def test_a_header_that_is_no_text_is_refused(gateway, bearer, behind):
    token = bearer()["Authorization"].encode()
    async with gateway() as door:
        answered = await door.raw(
            b"GET /v1/crews HTTP/1.1\r\nHost: x\r\nX-Odd: \xff\xfe\r\nAuthorization: "
            + token
            + b"\r\nConnection: close\r\n\r\n"
        )
    assert answered.startswith(b"HTTP/1.1 400")
    assert b'"field":"x-odd"' in answered
    assert behind.crews.requests == []


async def test_events_are_streamed_as_they_come(gateway, bearer, behind):
    async with gateway() as door:
        async with door.http.get("/v1/executions/job_1/events", headers=bearer()) as answer:
            assert answer.content_type == "text/event-stream"
            async with asyncio.timeout(60):
                assert await answer.content.readany() == b"id: 1\n\n"
                behind.events.go_on.set()
                assert await answer.content.readany() == b"id: 2\n\n"
        assert behind.events.requests[0]["path"] == "/executions/job_1/events"
        async with door.http.post("/v1/executions/job_1/input", headers=bearer()) as answer:
            assert (await answer.json())["service"] == "executor"


@pytest.mark.parametrize("path", ["/v1/crews/hangs", "/v1/executions/job_1/events"])
async def test_a_client_that_goes_away_ends_the_call_behind(gateway, bearer, behind, path):
    async with gateway() as door:

        async def ask() -> None:
            async with door.http.get(path, headers=bearer()) as answer:
                await answer.read()

        service = behind.crews if "crews" in path else behind.events
        asking = asyncio.create_task(ask())
        async with asyncio.timeout(60):
            while not service.requests:  # noqa: ASYNC110 - it keeps what it has got
                await asyncio.sleep(0.005)
            asking.cancel()
            await service.cancelled.wait()


async def test_a_client_that_goes_away_while_sending_ends_the_call_behind(gateway, bearer, behind):
    token = bearer()["Authorization"]
    async with gateway() as door:
        host, _, port = door.url.removeprefix("http://").partition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            f"POST /v1/crews HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n"
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n".encode()
        )
        async with asyncio.timeout(60):
            await behind.crews.receiving.wait()
            writer.close()
            await behind.crews.cancelled.wait()


async def test_a_service_that_is_down_is_named(gateway, bearer):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with gateway(crews_url=f"http://127.0.0.1:{taken.getsockname()[1]}") as door:
            async with door.http.get("/v1/crews", headers=bearer()) as answer:
                told = (await answer.json())["error"]
            assert answer.status == 503
            assert told["code"] == "SERVICE_UNAVAILABLE"
            assert told["details"]["service"] == "crews"
            assert int(answer.headers["Retry-After"]) >= 1
            async with door.http.get("/readyz") as answer:
                assert answer.status == 503
                assert (await answer.json())["error"]["details"]["missing"] == ["crews"]


async def test_requests_are_spread_over_a_services_processes_and_go_around_a_dead_one(
    gateway, bearer, behind
):
    body = b"x" * 200_000  # more than is handed on in one piece
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{taken.getsockname()[1]}"
        async with gateway(crews_url=f"{behind.crews.url},{gone},{behind.executor.url}") as door:
            for _ in range(6):
                async with door.http.post("/v1/crews", headers=bearer(), data=body) as answer:
                    assert answer.status == 200
            async with door.http.get("/readyz") as answer:
                assert answer.status == 200
    for process in (behind.crews, behind.executor):
        assert len(process.requests) >= 2
        assert all(told["length"] == len(body) for told in process.requests)


async def test_a_service_that_does_not_answer_in_time_is_named(gateway, bearer, behind):
    async with (
        gateway(upstream_timeout=0.3) as door,
        door.http.get("/v1/crews/hangs", headers=bearer()) as answer,
    ):
        told = (await answer.json())["error"]
    assert answer.status == 504
    assert (told["code"], told["details"]["service"]) == ("TIMEOUT", "crews")


async def test_a_head_request_is_a_get_without_the_body(gateway, bearer, behind):
    async with gateway() as door:
        async with door.http.get("/v1/crews", headers=bearer()) as answer:
            await answer.read()
        async with door.http.head("/v1/crews", headers=bearer()) as answer:
            assert answer.status == 200
            assert int(answer.headers["Content-Length"]) > 100
            assert await answer.read() == b""
    assert [told["method"] for told in behind.crews.requests] == ["GET", "GET"]


async def test_a_service_on_a_unix_socket(gateway, bearer, behind, tmp_path):
    from common.web.server import bind_unix, server_for

    bound = bind_unix(tmp_path / "crews.sock")
    server = server_for(behind.crews)
    running = asyncio.create_task(server.serve(sockets=[bound]))
    async with (
        gateway(crews_url=f"unix://{tmp_path}/crews.sock") as door,
        door.http.get("/v1/crews", headers=bearer()) as answer,
    ):
        assert (await answer.json())["service"] == "crews"
    server.stop()
    await running
    bound.close()


@pytest.mark.parametrize("kind", ["request", "socket"])
async def test_an_answer_that_is_no_http_puts_no_token_into_the_log(gateway, bearer, kind):
    async def answer_nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nX-Endless: " + b"y" * 20_000 + b"\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer_nonsense, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with gateway(crews_url=url, events_url=url) as door:
            with capture_logs() as logged:
                if kind == "request":
                    async with door.http.get("/v1/crews", headers=bearer()) as answer:
                        assert answer.status == 503
                else:
                    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                        await door.http.ws_connect("/v1/ws", headers=bearer())
                    assert refused.value.status == 503
    (line,) = [entry for entry in logged if "cannot be reached" in entry["event"]]
    assert line["reason"].startswith("ClientResponseError: 400")
    assert "Bearer" not in str(logged)
