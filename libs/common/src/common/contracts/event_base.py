"""What all event types have in common: their names, their header, and values that several use.

Others import these from `common.contracts.events`.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta, Struct


class EventType(StrEnum):
    EXECUTION_START = "execution_start"
    EXECUTION_RESUMED = "execution_resumed"
    EXECUTION_WAITING = "execution_waiting"
    EXECUTION_FORKED = "execution_forked"
    TASK_START = "task_start"
    LLM_CALL = "llm_call"
    TOOL_CALL = "tool_call"
    TOOL_RESULT = "tool_result"
    PROGRESS = "progress"
    INPUT_REQUIRED = "input_required"
    INPUT_RECEIVED = "input_received"
    ANSWER_REJECTED = "answer_rejected"
    TASK_COMPLETE = "task_complete"
    TASK_SKIPPED = "task_skipped"
    WARNING = "warning"
    ERROR = "error"
    EXECUTION_COMPLETE = "execution_complete"
    EXECUTION_STOPPED = "execution_stopped"


QuestionKind = Literal["review", "approval", "unknown_outcome", "question"]
Decision = Literal["approved", "rejected", "answered", "retry"]
"""What a person may decide."""
Outcome = Literal["approved", "rejected", "answered", "retry", "expired"]
"""What became of a question: a decision, or `expired` if nobody answered in time and that ends the job."""
AnsweredBy = Literal["editor", "admin", "owner"]

TaskId = Annotated[str, Meta(description="The crew's task that the event is about")]
Agent = Annotated[str, Meta(description="Name of the agent at work")]
Code = Annotated[
    str, Meta(description="What went wrong, as a code for programs, such as `TIMEOUT`")
]
Comment = Annotated[str, Meta(description="What the person said about it")]


class Header(Struct, frozen=True):
    """What every event has."""

    job_id: Annotated[str, Meta(description="The job that the event belongs to")]
    seq: Annotated[
        int,
        Meta(
            ge=1,
            description="Number of the event in its job: 1, 2, 3 … with no gap and no repeat, "
            "across crashes and attempts",
        ),
    ]
    timestamp: Annotated[
        datetime, Meta(tz=True, description="When it happened: RFC 3339, UTC, in milliseconds")
    ]
    attempt: Annotated[
        int,
        Meta(
            ge=0,
            description="How often a worker had claimed the job: 1 in its first run, higher after "
            "each resume, 0 if it ended before any worker took it",
        ),
    ]


class Artifact(Struct, frozen=True, kw_only=True):
    """A file that a tool call has made."""

    file_id: Annotated[
        str, Meta(description="Its id: `GET /files/{file_id}/content` has its bytes")
    ]
    name: Annotated[str, Meta(description="Its name")]
    size: Annotated[int, Meta(ge=0, description="Its bytes")] = 0
    media_type: Annotated[str, Meta(description="What kind of content it is")] = ""


class Body(Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of the event types: the fields that an event has besides its header."""

    @property
    def type(self) -> str:
        return str(self.__struct_config__.tag)


class TerminalBody(Body, frozen=True, kw_only=True):
    """Base of the terminal events. Exactly one of them is the last event of every job."""
