"""Tokens, revocations, rate windows, and what happens when Redis or the bus is away.

Covers: gateway.peers.auth, gateway.routes.door, gateway.routes.entrance, gateway.routes.visit
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from common.bus import encode
from common.contracts.messages import SessionRevoked
from common.contracts.topology import SESSIONS
from common.settings import BusSettings, RedisSettings
from kasal_platform.local.redis import program


@pytest.fixture(params=["memory", "redis"])
def redis_form(request) -> str:
    """The URL of each form of Redis, in turn."""
    return "memory://" if request.param == "memory" else request.getfixturevalue("redis_url")


def _revoked(**who: str) -> SessionRevoked:
    now = datetime.now(UTC)
    return SessionRevoked(revoked_at=now, expires_at=now + timedelta(hours=1), **who)


async def _until(door, headers, status: int) -> None:
    async with asyncio.timeout(60):
        while True:
            async with door.http.get("/v1/crews", headers=headers) as answer:
                if answer.status == status:
                    return


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Basic dXNlcjpwYXNz",
        "Bearer",
        "Bearer ",
        "Bearer a.b.c",
        "Bearer eyJhbGciOiJub25lIn0.e30.",
        "Bearer kasal_unknown",
        "Bearer " + "x" * 9_000,
    ],
)
async def test_without_a_token_that_holds_nothing_gets_in(gateway, behind, header):
    headers = {} if header is None else {"Authorization": header}
    async with gateway() as door, door.http.get("/v1/crews", headers=headers) as answer:
        told = await answer.json()
    assert answer.status == 401
    assert told["error"]["code"] == "UNAUTHORIZED"
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert behind.crews.requests == []


async def test_expired_foreign_and_service_tokens_do_not_hold(gateway, bearer, behind):
    from devkit.identity import LocalKeys, TokenMaker

    foreign = {"Authorization": f"Bearer {TokenMaker(LocalKeys())()}"}
    async with gateway() as door:
        for headers in (bearer(expires_in=-60), foreign, bearer(kind="service")):
            async with door.http.get("/v1/crews", headers=headers) as answer:
                assert answer.status == 401
    assert behind.crews.requests == []


async def test_two_authorization_headers_are_refused(gateway, bearer, behind):
    token = bearer()["Authorization"]
    async with gateway() as door:
        answered = await door.raw(
            "GET /v1/crews HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a.b.c\r\n"
            f"Authorization: {token}\r\nConnection: close\r\n\r\n"
        )
    assert answered.startswith(b"HTTP/1.1 401")
    assert behind.crews.requests == []


@pytest.mark.parametrize("token", ["kasal_key", "SANDBOX_TOKEN"])
async def test_an_opaque_token_is_exchanged_once_and_never_passed_on(gateway, behind, token):
    headers = {"Authorization": f"Bearer {token}"}
    async with gateway() as door:
        answers = await asyncio.gather(
            *(door.http.get("/v1/crews", headers=headers) for _ in range(5))
        )
    assert [answer.status for answer in answers] == [200] * 5
    assert behind.auth.asked.count("/internal/tokens/exchange") == 1
    assert all(told["headers"]["authorization"].count(".") == 2 for told in behind.crews.requests)


async def test_a_refused_opaque_token_is_remembered_for_a_while(gateway, behind):
    async with gateway() as door:
        for _ in range(3):
            async with door.http.get(
                "/v1/crews", headers={"Authorization": "Bearer kasal_wrong"}
            ) as answer:
                assert answer.status == 401
    assert behind.auth.asked.count("/internal/tokens/exchange") == 1


async def test_whoever_tries_one_key_after_the_other_is_stopped_before_auth_is_asked(
    gateway, behind
):
    async with gateway(refused_token_limit=2) as door:
        statuses = []
        for token in ("kasal_key", "kasal_1", "kasal_2", "kasal_3", "kasal_1", "kasal_key"):
            headers = {"Authorization": f"Bearer {token}"}
            async with door.http.get("/v1/crews", headers=headers) as answer:
                statuses.append(answer.status)
    assert statuses == [200, 401, 401, 429, 401, 200]
    assert behind.auth.asked.count("/internal/tokens/exchange") == 3


@pytest.mark.parametrize("path", ["login", "refresh", "register"])
async def test_open_routes_need_no_token_but_logout_does(gateway, behind, path):
    async with gateway() as door:
        async with door.http.post(f"/v1/auth/{path}", json={}) as answer:
            assert answer.status == 200
            assert answer.headers["X-RateLimit-Limit"] == "60"
        async with door.http.post("/v1/auth/logout") as answer:
            assert answer.status == 401
        async with door.http.get("/.well-known/jwks.json") as answer:
            assert "keys" in await answer.json()


async def test_the_tightest_window_is_told_and_then_closes(gateway, bearer, behind, redis_form):
    behind.auth.limits = {"per_hour": 100, "per_minute": 3}
    async with gateway(redis_url=redis_form) as door:
        for left in (2, 1, 0):
            async with door.http.get("/v1/crews", headers=bearer()) as answer:
                assert answer.status == 200
                assert answer.headers["X-RateLimit-Limit"] == "3"
                assert answer.headers["X-RateLimit-Remaining"] == str(left)
        async with door.http.get("/v1/crews", headers=bearer()) as answer:
            told = (await answer.json())["error"]
        assert answer.status == 429
        assert told["code"] == "RATE_LIMIT"
        assert told["details"]["window"] == "minute"
        assert 1 <= int(answer.headers["Retry-After"]) <= 80
        assert 0 < int(answer.headers["X-RateLimit-Reset"]) - time.time() <= 80
        assert answer.headers["RateLimit-Policy"] == '"minute";q=3;w=60, "hour";q=100;w=3600'
        assert answer.headers["RateLimit"].startswith('"minute";r=0;t=')
        async with door.http.get("/v1/crews", headers=bearer(workspace_id="ws_two")) as answer:
            assert answer.status == 200
    assert len(behind.crews.requests) == 4


async def test_many_requests_at_once_are_counted_exactly(gateway, bearer, behind, redis_form):
    behind.auth.limits = {"per_hour": 1_000, "per_minute": 40}
    async with gateway(redis_url=redis_form) as door:
        answers = await asyncio.gather(
            *(door.http.get("/v1/crews", headers=bearer()) for _ in range(60))
        )
    assert sorted(answer.status for answer in answers) == [200] * 40 + [429] * 20
    assert len(behind.crews.requests) == 40


async def test_a_workspace_without_limits_has_no_window(gateway, bearer, behind):
    behind.auth.limits = None
    async with gateway() as door, door.http.get("/v1/crews", headers=bearer()) as answer:
        assert answer.status == 200
    assert not [name for name in answer.headers if "ratelimit" in name.lower()]


async def test_open_routes_are_limited_by_address(gateway, behind):
    async with gateway(open_route_limit=2, trusted_proxies="127.0.0.0/8") as door:
        statuses = []
        for address in ("198.51.100.1", "198.51.100.1", "6.6.6.6, 198.51.100.1", "198.51.100.2"):
            headers = {"X-Forwarded-For": address}
            async with door.http.post("/v1/auth/login", json={}, headers=headers) as answer:
                statuses.append(answer.status)
    assert statuses == [200, 200, 429, 200]


async def test_a_made_up_address_does_not_help(gateway):
    async with gateway(open_route_limit=1) as door:
        for number, status in ((1, 200), (2, 429)):
            headers = {"X-Forwarded-For": f"198.51.100.{number}"}
            async with door.http.post("/v1/auth/login", json={}, headers=headers) as answer:
                assert answer.status == status


async def test_a_session_revoked_in_redis_is_out_at_once(gateway, bearer, behind):
    redis = behind.backends.redis(RedisSettings(redis_url="memory://"))
    other = bearer(session_id="ses_other", user_id="usr_other")
    async with gateway() as door, redis:
        async with door.http.get("/v1/crews", headers=bearer()) as answer:
            assert answer.status == 200
        await redis.set("kasal:revoked:session:ses_test", int(time.time()))
        async with door.http.get("/v1/crews", headers=bearer()) as answer:
            assert answer.status == 401
            assert (await answer.json())["error"]["message"] == "The token has been revoked."
        async with door.http.get("/v1/crews", headers=other) as answer:
            assert answer.status == 200
        await redis.set("kasal:revoked:user:ws_test:usr_other", int(time.time()))
        async with door.http.get("/v1/crews", headers=other) as answer:
            assert answer.status == 401


async def test_a_revocation_on_the_bus_is_enough(gateway, bearer, behind, telemetry):
    bus = behind.backends.bus(BusSettings(amqp_url="memory://"), telemetry)
    await bus.start()
    headers = bearer(session_id="ses_bus")
    async with gateway() as door:
        await _until(door, headers, 200)
        await bus.publish(SESSIONS, "", encode(_revoked(session_id="ses_bus")))
        await _until(door, headers, 401)
        async with door.http.get("/v1/crews", headers=bearer()) as answer:
            assert answer.status == 200
    await bus.close()


async def test_revocations_are_loaded_when_the_gateway_starts(gateway, bearer, behind):
    behind.auth.revocations = [_revoked(session_id="ses_old").model_dump(mode="json")]
    async with gateway() as door:
        await _until(door, bearer(session_id="ses_old"), 401)


async def test_without_redis_the_door_counts_by_itself_and_knows_who_is_out(
    gateway, bearer, behind, tmp_path
):
    behind.auth.limits = {"per_hour": 100, "per_minute": 5}
    redis = program(tmp_path / "redis")
    redis.start()
    await redis.ready()
    with capture_logs() as logs:
        await _lose_and_regain(gateway, bearer, behind, redis, logs)
    redis.stop()
    assert _of_redis(logs) == [
        "redis is away: counting and checking alone",
        "redis is back: counting and checking with the others",
    ]


def _of_redis(logs) -> list[str]:
    return [line["event"] for line in logs if line["event"].startswith("redis is")]


async def _lose_and_regain(gateway, bearer, behind, redis, logs) -> None:
    async with gateway(redis_url=redis.url) as door:
        for _ in range(2):
            async with door.http.get("/v1/crews", headers=bearer()) as answer:
                assert answer.status == 200
        redis.stop()
        behind.auth.revocations = [_revoked(session_id="ses_gone").model_dump(mode="json")]
        statuses = []
        for _ in range(7):
            async with door.http.get("/v1/crews", headers=bearer()) as answer:
                statuses.append(answer.status)
        assert statuses == [200] * 5 + [429] * 2
        async with door.http.get("/readyz") as answer:
            assert (await answer.json())["error"]["details"]["missing"] == ["redis"]
        redis.start()
        await redis.ready()
        await _until(door, bearer(session_id="ses_gone", workspace_id="ws_three"), 401)
        async with door.http.get("/readyz") as answer:
            assert answer.status == 200
        async with asyncio.timeout(60):
            while len(_of_redis(logs)) < 2:  # noqa: ASYNC110 - it pings now and then, and tells nobody else
                await asyncio.sleep(0.02)


async def test_a_plan_is_looked_up_once_and_auth_being_away_does_not_matter(
    gateway, bearer, behind
):
    async with gateway() as door:
        for _ in range(3):
            async with door.http.get("/v1/crews", headers=bearer()) as answer:
                assert answer.headers["X-RateLimit-Limit"] == "1000"
    assert behind.auth.asked.count("/internal/workspaces/ws_test/plan") == 1


async def test_a_new_plan_holds_at_once(gateway, bearer, behind):
    async with gateway() as door:
        async with door.http.get("/v1/crews", headers=bearer()) as answer:
            assert answer.headers["X-RateLimit-Limit"] == "1000"
        behind.auth.limits = None
        async with door.http.put("/v1/workspace/plan", json={}, headers=bearer()) as answer:
            assert answer.status == 200
        async with door.http.get("/v1/crews", headers=bearer()) as answer:
            assert "X-RateLimit-Limit" not in answer.headers


async def test_without_auth_a_new_workspace_gets_the_smallest_limits(gateway, bearer, behind):
    del behind.auth.fixed["/internal/tokens/service"]
    away = {"error": {"code": "SERVICE_UNAVAILABLE", "message": "away"}}
    behind.auth.answers["/internal/tokens/service"] = lambda told: (503, away)
    redis = behind.backends.redis(RedisSettings(redis_url="memory://"))
    async with gateway() as door, redis:
        await redis.set("kasal:revocations:loaded", "1")
        async with door.http.get("/v1/crews", headers=bearer()) as answer:
            assert answer.status == 200
            assert answer.headers["X-RateLimit-Limit"] == "100"


async def test_auth_is_told_by_which_address_a_client_came(gateway):
    """Cookies are for that one, and a page's origin is compared with it."""
    told = {"X-Forwarded-Host": "kasal.example", "X-Forwarded-Proto": "https"}
    for proxies, host, scheme in (
        ("", "127.0.0.1:", "http"),
        ("127.0.0.1", "kasal.example", "https"),
    ):
        async with (
            gateway(trusted_proxies=proxies) as door,
            door.http.post("/v1/auth/login", json={}, headers=told) as answer,
        ):
            seen = (await answer.json())["headers"]
        assert seen["x-forwarded-host"].startswith(host)
        assert seen["x-forwarded-proto"] == scheme
