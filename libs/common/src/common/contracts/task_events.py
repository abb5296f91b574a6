"""The event types that say what becomes of a task.

Others import these from `common.contracts.events`.
"""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from common.contracts.event_base import Agent, Body, EventType, TaskId

SkipReason = Literal["condition", "context_skipped"]
ItemOf = Annotated[
    str, Meta(description="The task with `for_each` of which this task is the work on one entry")
]


class TaskStart(Body, frozen=True, kw_only=True, tag=EventType.TASK_START.value):
    """Work on a task begins. It comes once for each task, even if another worker resumes it."""

    task_id: TaskId
    agent: Agent = ""
    description: Annotated[str, Meta(description="What is to be done, cut to 160 characters")] = ""
    item_of: ItemOf | UnsetType = UNSET
    items: (
        Annotated[
            int,
            Meta(
                ge=0,
                description="Of a task with `for_each`: how many entries its list has. The work on each is a task of "
                "its own, called `<task_id>-0`, `<task_id>-1` …",
            ),
        ]
        | UnsetType
    ) = UNSET


class AnswerRejected(Body, frozen=True, kw_only=True, tag=EventType.ANSWER_REJECTED.value):
    """An agent's answer does not do: it is empty, does not fit its schema, or does not meet a guardrail."""

    task_id: TaskId
    agent: Agent = ""
    kind: Annotated[
        str,
        Meta(
            description="`output`: it is empty, or not what `output_schema` says; `words`: a rule in words; otherwise "
            "the kind of the guardrail, such as `regex`"
        ),
    ] = "output"
    rule: (
        Annotated[int, Meta(ge=0, description="Which of the task's guardrails, from 0")] | UnsetType
    ) = UNSET
    answer: Annotated[
        int, Meta(ge=0, description="Which of the task's answers this was: 1, 2 …")
    ] = 0
    left: Annotated[
        int, Meta(ge=0, description="How many more the agent may give before the run ends")
    ] = 0
    reason: Annotated[
        str, Meta(description="What the agent is told about it, cut to 1,000 characters")
    ] = ""


class TaskComplete(Body, frozen=True, kw_only=True, tag=EventType.TASK_COMPLETE.value):
    """A task is done."""

    task_id: TaskId
    agent: Agent = ""
    result: Annotated[
        Any, Meta(description="The task's output: a text, or JSON if the task has a schema for it")
    ] = None
    item_of: ItemOf | UnsetType = UNSET
    given: (
        Annotated[bool, Meta(description="A person gave this output, with a fork")] | UnsetType
    ) = UNSET


class TaskSkipped(Body, frozen=True, kw_only=True, tag=EventType.TASK_SKIPPED.value):
    """A task is not done, because of its condition or because nothing is left that it builds on."""

    task_id: TaskId
    reason: Annotated[
        SkipReason,
        Meta(
            description="`condition`: the task's condition does not hold; `context_skipped`: all tasks whose "
            "outputs it names were skipped"
        ),
    ] = "condition"
    message: Annotated[str, Meta(description="Why, as a sentence for people")] = ""
