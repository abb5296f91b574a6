"""The crew as a run sees it: the snapshot that the executor asks crews for when a job starts.

A snapshot is taken once per job and never changes after; edits of the crew reach later jobs only.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from common.contracts.crew_fields import AgentFields, TaskFields
from common.contracts.events import AnsweredBy
from common.contracts.fields import plain
from common.contracts.memory import CREW, SCOPE, SHELF
from common.contracts.model_access import OwnModels

Process = Literal["sequential", "hierarchical"]
UnknownOutcome = Literal["fail", "retry", "ask"]
"""What happens to a tool call that may have been made before its worker was lost and is not safe to
repeat: the job fails, the call is repeated with the same key, or a person decides."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Budget(_Part):
    """What a run may cost; it ends at whichever bound it reaches first."""

    max_tokens: int | None = Field(default=None, ge=1)
    max_cost_usd: float | None = Field(default=None, gt=0)


class MemorySwitches(_Part):
    """Which kinds of memory the crew's runs read and write, and who shares it.

    `scope` is `crew`, `workspace`, or an input such as `{customer_id}` that separates memories.
    """

    short_term: bool = False
    long_term: bool = False
    scope: str = Field(default=CREW, pattern=SCOPE)

    @property
    def used(self) -> bool:
        return self.short_term or self.long_term


class QuestionRules(_Part):
    """How long a question to a person waits, what follows then, and who may answer it."""

    expires_in: float | None = None
    on_expiry: str = "fail"
    answered_by: AnsweredBy = "editor"


class Configuration(_Part):
    """What a crew runs under. Times are seconds."""

    manager_model: str | None = None
    manager_model_settings: dict[str, Any] | None = None
    manager_fallback_models: list[str] = []
    max_iterations: int = Field(default=15, ge=1, le=200)
    timeout: float = Field(default=1800, gt=0, le=86_400)
    budget: Budget = Budget()
    memory: MemorySwitches = MemorySwitches()
    questions: QuestionRules = QuestionRules()
    on_unknown_outcome: UnknownOutcome = "fail"
    max_items: int = Field(default=100, ge=1, le=1_000)
    items_at_once: int = Field(default=8, ge=1, le=50)
    keep_prompts: bool = True
    verbose: bool = False


class McpTool(_Part):
    """Where a tool of an MCP server is: its server, its name there, and how it is reached.

    `target` is a URL, or a command line with the transport `stdio`. `timeout` is in seconds.
    """

    server_id: str
    name: str
    transport: Literal["streamable_http", "sse", "stdio"]
    target: str
    timeout: float = 30.0
    reads: bool = False


class ToolSnapshot(_Part):
    """One tool an agent or a task may call: built in (`tool_id` is None), the workspace's own, or an MCP server's.

    Credentials are not part of it; they are fetched when the tool is called. `left_out` says why a tool
    that is named cannot be called.
    """

    name: str
    description: str = ""
    tool_id: str | None = None
    endpoint: str | None = None
    method: str = "POST"
    parameters: dict[str, Any] | None = None
    headers: dict[str, str] = {}
    auth_type: Literal["none", "bearer", "api_key", "basic"] = "none"
    idempotent: bool = False
    requires_approval: bool = False
    expires_in: float | None = None
    on_expiry: str | None = None
    answered_by: AnsweredBy | None = None
    mcp: McpTool | None = None
    left_out: str | None = None


class Lack(BaseModel):
    """Something that a crew lacks for its runs."""

    model_config = ConfigDict(frozen=True)

    field: str
    reason: str


class _Agent(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str: ...


class _Task(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def agent_id(self) -> str | None: ...


def choice_of_agents(agents: Sequence[_Agent]) -> str:
    """Return the agents that a task can be given to, for a sentence: the first ones of many."""
    named = [f"{agent.id} ({agent.name[:60]})" for agent in agents[:10]]
    return ", ".join([*named, *(["…"] if len(agents) > len(named) else [])])


def lacks(process: Process, agents: Sequence[_Agent], tasks: Sequence[_Task]) -> list[Lack]:
    """Return what a crew lacks to be active: a task, or agents for its tasks."""
    if not tasks:
        return [Lack(field="tasks", reason="At least one task required; add it with POST /tasks")]
    known: set[str | None] = {agent.id for agent in agents}
    if process == "hierarchical":  # its manager finds somebody
        known.add(None)
    return [
        Lack(
            field=f"tasks.{index}.agent_id",
            reason=f"The task has no agent: give it one with PUT /tasks/{task.id} and the agent_id of one of "
            + choice_of_agents(agents),
        )
        for index, task in enumerate(tasks)
        if task.agent_id not in known
    ]


class _Identified(_Part):
    id: str


@plain
class AgentSnapshot(AgentFields, _Identified):
    """An agent as it is stored and run."""

    name: str
    model_settings: dict[str, Any] | None = None  # type: ignore[assignment]  # the given ones only


@dataclass(frozen=True, slots=True)
class Manager:
    """What thinks for the manager of a hierarchical crew: the models to ask, in order, and their settings."""

    models: Sequence[str]
    settings: Mapping[str, Any]


def manager_of(configuration: Configuration, agents: Sequence[AgentSnapshot]) -> Manager:
    """Return the manager of a crew. Without a model of its own it has that of the first agent, who may have fallbacks."""
    named, others = configuration.manager_model, configuration.manager_fallback_models
    if named is None and agents:
        named, others = agents[0].model, others or agents[0].fallback_models
    models = [] if named is None else [named]
    return Manager([*models, *others], configuration.manager_model_settings or {})


@plain
class TaskSnapshot(TaskFields, _Identified):
    """A task as it is stored and run. `timeout` is in seconds.

    `max_reviews` says how often a person may send its answer back, with `human_input`.
    `agent_id` may be None only in a hierarchical crew, whose manager finds an agent.
    """


def has_newer_fields(task: TaskSnapshot) -> bool:
    """Say whether a task has what releases before graphs would pass over without a word."""
    newer = task.depends_on or task.condition or task.for_each
    return bool(newer) or isinstance(task.guardrail, dict | list)


def needs_newer_code(
    agents: Iterable[AgentSnapshot],
    tasks: Iterable[TaskSnapshot],
    tools: Iterable[ToolSnapshot] = (),
    own_models: OwnModels | None = None,
    configuration: Configuration | None = None,
) -> bool:
    """Say whether a crew has what earlier releases would pass over without a word.

    Approvals are among it: an earlier worker would make the calls that a person has to approve. So are
    a workspace's own keys: it would use the operator's.
    """
    return (
        any(has_newer_fields(task) or task.approvals for task in tasks)
        or any(one.approvals or one.model_settings or one.fallback_models for one in agents)
        or any(tool.requires_approval or tool.mcp is not None for tool in tools)
        or (own_models is not None and own_models.any)
        or (
            configuration is not None
            and bool(configuration.manager_model_settings or configuration.manager_fallback_models)
        )
    )


class Insight(_Part):
    category: str
    insights: list[str]


class MemorySnapshot(_Part):
    """The memory when the job started: newest first, bounded by crews.

    `shelf` is where it is kept, and where the run's own memories go, even after a resume.
    """

    shelf: str = Field(default=CREW, pattern=SHELF)
    short_term: list[str] = []
    long_term: list[Insight] = []


class CrewSnapshot(_Part):
    """A whole crew as it was when the job was accepted. The answer of `GET /internal/crews/{id}/snapshot`.

    `version` is the crew's version that this is; snapshots of older releases have none.
    """

    id: str
    workspace_id: str
    name: str
    description: str = ""
    process: Process
    status: Literal["configuring", "active"]
    version: int | None = None
    agents: list[AgentSnapshot]
    tasks: list[TaskSnapshot]
    tools: list[ToolSnapshot] = []
    configuration: Configuration = Field(default_factory=Configuration)
    memory: MemorySnapshot = Field(default_factory=MemorySnapshot)
    own_models: OwnModels = Field(default_factory=OwnModels)
