"""The bodies of a job's calls to models and tools."""

from typing import Annotated, Any, Literal

from fastapi import Query
from msgspec import UNSET
from pydantic import BaseModel, ConfigDict, Field

from common.contracts.events import ModelUsage
from common.storage.cursors import LONGEST
from common.web.models import AnswerModel, NextPage, Timestamp
from executor.domain.api.calls import AskedCall, CallHead, CallPage, ModelCall, ToolCallMade
from executor.domain.api.conversations import DialogueMessage
from executor.domain.log.events import StoredCall

_N = Field(description="The call's number: the `seq` of its event", examples=[4])
_SECONDS = Field(
    ge=0, description="Seconds that it took; null if that is not known", examples=[1.8]
)
_CALL_ID = Field(
    description="Identifies a tool call for good; it is also the Idempotency-Key that the tool gets",
    examples=["job_01jd7v:task_01jd7a:1"],
)
_ARGUMENTS = Field(
    description="All that the tool was called with; null if the model sent something unusable",
    examples=[{"city": "Oslo"}],
)


class ListCalls(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: Annotated[int, Query(ge=1, le=100, description="Calls on a page")] = 20
    after: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=LONGEST,
            description="The `next` of an answer, for the page that follows it",
        ),
    ] = None


class GivenInputs(AnswerModel):
    inputs: Annotated[
        dict[str, Any],
        Field(
            description="What the job was started with, as it was sent", examples=[{"topic": "Tea"}]
        ),
    ]


class CallUsage(AnswerModel):
    requests: Annotated[int, Field(description="Requests sent, also repeated ones", examples=[1])]
    input_tokens: Annotated[int, Field(examples=[812])]
    output_tokens: Annotated[int, Field(examples=[95])]
    cost_usd: Annotated[
        float | None, Field(description="Null if the model has no known price", examples=[0.0031])
    ]


class CallSummary(AnswerModel):
    n: Annotated[int, _N]
    type: Annotated[Literal["llm_call", "tool_call"], Field(examples=["llm_call"])]
    at: Annotated[Timestamp, Field(description="When a model had replied, or a tool was called")]
    attempt: Annotated[int, Field(examples=[1])]
    task_id: Annotated[str, Field(examples=["task_01jd7a"])]
    agent: Annotated[str, Field(examples=["Researcher"])]
    name: Annotated[str, Field(description="The model or the tool", examples=["gpt-4o"])]
    call_id: Annotated[str | None, _CALL_ID]
    duration: Annotated[float | None, _SECONDS]
    usage: CallUsage | None


class CallList(AnswerModel):
    calls: list[CallSummary]
    next: NextPage


class CallOfMessage(AnswerModel):
    id: Annotated[str, Field(description="The model's own id of the call", examples=["call_8kQ2"])]
    name: Annotated[str, Field(examples=["weather"])]
    arguments: Annotated[dict[str, Any] | None, _ARGUMENTS]


class SentMessage(AnswerModel):
    role: Annotated[
        Literal["system", "user", "assistant", "tool"],
        Field(description="`user` is what the platform says, `tool` a tool's result"),
    ]
    content: Annotated[str, Field(examples=["Your task: Find three facts about tea."])]
    tool_calls: Annotated[list[CallOfMessage], Field(description="What the assistant asked for")]
    tool_call_id: Annotated[
        str | None, Field(description="Of a result: the `id` of its call", examples=["call_8kQ2"])
    ]
    name: Annotated[str | None, Field(description="Of a result: the tool", examples=["weather"])]


class SentTool(AnswerModel):
    name: Annotated[str, Field(examples=["weather"])]
    description: Annotated[str, Field(examples=["Tells the weather of a city."])]
    parameters: Annotated[dict[str, Any], Field(description="JSON Schema of the arguments")]


class ReplyCall(CallOfMessage):
    broken: Annotated[
        str | None, Field(description="What the model sent instead of usable arguments")
    ]
    call_id: Annotated[str | None, _CALL_ID]
    n: Annotated[int | None, Field(description="The event of the call; null before there is one")]
    result_n: Annotated[
        int | None, Field(description="The event of its result; null before there is one")
    ]


class ModelReply(AnswerModel):
    content: Annotated[str, Field(description="The whole text", examples=["Tea comes from …"])]
    tool_calls: list[ReplyCall]
    finish_reason: Annotated[str, Field(examples=["stop"])]


class ModelCallDetail(CallSummary):
    """A call to a model: what was sent, and what came back."""

    type: Annotated[Literal["llm_call"], Field(examples=["llm_call"])]
    messages: Annotated[
        list[SentMessage] | None,
        Field(description="All that was sent, oldest first; null if it was not kept, see `note`"),
    ]
    messages_left_out: Annotated[
        int,
        Field(
            description="Messages between the opening and those shown that are left out: all together have over "
            "8 MB. Earlier calls of the same task show them",
            examples=[0],
        ),
    ]
    tools: Annotated[list[SentTool] | None, Field(description="The tools that were offered")]
    settings: Annotated[
        dict[str, Any] | None,
        Field(description="The settings that were sent besides the model", examples=[{}]),
    ]
    reply: Annotated[ModelReply | None, Field(description="Null if there was none")]
    note: Annotated[str, Field(description="Why something is missing, else empty", examples=[""])]


class ToolOutcome(AnswerModel):
    n: Annotated[int, Field(description="The event of the result", examples=[6])]
    at: Timestamp
    content: Annotated[str, Field(description="All that the agent was told")]
    failed: bool


class ToolCallDetail(CallSummary):
    """A call to a tool: what it was called with, and what it returned."""

    type: Annotated[Literal["tool_call"], Field(examples=["tool_call"])]
    id: Annotated[str | None, Field(description="The model's own id of the call")]
    arguments: Annotated[dict[str, Any] | None, _ARGUMENTS]
    broken: Annotated[
        str | None, Field(description="What the model sent instead of usable arguments")
    ]
    asked_in: Annotated[
        int | None, Field(description="The model call whose reply asked for it", examples=[4])
    ]
    result: Annotated[ToolOutcome | None, Field(description="Null while there is none")]


CallDetail = Annotated[ModelCallDetail | ToolCallDetail, Field(discriminator="type")]


def call_list(page: CallPage) -> CallList:
    """Return a page of calls."""
    return CallList(calls=[CallSummary(**_head(head)) for head in page.calls], next=page.next)


def call_detail(call: ModelCall | ToolCallMade) -> ModelCallDetail | ToolCallDetail:
    """Return one call in full."""
    return _model_call(call) if isinstance(call, ModelCall) else _tool_call(call)


def _head(head: CallHead) -> dict[str, Any]:
    return {
        "n": head.n,
        "type": head.type,
        "at": head.at,
        "attempt": head.attempt,
        "task_id": head.task_id,
        "agent": head.agent,
        "name": head.name,
        "call_id": head.call_id,
        "duration": head.seconds,
        "usage": None if head.usage is None else _usage(head.usage),
    }


def _usage(usage: ModelUsage) -> CallUsage:
    return CallUsage(
        requests=usage.requests,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost_usd=usage.cost_usd,
    )


def _model_call(call: ModelCall) -> ModelCallDetail:
    sent, reply = call.sent, call.reply
    return ModelCallDetail(
        **_head(call.head),
        messages=None if sent is None else [_message(one) for one in sent.messages],
        messages_left_out=0 if sent is None else sent.left_out,
        tools=None if sent is None else [SentTool(**tool) for tool in sent.tools],
        settings=None if sent is None else dict(sent.settings),
        reply=None
        if reply is None
        else ModelReply(
            content=reply.text,
            tool_calls=[_reply_call(one) for one in call.asked],
            finish_reason=call.finish_reason,
        ),
        note=call.lost,
    )


def _message(message: DialogueMessage) -> SentMessage:
    return SentMessage(
        role=message.role,
        content=message.content,
        tool_calls=[CallOfMessage(**_call(call)) for call in message.tool_calls],
        tool_call_id=message.tool_call_id,
        name=message.name,
    )


def _call(call: StoredCall) -> dict[str, Any]:
    return {"id": call.id, "name": call.name, "arguments": call.arguments}


def _reply_call(call: AskedCall) -> ReplyCall:
    return ReplyCall(
        **_call(call.asked),
        broken=None if call.asked.broken is UNSET else call.asked.broken,
        call_id=call.call_id,
        n=call.n,
        result_n=call.result_n,
    )


def _tool_call(call: ToolCallMade) -> ToolCallDetail:
    result = call.result
    return ToolCallDetail(
        **_head(call.head),
        id=call.id,
        arguments=None if call.arguments is None else dict(call.arguments),
        broken=call.broken or None,
        asked_in=call.asked_in,
        result=None
        if result is None
        else ToolOutcome(n=result.n, at=result.at, content=result.text, failed=result.failed),
    )
