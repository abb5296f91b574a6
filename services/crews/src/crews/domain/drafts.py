"""What callers send to make or change crews, agents and tasks."""

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, StrictInt, model_validator

from common.contracts.bodies import check_bounded, check_numbers
from common.contracts.crew import Process, UnknownOutcome
from common.contracts.crew_fields import (
    ANSWERED_BY,
    EXPIRES_IN,
    ON_EXPIRY,
    AgentFields,
    AgentId,
    ExpectedOutput,
    ExpiresIn,
    Fallbacks,
    Model,
    Name,
    OnExpiry,
    Seconds,
    TaskFields,
    TaskName,
    Words,
    text,
)
from common.contracts.events import AnsweredBy
from common.contracts.fields import partial
from common.contracts.ids import id_of
from common.contracts.memory import CREW, Scope
from common.contracts.model_settings import ModelSettingsDraft

TaskReferences = Annotated[list[TaskName | StrictInt], Field(max_length=50, fail_fast=True)]
CrewId: Any = id_of("crew_id")
TaskId: Any = id_of("task_id")


class CatalogInput(BaseModel):
    """Base of what callers send. Unknown fields are refused, so that a typo does not go unnoticed.

    `READ_ONLY` fields occur in responses; when they are sent back with the rest, they are ignored.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    READ_ONLY: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _without_read_only(cls, value: Any) -> Any:
        check_bounded(cls, value)
        check_numbers(cls, value)
        if not isinstance(value, dict) or cls.READ_ONLY.isdisjoint(value):
            return value
        return {name: sent for name, sent in value.items() if name not in cls.READ_ONLY}


class LiteralText(CatalogInput):
    """A text of a context that looks like the name of a task, and is none."""

    text: Words


TaskContext = Annotated[list[Words | StrictInt | LiteralText], Field(max_length=50, fail_fast=True)]
"""Besides texts and ids, indexes of earlier tasks of the same list, which have no ids yet."""

_OF_CREWS = frozenset(
    {"id", "status", "missing", "agents_count", "tasks_count", "created_at", "updated_at"}
    | {"version", "published_version"}
)


class AgentDraft(AgentFields, CatalogInput):
    READ_ONLY = frozenset({"crew_id", "status"})

    id: AgentId | None = None
    """In an update of a crew's list: which agent this is. Without it, the agent is new."""


class TaskDraft(TaskFields, CatalogInput):
    """A task inside a crew. `agent` is the name, role or index of one of the crew's agents."""

    READ_ONLY = frozenset({"crew_id", "status"})

    id: TaskId | None = None
    expected_output: ExpectedOutput = ""
    agent: Name | StrictInt | None = None
    context: TaskContext = []  # type: ignore[assignment]  # only a list of tasks has indexes
    depends_on: TaskReferences = Field(  # type: ignore[assignment]  # as above
        default=[],
        description="Names, ids or indexes of tasks that must be done first; the task does not get their outputs",
        examples=[["research"]],
    )


class BudgetDraft(CatalogInput):
    max_tokens: int | None = Field(default=None, ge=1, le=10**12)
    max_cost_usd: float | None = Field(default=None, gt=0, le=10**9)


class MemorySwitchesDraft(CatalogInput):
    """What runs keep for later ones: nothing unless it is switched on."""

    short_term: bool = False
    long_term: bool = False
    scope: Scope = Field(
        default=CREW,
        description="Whose it is: all runs of the `crew`, all crews of the `workspace`, or only runs "
        "with the same value of an input, such as `{customer_id}`",
    )


class QuestionRulesDraft(CatalogInput):
    """How long questions to people wait; tasks and tools may have rules of their own."""

    expires_in: ExpiresIn | None = Field(default=None, description=EXPIRES_IN, examples=[86_400])
    on_expiry: OnExpiry = Field(default="fail", description=ON_EXPIRY, examples=["reject"])
    answered_by: AnsweredBy = Field(default="editor", description=ANSWERED_BY, examples=["admin"])


class ConfigurationDraft(CatalogInput):
    """What the crew runs under. Times are seconds; what is left out keeps its default."""

    manager_model: Model | None = Field(
        default=None,
        description="The model that assigns the tasks of a hierarchical crew; by default that of its first agent",
        examples=["gpt-4o"],
    )
    manager_model_settings: ModelSettingsDraft | None = Field(
        default=None,
        description="Settings for the manager's model and its fallbacks, as an agent's `model_settings`",
        examples=[{"reasoning_effort": "low"}],
    )
    manager_fallback_models: Fallbacks = Field(
        default=[],
        description="Models that are asked in this order when the manager's is unavailable or over its limit; "
        "where the first agent's model manages, by default that agent's",
        examples=[["claude-3-5-haiku-latest"]],
    )
    max_iterations: int = Field(default=15, ge=1, le=200)
    timeout: Seconds = 1800
    budget: BudgetDraft = BudgetDraft()
    memory: MemorySwitchesDraft = MemorySwitchesDraft()
    questions: QuestionRulesDraft = QuestionRulesDraft()
    on_unknown_outcome: UnknownOutcome = Field(
        default="fail",
        description="What happens to a call to a tool that is not idempotent when its worker is lost during the "
        "call: the job fails, the call is made again, or a person is asked",
    )
    max_items: int = Field(
        default=100,
        ge=1,
        le=1_000,
        description="How many entries a list may have that a task is done for, one by one (`for_each`)",
        examples=[100],
    )
    items_at_once: int = Field(
        default=8,
        ge=1,
        le=50,
        description="How many entries of such a list are worked on at the same time",
        examples=[8],
    )
    keep_prompts: bool = Field(
        default=True,
        description="Whether runs keep what they send to models and tools, for GET /executions/{job_id}/calls/{n}",
        examples=[False],
    )
    verbose: bool = False


class CrewDraft(CatalogInput):
    READ_ONLY = _OF_CREWS

    name: Name
    description: Annotated[str, text(4_000, shortest=0)] = ""
    process: Process = "sequential"
    agents: list[AgentDraft] = []
    tasks: list[TaskDraft] = []
    configuration: ConfigurationDraft = ConfigurationDraft()


class CrewChanges(CatalogInput):
    """Any subset of a crew. A list replaces the old one; entries with an `id` keep it."""

    READ_ONLY = _OF_CREWS

    name: Name | None = None
    description: Annotated[str, text(4_000, shortest=0)] | None = None
    process: Process | None = None
    agents: list[AgentDraft] | None = None
    tasks: list[TaskDraft] | None = None
    configuration: ConfigurationDraft | None = None


class AgentRequest(AgentFields, CatalogInput):
    READ_ONLY = frozenset({"id", "status"})

    crew_id: CrewId


@partial
class AgentChanges(AgentFields, CatalogInput):
    READ_ONLY = frozenset({"id", "status", "crew_id"})


class TaskRequest(TaskFields, CatalogInput):
    """A task of the crew that has the agent, or of a crew alone: its only agent gets it, or a manager finds one."""

    READ_ONLY = frozenset({"id", "status"})

    crew_id: CrewId | None = None


@partial
class TaskChanges(TaskFields, CatalogInput):
    READ_ONLY = frozenset({"id", "status", "crew_id"})
