"""The spans of a run, by OpenTelemetry's conventions for generative AI: agents, chats, tool calls.

No span holds any content: prompts, arguments and results are only in the job's trace.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, Status, StatusCode

from common.telemetry import is_recorded
from executor.engine.faults import NeedsInput, RunFault
from executor.engine.shared import Shared
from executor.engine.trace import NumberedCall
from executor.models.conventions import expected_provider
from executor.models.dialogue import Reply
from executor.models.model import Model, ModelFault
from executor.tools.spec import FailedResult

_SETTINGS = (
    *("temperature", "top_p", "top_k", "max_tokens", "seed"),
    *("presence_penalty", "frequency_penalty"),
)
"""Settings of a request that its span tells; texts at which it stops are content."""


@contextmanager
def _span(
    shared: Shared,
    name: str,
    facts: Callable[[], Mapping[str, Any]],
    kind: SpanKind = SpanKind.INTERNAL,
) -> Iterator[Span]:
    """Record the block, if the run is recorded.

    A fault shows up by its code or type only: its text may hold content.
    """
    if not is_recorded():
        yield INVALID_SPAN
        return
    with shared.tracer.start_as_current_span(
        name, kind=kind, attributes=facts(), record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield span
        except NeedsInput:
            raise
        except Exception as fault:
            error = str(getattr(fault, "code", "") or type(fault).__name__)
            span.set_attribute("error.type", error)
            span.set_status(Status(StatusCode.ERROR, error))
            raise


@contextmanager
def agent(
    shared: Shared, name: str, model: str, task_id: str, agent_id: str | None = None
) -> Iterator[None]:
    """Record the work on a task of an agent with this `model`; a manager has no id."""

    def facts() -> Mapping[str, Any]:
        return {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": name,
            "gen_ai.conversation.id": shared.job.job_id,
            "gen_ai.provider.name": expected_provider(model),
            "gen_ai.request.model": model,
            "kasal.task_id": task_id,
            **({} if agent_id is None else {"gen_ai.agent.id": agent_id}),
        }

    started = time.perf_counter()
    try:
        with _span(shared, f"invoke_agent {name}", facts):
            yield
    except RunFault as fault:
        shared.meters.measure_agent(time.perf_counter() - started, fault.code)
        raise
    shared.meters.measure_agent(time.perf_counter() - started)


@contextmanager
def chat(
    shared: Shared, model: Model, asked: str, settings: Mapping[str, Any]
) -> Iterator[Callable[[Reply], Reply]]:
    """Record and count one request to `model`; pass the reply to the function that this yields."""

    def facts() -> Mapping[str, Any]:
        return {
            "gen_ai.operation.name": "chat",
            "gen_ai.conversation.id": shared.job.job_id,
            "gen_ai.provider.name": model.provider,
            "gen_ai.request.model": asked,
            **_server(model),
            **{f"gen_ai.request.{name}": settings[name] for name in _SETTINGS if name in settings},
        }

    used = (0, 0)
    started = time.perf_counter()
    with _span(shared, f"chat {asked}", facts, SpanKind.CLIENT) as span:

        def record(reply: Reply) -> Reply:
            nonlocal used
            used = (reply.tokens.input, reply.tokens.output)
            if not span.is_recording():
                return reply
            for name, told in (("model", reply.model), ("id", reply.response_id)):
                if told:
                    span.set_attribute(f"gen_ai.response.{name}", told)
            span.set_attribute("gen_ai.usage.input_tokens", used[0])
            span.set_attribute("gen_ai.usage.output_tokens", used[1])
            span.set_attribute("gen_ai.response.finish_reasons", [reply.finish.value])
            return reply

        try:
            yield record
        except ModelFault as fault:
            seconds = time.perf_counter() - started
            shared.meters.measure_refusal(model.provider, asked, seconds, fault.code)
            raise
        shared.meters.measure_reply(model.provider, asked, time.perf_counter() - started, used)


def _server(model: Model) -> Mapping[str, Any]:
    host, _, port = model.server.rpartition(":")
    return {"server.address": host, "server.port": int(port)} if host else {}


@contextmanager
def tool(shared: Shared, call: NumberedCall) -> Iterator[Callable[[str], str]]:
    """Record one tool call; pass its result to the function that this yields."""

    def facts() -> Mapping[str, Any]:
        return {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.conversation.id": shared.job.job_id,
            "gen_ai.tool.name": call.request.name,
            "gen_ai.tool.call.id": call.request.id,
            "gen_ai.tool.type": "function",
        }

    started, error = time.perf_counter(), ""
    with _span(shared, f"execute_tool {call.request.name}", facts) as span:

        def record(result: str) -> str:
            nonlocal error
            if isinstance(result, FailedResult):
                error = "tool_error"
                span.set_attribute("error.type", error)
                span.set_status(Status(StatusCode.ERROR))
            return result

        try:
            yield record
        except Exception as fault:
            seconds = time.perf_counter() - started
            shared.meters.measure_tool_call(call.request.name, seconds, type(fault).__name__)
            raise
        shared.meters.measure_tool_call(call.request.name, time.perf_counter() - started, error)
