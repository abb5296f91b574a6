"""Trace events: what a job's stream consists of, on the WebSocket, in SSE and on the bus.

On the wire an event is one flat JSON object: its header (`type, job_id, seq, timestamp, attempt`) and
the fields of its type. The executor serialises it once; everyone passes the same bytes on. Here each
type is a class, its *body*; `Event` is a body with its header.

Readers must accept what newer versions write: unknown fields are ignored, an unknown type becomes an
`UnknownEvent`. Events of older versions lack newer fields, so every field added later has a default.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, get_args

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import asdict

from common.contracts.event_base import Agent, Body, Code, Comment, TaskId
from common.contracts.event_base import AnsweredBy as AnsweredBy
from common.contracts.event_base import Artifact as Artifact
from common.contracts.event_base import Decision as Decision
from common.contracts.event_base import EventType as EventType
from common.contracts.event_base import Header as Header
from common.contracts.event_base import Outcome as Outcome
from common.contracts.event_base import QuestionKind as QuestionKind
from common.contracts.event_base import TerminalBody as TerminalBody
from common.contracts.fork_events import ExecutionForked as ExecutionForked
from common.contracts.fork_events import ForkedFrom as ForkedFrom
from common.contracts.question_events import ExecutionWaiting as ExecutionWaiting
from common.contracts.question_events import InputReceived as InputReceived
from common.contracts.question_events import InputRequired as InputRequired
from common.contracts.question_events import ProposedCall as ProposedCall
from common.contracts.task_events import AnswerRejected as AnswerRejected
from common.contracts.task_events import SkipReason as SkipReason
from common.contracts.task_events import TaskComplete as TaskComplete
from common.contracts.task_events import TaskSkipped as TaskSkipped
from common.contracts.task_events import TaskStart as TaskStart


class ExecutionStart(Body, frozen=True, kw_only=True, tag=EventType.EXECUTION_START.value):
    """A worker has claimed the job for the first time."""

    crew: Annotated[str, Meta(description="Name of the crew")] = ""
    crew_id: Annotated[str, Meta(description="Id of the crew")] = ""
    version: (
        Annotated[int, Meta(ge=1, description="Version of the crew that runs, if it is known")]
        | UnsetType
    ) = UNSET
    tasks_count: Annotated[int, Meta(ge=0, description="How many tasks the crew has")] = 0
    tasks: Annotated[list[str], Meta(description="Ids of the crew's tasks, in their order")] = []


class ExecutionResumed(Body, frozen=True, kw_only=True, tag=EventType.EXECUTION_RESUMED.value):
    """Another worker has claimed the job and goes on with what is not done yet."""

    reason: Annotated[
        str,
        Meta(
            description="`worker_lost`: its worker died; `handed_over`: its worker was shut down; "
            "`input_received`: a person has answered; `forked`: the job begins with another's history"
        ),
    ] = ""


class ModelUsage(Struct, frozen=True, kw_only=True):
    """What requests to a model used."""

    requests: Annotated[
        int, Meta(ge=0, description="Requests sent, including those that had to be repeated")
    ] = 1
    input_tokens: Annotated[int, Meta(ge=0, description="Tokens of the prompts")] = 0
    output_tokens: Annotated[int, Meta(ge=0, description="Tokens of the replies")] = 0
    cost_usd: Annotated[
        float | None, Meta(description="US dollars; null if the model's price is not known")
    ] = None
    estimated: (
        Annotated[
            bool,
            Meta(description="The provider did not say how much was used: the tokens are a guess"),
        ]
        | UnsetType
    ) = UNSET

    def plus(self, other: "ModelUsage") -> "ModelUsage":
        """Return the sum of both. Its cost is unknown only if both costs are."""
        costs = [cost for cost in (self.cost_usd, other.cost_usd) if cost is not None]
        return ModelUsage(
            requests=self.requests + other.requests,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cost_usd=round(sum(costs), 9) if costs else None,
            estimated=True if True in (self.estimated, other.estimated) else UNSET,
        )


_Duration = Annotated[
    float, Meta(ge=0, description="Seconds that it took, waits and retries included")
]
_CallNumber = Annotated[
    int, Meta(ge=1, description="Number of the call in its task: its result has the same")
]


class LlmCall(Body, frozen=True, kw_only=True, tag=EventType.LLM_CALL.value):
    """A model has replied, or was asked without a reply (`finish_reason` is then `cut_off`)."""

    task_id: TaskId
    agent: Agent = ""
    action: Annotated[str, Meta(description="The model that was asked")] = ""
    result: Annotated[
        str,
        Meta(description="The reply, cut to 500 characters, or `calls` and the tools it calls"),
    ] = ""
    finish_reason: (
        Annotated[
            str,
            Meta(
                description="Why the reply ended: `stop`, `tool_call`, `length`, `content_filter`, "
                "`refusal`, `error`, `other`, or `cut_off` if there was none"
            ),
        ]
        | UnsetType
    ) = UNSET
    usage: Annotated[ModelUsage, Meta(description="What the requests used")] | UnsetType = UNSET
    duration: _Duration | UnsetType = UNSET
    recorded: (
        Annotated[
            bool,
            Meta(
                description="The reply was taken from another job, which has paid for it: its usage does not count "
                "here"
            ),
        ]
        | UnsetType
    ) = UNSET


class ToolCall(Body, frozen=True, kw_only=True, tag=EventType.TOOL_CALL.value):
    """An agent calls a tool. The event is stored before the call is made."""

    task_id: TaskId
    agent: Agent = ""
    action: Annotated[str, Meta(description="Name of the tool")] = ""
    result: Annotated[
        str, Meta(description="The arguments as JSON text, cut to 500 characters")
    ] = ""
    call: _CallNumber | UnsetType = UNSET


class ToolResult(Body, frozen=True, kw_only=True, tag=EventType.TOOL_RESULT.value):
    """A tool has answered."""

    task_id: TaskId
    agent: Agent = ""
    action: Annotated[str, Meta(description="Name of the tool")] = ""
    result: Annotated[str, Meta(description="What the tool returned, cut to 2,000 characters")] = ""
    failed: (
        Annotated[bool, Meta(description="The call failed, and `result` says why")] | UnsetType
    ) = UNSET
    recorded: (
        Annotated[bool, Meta(description="The result was taken from the job that this one replays")]
        | UnsetType
    ) = UNSET
    artifacts: (
        Annotated[list[Artifact], Meta(description="The files that the call has made")] | UnsetType
    ) = UNSET
    call: _CallNumber | UnsetType = UNSET
    duration: _Duration | UnsetType = UNSET


class ProgressUpdate(Body, frozen=True, kw_only=True, tag=EventType.PROGRESS.value):
    """How far the job has come."""

    progress: Annotated[int, Meta(ge=0, le=100, description="Percent of the tasks that are done")]
    current_task: (
        Annotated[
            str | None,
            Meta(description="What is being worked on, cut to 160 characters; null between tasks"),
        ]
        | UnsetType
    ) = UNSET


class RunWarning(Body, frozen=True, kw_only=True, tag=EventType.WARNING.value):
    """Something went wrong, but the run goes on."""

    message: Annotated[str, Meta(description="What it is, as a sentence for people")] = ""
    code: Code = ""


class RunError(TerminalBody, frozen=True, kw_only=True, tag=EventType.ERROR.value):
    """The job has failed."""

    message: Annotated[str, Meta(description="Why, as a sentence for people")] = ""
    code: Code = "INTERNAL_ERROR"
    task_id: TaskId | UnsetType = UNSET
    comment: Comment | UnsetType = UNSET


class ExecutionComplete(
    TerminalBody, frozen=True, kw_only=True, tag=EventType.EXECUTION_COMPLETE.value
):
    """The job is done."""

    result: Annotated[
        Any, Meta(description="The output of the crew's last task that was not skipped")
    ] = None
    ends: (
        Annotated[
            list[str],
            Meta(
                description="The tasks whose outputs no other task has read, if they are others than the last one; "
                "their `task_complete` events have what they made"
            ),
        ]
        | UnsetType
    ) = UNSET


class ExecutionStop(TerminalBody, frozen=True, kw_only=True, tag=EventType.EXECUTION_STOPPED.value):
    """The job was stopped before it was done."""

    reason: Annotated[str, Meta(description="Why; `requested` if a user stopped it")] = ""


class UnknownEvent(Struct, frozen=True):
    """An event of a type, or for `read_any_event` with fields, that only a newer version knows."""

    type: str
    fields: Mapping[str, Any]


KnownBody = (
    ExecutionStart
    | ExecutionResumed
    | ExecutionWaiting
    | ExecutionForked
    | TaskStart
    | LlmCall
    | ToolCall
    | ToolResult
    | ProgressUpdate
    | InputRequired
    | InputReceived
    | AnswerRejected
    | TaskComplete
    | TaskSkipped
    | RunWarning
    | RunError
    | ExecutionComplete
    | ExecutionStop
)
EventBody = KnownBody | UnknownEvent


class Event(Struct, frozen=True):
    """One event of a job: when and where in its stream, and what happened."""

    job_id: str
    seq: int
    timestamp: datetime
    attempt: int
    body: EventBody

    @property
    def type(self) -> str:
        return self.body.type


BODIES: Mapping[str, type[KnownBody]] = {
    str(body.__struct_config__.tag): body for body in get_args(KnownBody)
}
"""The class of each event type, in the order in which a run may write them."""

TERMINAL_EVENTS = frozenset(
    EventType(name) for name, body in BODIES.items() if issubclass(body, TerminalBody)
)
"""Exactly one of these is the last event of every job."""

HEADER_FIELDS = ("type", *Header.__struct_fields__)


def set_fields(value: Struct) -> dict[str, Any]:
    """Return the fields of `value` that are set, as they are written."""
    return {name: held for name, held in asdict(value).items() if held is not UNSET}


class ExecutionStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    WAITING_FOR_INPUT = "waiting_for_input"
    COMPLETED = "completed"
    FAILED = "failed"
    STOPPED = "stopped"


FINAL_STATUSES = frozenset(
    {ExecutionStatus.COMPLETED, ExecutionStatus.FAILED, ExecutionStatus.STOPPED}
)


def events_key(workspace_id: str, job_id: str, event_type: str) -> str:
    """Return the routing key of an event on the `events` exchange: `<workspace>.<job>.<type>`."""
    return f"{workspace_id}.{job_id}.{event_type}"
