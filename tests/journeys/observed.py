"""One job of a platform that is observed: its spans, lines and metrics."""

import asyncio
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from journeys.users import User, read_events
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families

SUBMITTER = "b7ad6b7169203331"
REQUEST = "observed-request-1"
MODEL_KEY = "sk-model-key-that-must-not-be-logged"
SANDBOX = "SANDBOX_TOKEN_that_must_not_be_logged"
OPEN_LIMIT = 10
TOOL_SECRET = "tool-credential-that-must-not-be-logged"


@dataclass(frozen=True)
class Span:
    service: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent: str
    attributes: dict[str, Any]


@dataclass
class Collector:
    """An OTLP/HTTP receiver that keeps the spans it is sent, and the CRM that a tool asks."""

    spans: list[Span] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    """What the tool showed the CRM."""
    url: str = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.shown.append(request.headers["Authorization"])
        return web.json_response({"customers": 3})

    async def take(self, request: web.Request) -> web.Response:
        told = ExportTraceServiceRequest.FromString(await request.read())
        for resource in told.resource_spans:
            service = _attributes(resource.resource)["service.name"]
            for scope in resource.scope_spans:
                self.spans += [_span(service, span) for span in scope.spans]
        return web.Response(content_type="application/x-protobuf")


def _span(service: str, span: Any) -> Span:
    return Span(
        service,
        span.name,
        type(span).SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        _attributes(span),
    )


def _attributes(told: Any) -> dict[str, Any]:
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in told.attributes}


@dataclass
class Story:
    """What one job left behind, seen after the platform has stopped."""

    form: str
    trace_id: str
    job_id: str
    workspace_id: str
    spans: list[Span]
    lines: list[tuple[str, str]]
    """The process each line was written by, and the line."""
    metrics: dict[str, str]
    """What each process served at `/metrics`."""
    secrets: list[str]

    @property
    def trace(self) -> list[Span]:
        return [span for span in self.spans if span.trace_id == self.trace_id]

    def one(self, service: str, name: str) -> Span:
        (found,) = self.all(service, name)
        return found

    def all(self, service: str, name: str) -> list[Span]:
        return [s for s in self.trace if (s.service, s.name) == (service, name)]

    def parent(self, span: Span) -> Span:
        (found,) = [other for other in self.trace if other.span_id == span.parent]
        return found

    def way(self, span: Span) -> Iterator[str]:
        """The names of the spans that led to `span`, nearest first."""
        while span.parent != SUBMITTER:
            span = self.parent(span)
            yield f"{span.service}: {span.name}"

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for _, line in self.lines]

    @property
    def came_by_message(self) -> bool:
        """Whether the job's worker learnt of it by its message."""
        return bool(self.all("executor", "process jobs"))

    def samples(self, name: str, **labels: str) -> list[float]:
        return [
            sample.value
            for text in self.metrics.values()
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]


def observed_settings(collector: Collector, model: Any, metrics_port: int) -> dict[str, str]:
    """Return the settings of a platform that tells `collector` of all it does."""
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "KASAL_OPENAI_BASE_URL": model.url,
        "OPENAI_API_KEY": MODEL_KEY,
        "KASAL_LOG_FORMAT": "json",
        "KASAL_LOG_LEVEL": "INFO",
        "KASAL_SANDBOX_TOKEN": SANDBOX,
        "KASAL_DEMO": "false",
        "KASAL_OPEN_ROUTE_LIMIT": str(OPEN_LIMIT),
        "KASAL_TOOL_ALLOWED_HOSTS": "127.0.0.1",
        "KASAL_METRICS_PORT": str(metrics_port),
    }


async def live(told: Story, collector: Collector, platform: Any, ports: dict[str, int]) -> None:
    """Register, make a crew with a custom tool, run it, be refused once, read the metrics."""
    model = platform.model
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        user = User(platform, http, f"{secrets.token_hex(6)}@example.com")
        user.password = f"pass-{secrets.token_hex(8)}"
        credentials = {"email": user.email, "password": user.password}
        registered = await user.call("POST", "/auth/register", credentials, expect=201)
        await user.login()
        told.workspace_id = registered["workspace_id"]
        told.secrets += [user.password, user.token, user.refresh_token, TOOL_SECRET]
        told.secrets.append(await _use_key(user))
        crew_id = await _observed_crew(user, collector)
        headers = {
            "traceparent": f"00-{told.trace_id}-{SUBMITTER}-01",
            "X-Request-ID": REQUEST,
        }
        body = {"crew_id": crew_id, "inputs": {}}
        started = await user.call("POST", "/executions", body, expect=202, headers=headers)
        told.job_id = started["job_id"]
        await _watched(user, model, told.job_id)
        await _remembered(user, crew_id)
        assert collector.shown == [f"Bearer {TOOL_SECRET}"]
        await _refused(user)
        for name, port in ports.items():
            async with http.get(f"http://127.0.0.1:{port}/metrics") as answer:
                assert answer.status == 200
                told.metrics[name] = await answer.text()


async def _use_key(user: Any) -> str:
    """Return a new API key that has been used once, after a wrong one was."""
    key = await user.call("POST", "/auth/api-keys", {"name": "observer"}, expect=201)
    right, wrong = f"Bearer {key['key']}", f"Bearer wrong-{SANDBOX}"
    await user.call("GET", "/crews", expect=200, headers={"Authorization": right})
    await user.call("GET", "/crews", headers={"Authorization": wrong})
    return str(key["key"])


async def _observed_crew(user: Any, collector: Collector) -> str:
    """Return a crew that remembers, whose model fails once, and which asks a custom tool."""
    tool = {
        "name": "crm",
        "description": "Asks the CRM",
        "endpoint": f"{collector.url}/crm",
        "auth_type": "bearer",
        "credentials": {"token": TOOL_SECRET},
    }
    await user.call("POST", "/tools/custom", tool, expect=201)
    crew_id = await user.crew(
        'flaky:first call:calculator:{"expression": "6*7"}',
        "hold:crm call:crm:{}",
        model="gpt-scripted",
        tools=["calculator", "crm"],
    )
    await user.remembers(crew_id)
    return str(crew_id)


async def _watched(user: Any, model: Any, job_id: str) -> None:
    """Watch the job live from the middle of it to its end."""
    await model.held("crm")
    async with user.connect() as socket:
        await socket.send_json({"type": "subscribe", "job_id": job_id})
        assert (await socket.receive_json())["type"] == "subscribed"
        model.release("crm")
        await read_events(socket)


async def _refused(user: Any) -> None:
    """Ask at an open route until the window of this address is spent."""
    for _ in range(OPEN_LIMIT):
        await user.call("POST", "/auth/refresh", {"refresh_token": "wrong"})
    assert user.answer.status == 429


async def _remembered(user: Any, crew_id: str) -> None:
    """Wait until crews has taken what the run remembers: the last message of a job."""
    async with asyncio.timeout(60):
        kept: list[Any] = []
        while len(kept) < 2:
            kept = (await user.call("GET", f"/memory/{crew_id}", expect=200))["short_term"]


def log_lines(folder: Path) -> list[tuple[str, str]]:
    logs = [folder / "log"] if (folder / "log").exists() else sorted(folder.glob("*.log"))
    return [
        (log.stem, line) for log in logs for line in log.read_text().splitlines() if line.strip()
    ]


def made_secrets(folder: Path) -> list[str]:
    """The secrets the platform has made for itself."""
    held = [p for p in (folder, folder / "data") if (p / "secrets.json").exists()]
    return [str(v) for p in held for v in json.loads((p / "secrets.json").read_text()).values()]
