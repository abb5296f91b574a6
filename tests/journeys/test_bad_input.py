"""Whatever is sent, the platform answers as its own document says, and never with a bug."""

import asyncio
import base64
import hmac
import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import jwt
import pytest
import pytest_asyncio
import schemathesis
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from journeys.thinning import make_thinning
from schemathesis import engine
from schemathesis.engine.events import FatalError, NonFatalError, ScenarioFinished

pytestmark = pytest.mark.asyncio(loop_scope="session")

SEED = 20_241_231
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)
# Logging out would end the run's own token, and a new plan would slow it down.
ENDS_THE_RUN = ["logout", "update_plan", "change_password"]
WITHOUT_AN_ID = r"^[^{]+$"
OUTSIDE_THE_PREFIX = r"^/(\.well-known|docs|healthz|openapi|postman|readyz)"


def _document(user: Any, examples: int, phases: set[str], **ids: str) -> Any:
    """Return the platform's OpenAPI document, set up to be tried as `user`; `ids` are for paths."""
    settings = {
        "seed": SEED,
        "base-url": user.platform.base,
        "headers": user.headers,
        "continue-on-failure": True,
        "request-timeout": 300,
        "parameters": {f"path.{name}": value for name, value in ids.items()},
        "auth": {"auto-signup": False},
        "checks": {"enabled": False} | {name: {"enabled": True} for name in CHECKS},
        # OpenAPI 3.1 can only describe the stream's text; schemathesis expects each event of it.
        "operations": [
            {
                "include-operation-id": "stream_execution_events",
                "checks": {"response_schema_conformance": {"enabled": False}},
            }
        ],
        "generation": {
            "max-examples": examples,
            "deterministic": True,
            "no-shrink": True,
            "with-security-parameters": False,
            "database": "none",
        },
        "phases": {
            name: {"enabled": name in phases}
            for name in ("examples", "coverage", "fuzzing", "stateful")
        },
    }
    config = schemathesis.Config.from_dict(settings)
    document = schemathesis.openapi.from_url(user.platform.root + "/openapi.json", config=config)
    return document.exclude(path_regex=OUTSIDE_THE_PREFIX)


def _tried(document: Any) -> tuple[Counter[int], list[str]]:
    """Send what schemathesis makes of the document; return the statuses seen and the faults."""
    document.hook("filter_case")(make_thinning(SEED))
    statuses: Counter[int] = Counter()
    faults: dict[str, str] = {}
    for event in engine.from_schema(document).execute():
        if isinstance(event, FatalError):
            raise event.exception
        if isinstance(event, NonFatalError):
            faults[f"{event.label}: {event.value!r}"] = ""
        if isinstance(event, ScenarioFinished):
            recorder = event.recorder
            answers = [i.response for i in recorder.interactions.values() if i.response]
            statuses.update(answer.status_code for answer in answers)
            for check in (check for checks in recorder.checks.values() for check in checks):
                if check.failure_info is not None:
                    told = check.failure_info
                    about = f"{event.label}: {told.failure.title}: {told.failure.message}"
                    faults.setdefault(about, told.code_sample)
    return statuses, [f"{about}\n{sample}" for about, sample in faults.items()]


def _examples(user: Any, embedded: int) -> int:
    """How many examples of each route: the long run is over the embedded form alone."""
    return embedded if user.platform.form == "embedded" else 2


@pytest.mark.timeout(1_800)
async def test_every_answer_is_a_documented_one(user: Any) -> None:
    await user.crew("Say hello")
    phases = {"examples", "fuzzing", "stateful"}
    wanted = {200, 201, 400, 404}
    if user.platform.form == "embedded":  # the short run deletes nothing that is there
        phases.add("coverage")
        wanted.add(204)
    document = _document(user, _examples(user, 3), phases).exclude(operation_id=ENDS_THE_RUN)
    statuses, faults = await asyncio.to_thread(_tried, document)
    assert not faults, "\n\n".join(faults)
    # The run reached what it was to try: things were made, found, refused and missing.
    assert wanted - statuses.keys() == set()
    assert 429 not in statuses


@pytest.mark.timeout(1_800)
async def test_every_answer_about_something_that_exists_is_a_documented_one(user: Any) -> None:
    crew_id = await user.crew("Say hello")
    job_id = await user.start(crew_id)
    await user.finished(job_id)
    tool = {"name": "a_tool", "description": "d", "endpoint": "https://example.com/"}
    made = await user.call("POST", "/tools/custom", tool | {"auth_type": "none"}, expect=201)
    ids = {
        "crew_id": crew_id,
        "agent_id": (await user.call("GET", "/agents", expect=200))["agents"][0]["id"],
        "task_id": (await user.call("GET", "/tasks", expect=200))["tasks"][0]["id"],
        "job_id": job_id,
        "tool_id": made["tool_id"],
    }
    document = _document(user, _examples(user, 8), {"fuzzing"}, **ids)
    document = document.exclude(path_regex=WITHOUT_AN_ID).exclude(method="DELETE")
    document = document.exclude(operation_id="update_member")  # it ends the member's sessions
    statuses, faults = await asyncio.to_thread(_tried, document)
    assert not faults, "\n\n".join(faults)
    assert 200 in statuses
    assert 401 not in statuses


def _operations(document: dict[str, Any], *methods: str) -> list[tuple[str, str]]:
    """Return method and path of what needs a token, with ids of nothing filled in."""
    return [
        (method.upper(), re.sub(r"\{(\w+)\}", r"\1_of_nothing", path))
        for path, described in document["paths"].items()
        for method in methods
        if method in described and described[method].get("security")
    ]


async def _openapi(user: Any) -> Any:
    async with user.http.get(user.platform.root + "/openapi.json") as answer:
        return await answer.json()


async def _forged(user: Any) -> list[str]:
    """Return the user's token, signed in ways that must not count."""
    async with user.http.get(user.platform.root + "/.well-known/jwks.json") as answer:
        key = jwt.PyJWK((await answer.json())["keys"][0])
    head, claims, signature = user.token.split(".")
    names = jwt.get_unverified_header(user.token)
    told = jwt.decode(user.token, options={"verify_signature": False})
    public = key.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    swapped = f"{_part(names | {'alg': 'HS256'})}.{claims}"
    mac = hmac.digest(public, swapped.encode(), "sha256")
    own = ec.generate_private_key(ec.SECP256R1())
    return [
        f"{_part(names | {'alg': 'none'})}.{claims}.",
        f"{swapped}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}",
        f"{head}.{_part(told | {'ws': 'ws_demo'})}.{signature}",
        jwt.encode(told, own, "ES256", headers={"kid": names["kid"]}),
        jwt.encode(told, own, "ES256", headers={"kid": "../../etc/passwd"}),
        user.refresh_token,
    ]


def _part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


async def test_nothing_answers_a_token_that_was_made_up(user: Any) -> None:
    operations = _operations(await _openapi(user), "get", "post", "put", "delete")
    assert len(operations) > 35
    made_up = await _forged(user)
    for number, (method, path) in enumerate(operations):
        user.token = made_up[number % len(made_up)]
        told = await user.call(method, path, {} if method in {"POST", "PUT"} else None, expect=401)
        assert told["error"]["code"] == "UNAUTHORIZED", (method, path)
    for token in made_up:
        user.token = token
        await user.call("GET", "/auth/me", expect=401)


@pytest_asyncio.fixture(loop_scope="session")
async def viewer(user: Any) -> AsyncIterator[Any]:
    """A member of the user's workspace who may only look."""
    member = {"email": f"viewer.{user.email}", "password": "a viewer's password"}
    invited = await user.call(
        "POST",
        "/workspace/invitations",
        {"email": member["email"], "role": "viewer"},
        expect=201,
    )
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        somebody = type(user)(user.platform, http, **member)
        accepted = {"token": invited["token"], "password": member["password"]}
        await somebody.call("POST", "/auth/invitations/accept", accepted, expect=200)
        await somebody.login()
        yield somebody


_ONES_OWN = {"/auth/logout", "/auth/switch", "/auth/password", "/auth/invitations/accept"}
"""What everybody may do, whatever their role in a workspace."""


async def test_a_viewer_can_change_nothing(viewer: Any) -> None:
    operations = _operations(await _openapi(viewer), "post", "put", "delete")
    for method, path in operations:
        if path not in _ONES_OWN:
            body = {} if method in {"POST", "PUT"} else None
            told = await viewer.call(method, path, body, expect=403)
            assert told["error"]["code"] == "FORBIDDEN", (method, path)
    await viewer.call("GET", "/crews", expect=200)


async def test_a_body_cannot_name_what_is_anothers(user: Any, stranger: Any) -> None:
    await user.crew("Say hello")
    theirs = {
        "agent": (await user.call("GET", "/agents", expect=200))["agents"][0]["id"],
        "task": (await user.call("GET", "/tasks", expect=200))["tasks"][0]["id"],
    }
    tool = {"name": "a_tool", "description": "d", "endpoint": "https://example.com/"}
    await user.call("POST", "/tools/custom", tool | {"auth_type": "none"}, expect=201)
    crew_id = await stranger.crew("Say goodbye")
    agent_id = (await stranger.call("GET", "/agents", expect=200))["agents"][0]["id"]
    task_id = (await stranger.call("GET", "/tasks", expect=200))["tasks"][0]["id"]
    agent = {"role": "r", "goal": "g", "model": "offline"}
    task = {"agent_id": agent_id, "description": "d", "expected_output": "e"}
    attempts: list[tuple[str, str, Any, str]] = [
        ("PUT", f"/tasks/{task_id}", {"agent_id": theirs["agent"]}, "agent_id"),
        ("PUT", f"/tasks/{task_id}", {"context": [theirs["task"]]}, "context.0"),
        ("POST", "/tasks", task | {"context": [theirs["task"]]}, "context.0"),
        ("PUT", f"/crews/{crew_id}", {"agents": [agent | {"id": theirs["agent"]}]}, "agents.0.id"),
        ("PUT", f"/crews/{crew_id}", {"tasks": [task | {"id": theirs["task"]}]}, "tasks.0.id"),
        ("PUT", f"/agents/{agent_id}", {"tools": ["a_tool"]}, "tools.0"),
        ("POST", "/agents", agent | {"crew_id": crew_id, "tools": ["a_tool"]}, "tools.0"),
    ]
    for method, path, body, field in attempts:
        told = await stranger.call(method, path, body, expect=400)
        assert told["error"]["details"]["field"] == field, (method, path)


async def test_a_second_request_cannot_be_smuggled_in(user: Any) -> None:
    where = urlsplit(user.platform.root)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    inner = f"GET /api/v1/auth/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {user.token}\r\n\r\n"
    head = "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    writer.write(f"{head}Content-Length: {len(inner) + 5}\r\n\r\n0\r\n\r\n{inner}".encode())
    async with asyncio.timeout(60):
        answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1") == 1
    told = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
    assert told["code"] == "VALIDATION_ERROR"
    assert f"x-request-id: {told['request_id']}".encode() in answer


async def test_every_route_refuses_a_query_parameter_it_does_not_know(user: Any) -> None:
    """And names it; whatever else may be wrong with the request."""
    base = user.platform.base
    async with user.http.get(base.removesuffix("/api/v1") + "/openapi.json") as answer:
        document = await answer.json()
    tried, taken = 0, []
    for path, described in document["paths"].items():
        if re.match(OUTSIDE_THE_PREFIX, path) or path.endswith("/ws"):
            continue
        url = base + re.sub(r"\{[^}]+\}", "an_id", path.removeprefix("/api/v1"))
        for method in described.keys() & {"get", "put", "post", "delete", "patch"}:
            asked = {"no_such_parameter": "1"}
            async with user.http.request(method, url, params=asked, headers=user.headers) as answer:
                told = await answer.json(content_type=None)
            tried += 1
            if (answer.status, told["error"]["details"].get("field")) != (400, "no_such_parameter"):
                taken.append((method, path, answer.status, told))
    assert tried > 40
    assert not taken
    async with user.http.get(f"{base}/ws", params={"token": "t"}, headers=_HANDSHAKE) as answer:
        told = await answer.json()
    assert (answer.status, told["error"]["details"]["field"]) == (400, "token")


_HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
