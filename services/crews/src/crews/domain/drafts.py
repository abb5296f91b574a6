"""What callers send to make or change crews, agents and tasks."""

from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictInt,
    StringConstraints,
    model_validator,
)

from common.contracts.bodies import check_bounded
from common.contracts.crew import Process, UnknownOutcome
from common.contracts.ids import id_of
from common.contracts.memory import CREW, SCOPE
from common.contracts.models import canonical, model_fault
from common.contracts.texts import line
from common.schemas.checking import form_fault


def _text(most: int, least: int = 1) -> Any:
    return StringConstraints(strip_whitespace=True, min_length=least, max_length=most)


def _schema(value: dict[str, Any] | None) -> dict[str, Any] | None:
    """Refuse what cannot even be kept. Whether it can be used is asked beside the event loop."""
    fault = None if value is None else form_fault(value)
    if fault is not None:
        raise ValueError(fault.reason)
    return value


def _model(value: str) -> str:
    name = canonical(value)
    fault = model_fault(name)
    if fault is not None:
        raise ValueError(fault)
    return name


Name = Annotated[str, _text(200), AfterValidator(line)]
TaskName = Annotated[str, _text(100), AfterValidator(line)]
Goal = Annotated[str, _text(4_000)]
Backstory = Annotated[str, _text(10_000, least=0)]
Model = Annotated[str, _text(200), AfterValidator(_model)]
Words = Annotated[str, _text(20_000)]
Tools = Annotated[list[Annotated[str, _text(100)]], Field(max_length=50, fail_fast=True)]
Context = Annotated[list[Words], Field(max_length=50, fail_fast=True)]
InnerContext = Annotated[list[Words | StrictInt], Field(max_length=50, fail_fast=True)]
"""Beside texts and ids, the indexes of earlier tasks of the same list, which have no ids yet."""
CrewId: Any = id_of("crew_id")
AgentId: Any = id_of("agent_id")
TaskId: Any = id_of("task_id")
JsonSchema = Annotated[dict[str, Any] | None, AfterValidator(_schema)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class CatalogInput(BaseModel):
    """Base of what callers send. Unknown fields are refused: a typing error must not pass unseen.

    `READ_ONLY` fields are in what the platform answers: sent back with the rest, they are left out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    READ_ONLY: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _without_read_only(cls, value: Any) -> Any:
        check_bounded(cls, value)
        if not isinstance(value, dict) or cls.READ_ONLY.isdisjoint(value):
            return value
        return {name: one for name, one in value.items() if name not in cls.READ_ONLY}


_OF_CREWS = frozenset(
    {"id", "status", "missing", "agents_count", "tasks_count", "created_at", "updated_at"}
)


class AgentDraft(CatalogInput):
    READ_ONLY = frozenset({"crew_id", "status"})

    id: AgentId | None = None
    """On an update of a crew's list: which agent this is. A new one without."""
    name: Name | None = None
    role: Name
    goal: Goal
    backstory: Backstory = ""
    model: Model
    tools: Tools = []


class _TaskExtras(CatalogInput):
    name: TaskName | None = None
    tools: Tools = []
    async_execution: bool = False
    output_schema: JsonSchema = None
    human_input: bool = False
    guardrail: Annotated[str, _text(4_000)] | None = None
    max_retries: int = Field(default=2, ge=0, le=10)
    max_reviews: int = Field(
        default=5,
        ge=0,
        le=50,
        description="How often a person may have the answer written anew, with `human_input`; once more "
        "ends the job with `REVIEWS_EXHAUSTED`",
    )
    timeout: Seconds | None = None


class TaskDraft(_TaskExtras):
    """A task inside a crew. `agent` is the name, role or index of one of the crew's agents."""

    READ_ONLY = frozenset({"crew_id", "status"})

    id: TaskId | None = None
    description: Words
    expected_output: Annotated[str, _text(20_000, least=0)] = ""
    agent: Name | StrictInt | None = None
    agent_id: AgentId | None = None
    context: InnerContext = []


class BudgetDraft(CatalogInput):
    max_tokens: int | None = Field(default=None, ge=1, le=10**12)
    max_cost_usd: float | None = Field(default=None, gt=0, le=10**9)


class MemorySwitchesDraft(CatalogInput):
    """What runs keep for later ones: nothing unless it is switched on."""

    short_term: bool = False
    long_term: bool = False
    scope: str = Field(
        default=CREW,
        pattern=SCOPE,
        description="Whose it is: all runs of the `crew`, all crews of the `workspace`, or only runs "
        "with the same value of an input, such as `{customer_id}`",
    )


class ConfigurationDraft(CatalogInput):
    """What the crew runs under. Times are seconds; what is left out keeps its default."""

    manager_model: Model | None = None
    max_iterations: int = Field(default=15, ge=1, le=200)
    timeout: Seconds = 1800
    budget: BudgetDraft = BudgetDraft()
    memory: MemorySwitchesDraft = MemorySwitchesDraft()
    on_unknown_outcome: UnknownOutcome = Field(
        default="fail",
        description="What becomes of a call of a tool that is not idempotent when its worker was lost "
        "in the midst of it: the job fails, the call is made again, or a person is asked",
    )
    verbose: bool = False


class CrewDraft(CatalogInput):
    READ_ONLY = _OF_CREWS

    name: Name
    description: Annotated[str, _text(4_000, least=0)] = ""
    process: Process = "sequential"
    agents: list[AgentDraft] = []
    tasks: list[TaskDraft] = []
    configuration: ConfigurationDraft = ConfigurationDraft()


class CrewChanges(CatalogInput):
    """Any subset of a crew. A list replaces the old one; entries with an `id` keep it."""

    READ_ONLY = _OF_CREWS

    name: Name | None = None
    description: Annotated[str, _text(4_000, least=0)] | None = None
    process: Process | None = None
    agents: list[AgentDraft] | None = None
    tasks: list[TaskDraft] | None = None
    configuration: ConfigurationDraft | None = None


class AgentRequest(CatalogInput):
    READ_ONLY = frozenset({"id", "status"})

    crew_id: CrewId
    name: Name | None = None
    role: Name
    goal: Goal
    backstory: Backstory = ""
    model: Model
    tools: Tools = []


class AgentChanges(CatalogInput):
    READ_ONLY = frozenset({"id", "status", "crew_id"})

    name: Name | None = None
    role: Name | None = None
    goal: Goal | None = None
    backstory: Backstory | None = None
    model: Model | None = None
    tools: Tools | None = None


class TaskRequest(_TaskExtras):
    """A task of the crew that has the agent, or of a crew alone: its manager finds somebody."""

    READ_ONLY = frozenset({"id", "status"})

    agent_id: AgentId | None = None
    crew_id: CrewId | None = None
    description: Words
    expected_output: Annotated[str, _text(20_000, least=0)]
    context: Context = []


class TaskChanges(CatalogInput):
    READ_ONLY = frozenset({"id", "status", "crew_id"})

    name: TaskName | None = None
    agent_id: AgentId | None = None
    description: Words | None = None
    expected_output: Annotated[str, _text(20_000, least=0)] | None = None
    context: Context | None = None
    tools: Tools | None = None
    async_execution: bool | None = None
    output_schema: JsonSchema = None
    human_input: bool | None = None
    guardrail: Annotated[str, _text(4_000)] | None = None
    max_retries: int | None = Field(default=None, ge=0, le=10)
    max_reviews: int | None = Field(default=None, ge=0, le=50)
    timeout: Seconds | None = None
