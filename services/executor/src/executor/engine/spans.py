"""The spans of a run, by OpenTelemetry's conventions for generative AI: agents, chats, tool calls.

None holds what was said: prompts, arguments and results are in the job's trace alone.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from opentelemetry.trace import SpanKind, Status, StatusCode

from executor.engine.shared import Shared
from executor.engine.trace import Numbered
from executor.models.dialogue import Reply
from executor.models.model import Model, ModelFault


@contextmanager
def agent(shared: Shared, name: str, task_id: str) -> Iterator[None]:
    """Record an agent's work on a task."""
    facts = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": name,
        "kasal.task_id": task_id,
    }
    with shared.tracer.start_as_current_span(f"invoke_agent {name}", attributes=facts):
        yield


@contextmanager
def chat(shared: Shared, model: Model, asked: str) -> Iterator[Callable[[Reply], Reply]]:
    """Record one request to `model`, and count it; the reply is to be told to what this yields."""
    facts = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": model.provider,
        "gen_ai.request.model": asked,
    }
    tokens: tuple[int, int] | None = None
    started = time.perf_counter()
    with shared.tracer.start_as_current_span(
        f"chat {asked}", kind=SpanKind.CLIENT, attributes=facts
    ) as span:

        def told(reply: Reply) -> Reply:
            nonlocal tokens
            tokens = (reply.tokens.input, reply.tokens.output)
            span.set_attribute("gen_ai.usage.input_tokens", tokens[0])
            span.set_attribute("gen_ai.usage.output_tokens", tokens[1])
            return reply

        try:
            yield told
        except ModelFault as fault:
            span.set_attribute("error.type", fault.code)
            shared.meters.asked(model.provider, asked, time.perf_counter() - started, None)
            raise
        shared.meters.asked(model.provider, asked, time.perf_counter() - started, tokens)


@contextmanager
def tool(shared: Shared, call: Numbered) -> Iterator[Callable[[str], str]]:
    """Record one tool call; its result is to be told to what this yields."""
    facts = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": call.request.name,
        "gen_ai.tool.call.id": call.request.id,
        "gen_ai.tool.type": "function",
    }
    with shared.tracer.start_as_current_span(
        f"execute_tool {call.request.name}", attributes=facts
    ) as span:

        def told(result: str) -> str:
            if result.startswith("Error:"):
                span.set_attribute("error.type", "tool_error")
                span.set_status(Status(StatusCode.ERROR))
            return result

        yield told
