"""One job as its operators see it: a trace from the door to each model call, lines, numbers."""

import json
import re
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
import yaml
from aiohttp import web
from journeys.model import ScriptedModel
from journeys.observed import (
    MODEL_KEY,
    REQUEST,
    SANDBOX,
    SUBMITTER,
    Collector,
    Story,
    live,
    log_lines,
    made_secrets,
    observed_settings,
)
from journeys.platforms import embedded_platform, stack_platform
from prometheus_client.parser import text_string_to_metric_families

from devkit.promql import selection_of
from kasal_platform.local.program import free_port

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.own_platform]

RUN = "invoke_workflow A crew"


_OBSERVABILITY = Path(__file__).parents[2] / "deploy/observability"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def collector() -> AsyncIterator[Collector]:
    kept = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", kept.take)
    app.router.add_post("/crm", kept.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    kept.url = f"http://127.0.0.1:{port}"
    yield kept
    await runner.cleanup()


@pytest.fixture(scope="module", params=["embedded", "stack"], ids=["one process", "many"])
def shape(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def story(
    shape: str,
    collector: Collector,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Story]:
    """A platform of its own, one job on it, and the platform's end.

    On a slow machine a worker may find the job in the store before it gets to the message: told again.
    """
    for _ in range(3):
        told = await told_by(shape, collector, tmp_path_factory.mktemp(f"observed-{shape}"))
        if told.came_by_message:
            break
    yield told


async def told_by(shape: str, collector: Collector, folder: Path) -> Story:
    model = ScriptedModel()
    await model.start()
    metrics_port = free_port() if shape == "embedded" else 0
    extra = observed_settings(collector, model, metrics_port)
    collector.spans.clear()
    collector.shown.clear()
    told = Story(shape, secrets.token_hex(16), "", "", [], [], {}, [MODEL_KEY, SANDBOX])
    try:
        if shape == "embedded":
            async with embedded_platform(folder, model, extra) as platform:
                ports = {"embedded": metrics_port}
                await live(told, collector, platform, ports)
        else:
            async with stack_platform(folder, model, extra) as platform:
                ports = {p.name: p.metrics_port for p in platform.stack.processes.values()}
                await live(told, collector, platform, ports)
    finally:
        await model.close()
    told.spans = list(collector.spans)
    told.lines = log_lines(folder)
    told.secrets += made_secrets(folder)
    return told


async def test_one_trace_from_the_door_to_the_model(story):
    ids = {span.span_id for span in story.trace} | {SUBMITTER}
    assert [span for span in story.trace if span.parent not in ids] == []

    door = story.one("gateway", "POST executor")
    api = story.one("executor", "POST /executions")
    assert (door.parent, door.kind) == (SUBMITTER, "SERVER")
    assert (api.parent, api.kind) == (door.span_id, "SERVER")
    assert door.attributes["http.response.status_code"] == 202

    snapshot = story.one("crews", "GET /internal/crews/{crew_id}/snapshot")
    asked = story.parent(snapshot)
    assert (asked.service, asked.kind, asked.name) == ("executor", "CLIENT", "GET crews")
    assert story.parent(asked) == api

    run = story.one("executor", RUN)
    assert list(story.way(run)) == [
        "executor: process jobs",
        "executor: send jobs",
        "executor: POST /executions",
        "gateway: POST executor",
    ]
    kinds = [story.one("executor", f"{verb} jobs").kind for verb in ("send", "process")]
    assert kinds == ["PRODUCER", "CONSUMER"]
    assert run.attributes["kasal.job_id"] == story.job_id
    assert run.attributes["gen_ai.conversation.id"] == story.job_id
    assert run.attributes["gen_ai.workflow.name"] == "A crew"
    assert run.attributes["kasal.job_status"] == "completed"


async def test_agents_models_and_tools_have_spans_of_their_own(story):
    run = story.one("executor", RUN)
    first, second = story.all("executor", "invoke_agent Research Agent")
    assert [story.parent(agent) for agent in (first, second)] == [run, run]

    chats = story.all("executor", "chat gpt-scripted")
    assert [chat.parent for chat in chats] == [first.span_id] * 2 + [second.span_id] * 2
    for chat in chats:
        assert chat.kind == "CLIENT"
        assert chat.attributes["gen_ai.provider.name"] == "openai-compatible"
        assert chat.attributes["gen_ai.operation.name"] == "chat"
        assert chat.attributes["gen_ai.conversation.id"] == story.job_id
        assert chat.attributes["server.address"] == "127.0.0.1"
        assert chat.attributes["gen_ai.usage.input_tokens"] == 10
        assert chat.attributes["gen_ai.usage.output_tokens"] == 5
    tool = story.one("executor", "execute_tool calculator")
    assert story.parent(tool) == first
    assert tool.attributes["gen_ai.tool.name"] == "calculator"
    credentials = story.one("crews", "GET /internal/tools/{tool_id}/credentials")
    assert next(iter(story.way(story.parent(credentials)))) == "executor: execute_tool crm"


async def test_what_follows_over_the_bus_is_in_the_trace_but_no_frame_is(story):
    memory = story.all("crews", "process crews.memory")
    assert memory
    assert all(story.parent(span).name == "send memory" for span in memory)
    assert all(f"executor: {RUN}" in story.way(span) for span in memory)

    followed = story.all("crews", "process crews.events")
    # What a settlement publishes after a run's end follows from the request, not from the run.
    assert any(f"executor: {RUN}" in story.way(span) for span in followed)
    assert len(followed) == 6  # the start and end of the job, and of each of two tasks

    assert not [span for span in story.spans if "events" in span.name and span.service == "events"]
    assert not [span for span in story.spans if span.name == "send events"]
    assert len([s for s in story.spans if s.service == "events" and s.kind == "CONSUMER"]) == 1


async def test_the_trace_goes_from_the_post_to_the_last_event(story):
    relayed = story.one("events", "relay execution_complete")
    assert relayed.attributes["kasal.job_id"] == story.job_id
    assert relayed.attributes["kasal.frames_sent"] == 1
    way = list(story.way(relayed))
    assert way[-4:] == [
        "executor: process jobs",
        "executor: send jobs",
        "executor: POST /executions",
        "gateway: POST executor",
    ]
    assert way[0] == f"executor: {RUN}"

    # Between the two ends: every agent, each of its model calls, each tool call.
    steps = {f"{s.service}: {s.name}" for s in story.trace if f"executor: {RUN}" in story.way(s)}
    assert steps >= {
        "executor: invoke_agent Research Agent",
        "executor: chat gpt-scripted",
        "executor: execute_tool calculator",
        "executor: execute_tool crm",
        "events: relay execution_complete",
    }


async def test_the_trace_of_a_job_is_found_by_its_id(story):
    told = {s.trace_id for s in story.spans if s.attributes.get("kasal.job_id") == story.job_id}
    assert told == {story.trace_id}


async def test_polls_and_probes_begin_no_traces(story):
    for span in story.spans:
        route = span.attributes.get("http.route", "")
        assert route not in {"/healthz", "/readyz"}
        assert span.parent or not route.startswith("/internal/"), span


async def test_lines_say_which_service_request_workspace_and_job(story):
    for process, line in story.lines:
        record = json.loads(line)
        assert {"timestamp", "level", "event", "service"} <= record.keys(), line
        assert story.form == "embedded" or record["service"] == process.partition("-")[0].replace(
            "worker", "executor"
        )

    requested = [r for r in story.records if r.get("request_id") == REQUEST]
    assert {"gateway", "executor", "crews"} <= {r["service"] for r in requested}
    assert {r["trace_id"] for r in requested} == {story.trace_id}
    served = {
        (r["service"], r["path"]): r.get("workspace_id")
        for r in requested
        if r["event"] == "request served"
    }
    for place in (("gateway", "/api/v1/executions"), ("executor", "/executions")):
        assert served[place] == story.workspace_id

    of_the_job = [r for r in story.records if r.get("job_id") == story.job_id]
    assert {r["event"] for r in of_the_job} >= {"a job runs", "a job has ended"}
    assert {r["trace_id"] for r in of_the_job} == {story.trace_id}
    assert {r["request_id"] for r in of_the_job} == {REQUEST}
    assert {r["workspace_id"] for r in of_the_job} == {story.workspace_id}


async def test_no_secret_is_in_any_line_span_or_metric(story):
    assert len(story.secrets) >= 7
    written = "\n".join(line for _, line in story.lines)
    written += "\n".join(repr(span) for span in story.spans) + "".join(story.metrics.values())
    for secret in story.secrets:
        assert secret not in written
    assert not re.search(r"eyJ[\w-]+\.eyJ", written)  # a JWT


async def test_metrics_tell_of_jobs_requests_and_tokens(story):
    if story.form == "stack":
        assert set(story.metrics) > {"gateway", "auth", "crews", "executor", "events", "worker-1"}
    assert sum(story.samples("kasal_jobs_ended_total", status="completed")) == 1
    assert sum(story.samples("kasal_jobs_queue_duration_seconds_count")) == 1
    assert sum(story.samples("kasal_jobs_run_duration_seconds_count")) == 1
    assert sum(story.samples("kasal_events_relayed_total")) > 0
    assert story.samples("kasal_events_connections", kind="websocket") == [0]
    assert sum(story.samples("kasal_gateway_rate_limited_total", window="minute")) >= 1
    assert sum(story.samples("gen_ai_client_operation_duration_seconds_count")) == 4
    for kind, used in {"input": 40, "output": 20}.items():
        told = story.samples("gen_ai_client_token_usage_sum", gen_ai_token_type=kind)
        assert sum(told) == used
    assert sum(story.samples("kasal_model_retries_total", error_type="MODEL_UNAVAILABLE")) == 1
    assert sum(story.samples("kasal_tasks_duration_seconds_count", status="completed")) == 2
    for tool in ("calculator", "crm"):
        name = "gen_ai_execute_tool_duration_seconds_count"
        assert sum(story.samples(name, gen_ai_tool_name=tool)) == 1
    slots = story.samples("kasal_worker_slots")
    assert slots == [200.0] * (1 if story.form == "embedded" else 2)
    assert {0.0} == set(story.samples("kasal_outbox_events") + story.samples("kasal_jobs_running"))
    # Auth, crews and both processes of the executor; each asks for itself.
    processes = 4 if story.form == "embedded" else 5
    assert story.samples("kasal_backend_up", backend="mongo") == [1.0] * processes
    assert story.samples("kasal_queue_messages", messaging_destination_name="dead-letters") == [0]
    assert sum(story.samples("kasal_bus_dead_lettered_total")) == 0
    for service in ("gateway", "auth", "crews", "executor"):
        name = "http_server_request_duration_seconds_bucket"
        assert story.samples(name, service_name=service, le="0.005"), service
        assert not story.samples(name, service_name=service, le="7500.0"), service


_NOT_IN_A_GOOD_RUN = {
    "kasal_bus_dead_lettered_total",
    "kasal_bus_redelivered_total",
    "kasal_bus_retried_total",
    "kasal_db_errors_total",
}
_OF_PROMETHEUS = {"up", "instance", "job"}
_OF_FAILURES = {"error_type"}


async def test_what_dashboards_and_rules_ask_for_is_there_with_its_labels(story):
    told: dict[str, set[str]] = {}
    for text in story.metrics.values():
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                told.setdefault(sample.name, set()).update(sample.labels)
    for where, expression in _asked_by_operators():
        wanted = selection_of(expression)
        ours = {name for name in wanted.metrics - _OF_PROMETHEUS if ":" not in name}
        assert ours <= told.keys() | _NOT_IN_A_GOOD_RUN, where
        known = set().union(*(told.get(name, set()) for name in ours))
        if ours and not ours & _NOT_IN_A_GOOD_RUN:
            assert wanted.labels - _OF_FAILURES <= known | _OF_PROMETHEUS, where


def _asked_by_operators() -> Iterator[tuple[str, str]]:
    for group in yaml.safe_load((_OBSERVABILITY / "alerts.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            yield rule.get("alert") or rule["record"], rule["expr"]
    for path in (_OBSERVABILITY / "grafana/dashboards").glob("*.json"):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", ()):
                yield f"{path.stem}: {panel['title']}", target["expr"]


async def test_metrics_stay_few_whatever_is_asked(story):
    for text in story.metrics.values():
        assert story.job_id not in text
        assert story.workspace_id not in text
        families = Counter(
            line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")
        )
        assert set(families.values()) <= {1}
        samples = [line.rpartition(" ")[0] for line in text.splitlines() if line[:1] != "#"]
        assert len(samples) == len(set(samples))
