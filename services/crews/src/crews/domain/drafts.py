"""What callers send to make or change crews, agents and tasks, and how that becomes one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from common.contracts.crew import Budget, Configuration, MemorySwitches, Process
from common.errors import InvalidRequest
from common.ids import new_id
from crews.domain.crew import Agent, Crew, Task, check


def _text(most: int, least: int = 1) -> Any:
    return StringConstraints(strip_whitespace=True, min_length=least, max_length=most)


def _schema(value: dict[str, Any] | None) -> dict[str, Any] | None:
    if value is not None:
        try:
            Draft202012Validator.check_schema(value)
        except SchemaError as fault:
            raise ValueError(f"It is not a JSON Schema: {fault.message}") from None
    return value


Name = Annotated[str, _text(200)]
Goal = Annotated[str, _text(4_000)]
Backstory = Annotated[str, _text(10_000, least=0)]
Model = Annotated[str, _text(200)]
Words = Annotated[str, _text(20_000)]
Tools = Annotated[list[Annotated[str, _text(100)]], Field(max_length=50)]
Context = Annotated[list[Words], Field(max_length=50)]
EntryId = Annotated[str, StringConstraints(pattern=r"^(agent|task)_[A-Za-z0-9_-]{1,60}$")]
JsonSchema = Annotated[dict[str, Any] | None, AfterValidator(_schema)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class Draft(BaseModel):
    """Base of what callers send. Unknown fields are refused: a typing error must not pass unseen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AgentDraft(Draft):
    id: EntryId | None = None
    """On an update of a crew's list: which agent this is. A new one without."""
    name: Name | None = None
    role: Name
    goal: Goal
    backstory: Backstory = ""
    model: Model
    tools: Tools = []


class _TaskExtras(Draft):
    tools: Tools = []
    async_execution: bool = False
    output_schema: JsonSchema = None
    human_input: bool = False
    guardrail: Annotated[str, _text(4_000)] | None = None
    max_retries: int = Field(default=2, ge=0, le=10)
    timeout: Seconds | None = None


class TaskDraft(_TaskExtras):
    """A task inside a crew. `agent` is the name, role or index of one of the crew's agents."""

    id: EntryId | None = None
    description: Words
    expected_output: Annotated[str, _text(20_000, least=0)] = ""
    agent: Name | int | None = None
    agent_id: EntryId | None = None
    context: Context = []


class ConfigurationDraft(Draft):
    """What the crew runs under: see `common.contracts.crew.Configuration`."""

    manager_model: Model | None = None
    max_iterations: int = Field(default=15, ge=1, le=200)
    timeout: Seconds = 1800
    budget: Budget = Budget()
    memory: MemorySwitches = MemorySwitches()
    verbose: bool = False


class CrewDraft(Draft):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Marketing Crew",
                    "description": "Content generation team",
                    "process": "hierarchical",
                    "agents": [
                        {
                            "role": "Content Writer",
                            "goal": "Create engaging content",
                            "model": "gpt-4",
                        }
                    ],
                }
            ]
        }
    )

    name: Name
    description: Annotated[str, _text(4_000, least=0)] = ""
    process: Process = "sequential"
    agents: list[AgentDraft] = []
    tasks: list[TaskDraft] = []
    configuration: ConfigurationDraft = ConfigurationDraft()


class CrewChanges(Draft):
    """Any subset of a crew. A list replaces the old one; entries with an `id` keep it."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "Updated Crew Name", "process": "sequential"}]}
    )

    name: Name | None = None
    description: Annotated[str, _text(4_000, least=0)] | None = None
    process: Process | None = None
    agents: list[AgentDraft] | None = None
    tasks: list[TaskDraft] | None = None
    configuration: ConfigurationDraft | None = None


class AgentRequest(Draft):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "crew_id": "crew_abc123",
                    "role": "Data Analyst",
                    "goal": "Analyze metrics",
                    "backstory": "Expert analyst with 10 years experience",
                    "model": "claude-3-opus",
                    "tools": ["web_search", "calculator"],
                }
            ]
        }
    )

    crew_id: Annotated[str, _text(100)]
    name: Name | None = None
    role: Name
    goal: Goal
    backstory: Backstory = ""
    model: Model
    tools: Tools = []


class AgentChanges(Draft):
    name: Name | None = None
    role: Name | None = None
    goal: Goal | None = None
    backstory: Backstory | None = None
    model: Model | None = None
    tools: Tools | None = None


class TaskRequest(_TaskExtras):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "agent_id": "agent_001",
                    "description": "Analyze competitor pricing",
                    "expected_output": "Markdown report",
                    "context": ["Previous analysis from Q3"],
                }
            ]
        }
    )

    agent_id: Annotated[str, _text(100)]
    description: Words
    expected_output: Words
    context: Context = []


class TaskChanges(Draft):
    agent_id: Annotated[str, _text(100)] | None = None
    description: Words | None = None
    expected_output: Annotated[str, _text(20_000, least=0)] | None = None
    context: Context | None = None
    tools: Tools | None = None
    async_execution: bool | None = None
    output_schema: JsonSchema = None
    human_input: bool | None = None
    guardrail: Annotated[str, _text(4_000)] | None = None
    max_retries: int | None = Field(default=None, ge=0, le=10)
    timeout: Seconds | None = None


def new_crew(draft: CrewDraft, workspace_id: str, now: datetime) -> Crew:
    """Return the crew that `draft` describes. Raises `InvalidRequest`."""
    agents = agents_of(draft.agents)
    crew = Crew(
        id=new_id("crew"),
        workspace_id=workspace_id,
        name=draft.name,
        description=draft.description,
        process=draft.process,
        agents=agents,
        tasks=tasks_of(draft.tasks, agents),
        configuration=_configuration(draft.configuration),
        created_at=now,
        updated_at=now,
    )
    check(crew)
    return crew


def changed_crew(crew: Crew, changes: CrewChanges, now: datetime) -> Crew:
    """Return `crew` with `changes`. Raises `InvalidRequest`."""
    given = changes.model_fields_set
    values: dict[str, Any] = {
        name: getattr(changes, name)
        for name in ("name", "description", "process")
        if name in given and getattr(changes, name) is not None
    }
    agents = crew.agents
    if changes.agents is not None:
        values["agents"] = agents = agents_of(changes.agents, crew.agents)
    if changes.tasks is not None:
        values["tasks"] = tasks_of(changes.tasks, agents, crew.tasks)
    if changes.configuration is not None:
        fresh = changes.configuration.model_dump(exclude_unset=True)
        merged = {**crew.configuration.model_dump(), **fresh}
        values["configuration"] = Configuration.model_validate(merged)
    return crew.changed(now, **values)


def agents_of(drafts: Sequence[AgentDraft], before: Sequence[Agent] = ()) -> tuple[Agent, ...]:
    """Return the agents that `drafts` describe; those with an id must be among `before`."""
    known = {agent.id for agent in before}
    for index, draft in enumerate(drafts):
        _check_known(f"agents.{index}.id", draft.id, known)
    return tuple(
        Agent(
            id=draft.id or new_id("agent"),
            name=draft.name or draft.role,
            **draft.model_dump(exclude={"id", "name"}),
        )
        for draft in drafts
    )


def tasks_of(
    drafts: Sequence[TaskDraft], agents: Sequence[Agent], before: Sequence[Task] = ()
) -> tuple[Task, ...]:
    """Return the tasks that `drafts` describe, each given to the agent it names."""
    known = {task.id for task in before}
    for index, draft in enumerate(drafts):
        _check_known(f"tasks.{index}.id", draft.id, known)
    return tuple(
        Task(
            id=draft.id or new_id("task"),
            agent_id=_agent_id(index, draft, agents),
            **draft.model_dump(exclude={"id", "agent", "agent_id"}),
        )
        for index, draft in enumerate(drafts)
    )


def _check_known(field: str, entry_id: str | None, known: set[str]) -> None:
    if entry_id is not None and entry_id not in known:
        reason = f"This crew has no {entry_id}; leave the id out for a new entry"
        raise InvalidRequest("Invalid crew configuration", field=field, reason=reason)


def _agent_id(index: int, draft: TaskDraft, agents: Sequence[Agent]) -> str | None:
    if draft.agent_id is not None or draft.agent is None:
        alone = agents[0].id if len(agents) == 1 else None
        return draft.agent_id or alone
    if isinstance(draft.agent, int):
        if 0 <= draft.agent < len(agents):
            return agents[draft.agent].id
    else:
        for agent in agents:
            if draft.agent in {agent.name, agent.role, agent.id}:
                return agent.id
    reason = f"This crew has no agent {draft.agent!r}"
    raise InvalidRequest("Invalid crew configuration", field=f"tasks.{index}.agent", reason=reason)


def _configuration(draft: ConfigurationDraft) -> Configuration:
    return Configuration.model_validate(draft.model_dump())


def given(changes: Draft) -> dict[str, Any]:
    """Return the fields that `changes` really sets. Those that cannot be empty ignore null."""
    emptied = {"guardrail", "output_schema", "timeout"}
    return {
        name: getattr(changes, name)
        for name in changes.model_fields_set
        if getattr(changes, name) is not None or name in emptied
    }
