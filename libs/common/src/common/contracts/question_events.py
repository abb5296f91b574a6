"""The event types by which people are asked, and answer.

Others import these from `common.contracts.events`.
"""

from datetime import datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from common.contracts.event_base import (
    Agent,
    AnsweredBy,
    Body,
    Comment,
    EventType,
    Outcome,
    QuestionKind,
    TaskId,
)


class ExecutionWaiting(Body, frozen=True, kw_only=True, tag=EventType.EXECUTION_WAITING.value):
    """Nothing more can be done before a person answers one of the questions that are open."""

    questions: Annotated[list[str], Meta(description="Ids of the open questions")] = []


class ProposedCall(Struct, frozen=True, kw_only=True):
    """A tool call that a person is asked to approve. An approval is for this call and no other."""

    tool: Annotated[str, Meta(description="Name of the tool")]
    arguments: Annotated[
        dict[str, Any], Meta(description="All its arguments, exactly as the call will be made")
    ]
    call: Annotated[int, Meta(ge=1, description="Number of the call in its task")]
    digest: Annotated[
        str,
        Meta(
            description="SHA-256, in hex, of the canonical JSON (RFC 8785) of `{arguments, call, task_id, "
            "tool}`: what an approval is bound to"
        ),
    ]


class InputRequired(Body, frozen=True, kw_only=True, tag=EventType.INPUT_REQUIRED.value):
    """A person is asked something: answer with `POST /executions/{job_id}/input`."""

    question_id: Annotated[str, Meta(description="Names the question in the answer")] = ""
    kind: (
        Annotated[
            QuestionKind,
            Meta(
                description="`review`: may this answer be used? `approval`: may this tool call be made? "
                "`unknown_outcome`: a worker was lost during a tool call, and nobody knows whether the call "
                "was made. `question`: an agent asks for something it needs to know, or the server of a tool "
                "does before it goes on with a call"
            ),
        ]
        | UnsetType
    ) = UNSET
    task_id: TaskId | UnsetType = UNSET
    agent: Agent = ""
    prompt: Annotated[str, Meta(description="The question, as a person reads it")] = ""
    answer: Annotated[
        Any, Meta(description="In a review: the whole answer that will be used if approved")
    ] = UNSET
    tool_call: (
        Annotated[
            ProposedCall,
            Meta(
                description="In an approval: the call that is asked about. In a question of a tool's server: the "
                "call that it asks for"
            ),
        ]
        | UnsetType
    ) = UNSET
    response_schema: (
        Annotated[dict[str, Any], Meta(description="JSON Schema that `input` must meet")]
        | UnsetType
    ) = UNSET
    choices: (
        Annotated[list[str], Meta(description="The texts of which `input` must be one")] | UnsetType
    ) = UNSET
    expires_at: (
        Annotated[
            datetime, Meta(tz=True, description="When `on_expiry` takes the place of an answer")
        ]
        | UnsetType
    ) = UNSET
    on_expiry: (
        Annotated[
            str,
            Meta(
                description="What follows then: `fail`, `reject`, `approve`, or `answer:` and a value"
            ),
        ]
        | UnsetType
    ) = UNSET
    answered_by: (
        Annotated[AnsweredBy, Meta(description="The lowest role that may answer")] | UnsetType
    ) = UNSET
    goes_on: (
        Annotated[
            bool,
            Meta(
                description="The job does not wait yet: other tasks go on beside the question. Without it, "
                "the job waits from here on"
            ),
        ]
        | UnsetType
    ) = UNSET


class InputReceived(Body, frozen=True, kw_only=True, tag=EventType.INPUT_RECEIVED.value):
    """A person has answered, or the time for it has run out."""

    question_id: Annotated[str, Meta(description="The question that this answers")] | UnsetType = (
        UNSET
    )
    task_id: TaskId | UnsetType = UNSET
    outcome: (
        Annotated[
            Outcome,
            Meta(
                description="`approved`: use the answer, or make the call; `rejected`: end the job, or do "
                "not make the call; `answered`: `input` says what to change, what came of the call, or what "
                "was asked for; `retry`: make the call again; `expired`: nobody answered in time, and the "
                "job ends"
            ),
        ]
        | UnsetType
    ) = UNSET
    input: Annotated[
        Any, Meta(description="The person's text, or the value that the question asked for")
    ] = UNSET
    arguments: (
        Annotated[
            dict[str, Any],
            Meta(
                description="What the call is made with, in place of the arguments that were shown"
            ),
        ]
        | UnsetType
    ) = UNSET
    comment: Comment | UnsetType = UNSET
    by: Annotated[str, Meta(description="Id of the user or API key that answered")] | UnsetType = (
        UNSET
    )
    expired: (
        Annotated[bool, Meta(description="Nobody answered in time: `on_expiry` decided")]
        | UnsetType
    ) = UNSET
    recorded: (
        Annotated[bool, Meta(description="The answer was taken from the job that this one replays")]
        | UnsetType
    ) = UNSET
