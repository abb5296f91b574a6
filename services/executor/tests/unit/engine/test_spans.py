"""Spans tell how a run went, and nothing of what was said in it.

Covers: executor.engine.spans, executor.models.conventions
"""

import pytest
from opentelemetry.context import attach, detach
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import (
    NonRecordingSpan,
    NoOpTracer,
    SpanContext,
    TraceFlags,
    set_span_in_context,
)

from executor.engine.faults import RunFault
from executor.models.conventions import expected_provider
from executor.models.dialogue import Finish, Reply, Tokens, ToolRequest
from executor.models.model import ModelFault
from executor.tools.spec import FailedResult

SECRET = "IBAN-DE02120300000000202051"
USED = Tokens(10, 5, 0.001)


async def spans(stage, crew):
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    job = stage.job(crew)
    ledger = stage.ledger_of(job)
    await stage.engine(tracer=provider.get_tracer("tested")).run(job, ledger)
    return exporter.get_finished_spans()


class Refusing(NoOpTracer):
    """Makes no span."""

    def start_as_current_span(self, name, *_, **__):
        raise AssertionError(name)


def refusing(*_):
    raise ModelFault("MODEL_ERROR", f"It says: {SECRET}")


def failing(*_):
    raise ValueError(SECRET)


def fails(_):
    raise RunFault("TOOL_BROKEN", SECRET)


@pytest.mark.parametrize(
    ("say", "error"),
    [
        (lambda *_: SECRET, None),
        (refusing, "MODEL_ERROR"),
        (lambda *_: Reply(SECRET, tokens=USED, finish=Finish.REFUSED, reason=SECRET), "MODEL_REFUSED"),
        (lambda _m, d, _t: SECRET if d.turns else
         Reply("", (ToolRequest("c1", "t", {"x": SECRET}),), USED), None),
        (lambda _m, d, _t: SECRET if d.turns else
         Reply("", (ToolRequest("c1", "bad", {}),), USED), "TOOL_BROKEN"),
    ],
)  # fmt: skip
async def test_no_span_holds_what_was_said(stage, kit, say, error):
    stage.drawer.tools = {"t": lambda _: FailedResult(f"Error: {SECRET}"), "bad": fails}
    stage.script.say = say
    made = await spans(stage, kit.crew(1, tools_1=["t", "bad"], task={"guardrail": SECRET}))
    assert made
    assert SECRET not in "".join(span.to_json() for span in made)
    told = {span.status.description for span in made if span.status.description}
    assert told <= {error, "GUARDRAIL_UNCLEAR"}
    assert all(not span.events for span in made)


async def test_a_bug_is_told_by_its_type(stage, kit):
    stage.script.say = failing
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    job = stage.job(kit.crew(1))
    engine = stage.engine(tracer=provider.get_tracer("tested"))
    with pytest.raises(ValueError, match=SECRET):
        await engine.run(job, stage.ledger_of(job))
    made = exporter.get_finished_spans()
    assert {span.status.description for span in made} == {"ValueError"}
    assert SECRET not in "".join(span.to_json() for span in made)


async def test_a_chat_says_why_the_model_stopped(stage, kit):
    stage.script.say = lambda *_: Reply("half", tokens=USED, finish=Finish.FILTERED)
    [chat] = [span for span in await spans(stage, kit.crew(1)) if span.name.startswith("chat")]
    assert chat.attributes["gen_ai.response.finish_reasons"] == ("content_filter",)


async def test_spans_say_who_answered_what_and_where(stage, kit):
    stage.script.say = lambda *_: Reply(
        "x", tokens=USED, model="m-2026-01-01", response_id="resp_1"
    )
    crew = kit.crew(1)
    settings = {"temperature": 0.2, "stop": [SECRET]}
    agents = [one.model_copy(update={"model_settings": settings}) for one in crew.agents]
    made = {
        span.name.split()[0]: span
        for span in await spans(stage, crew.model_copy(update={"agents": agents}))
    }
    told = made["chat"].attributes
    assert told["gen_ai.conversation.id"] == "job_1"
    assert (told["gen_ai.response.model"], told["gen_ai.response.id"]) == ("m-2026-01-01", "resp_1")
    assert (told["server.address"], told["server.port"]) == ("models.test", 443)
    assert told["gen_ai.request.temperature"] == 0.2
    assert SECRET not in made["chat"].to_json()
    agent = made["invoke_agent"].attributes
    assert (agent["gen_ai.agent.id"], agent["gen_ai.request.model"]) == (crew.agents[0].id, "m")
    assert agent["gen_ai.conversation.id"] == "job_1"


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("gpt-4o", "openai"),
        ("claude-3-opus", "anthropic"),
        ("gemini-2.5-pro", "gcp.gemini"),
        ("mistral:mistral-large", "mistral_ai"),
        ("lab/qwen3", "openai-compatible"),
        ("offline", "offline"),
    ],
)
def test_providers_have_the_names_of_the_conventions(model, provider):
    assert expected_provider(model) == provider


async def test_a_run_that_is_not_recorded_makes_no_spans(stage, kit):
    unsampled = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(TraceFlags.DEFAULT))
    token = attach(set_span_in_context(NonRecordingSpan(unsampled)))
    try:
        job = stage.job(kit.crew(1))
        ledger = stage.ledger_of(job)
        await stage.engine(tracer=Refusing()).run(job, ledger)
    finally:
        detach(token)
    assert kit.types(ledger.events)[-1] == "execution_complete"
