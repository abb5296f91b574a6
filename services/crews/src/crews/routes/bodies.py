"""Answer bodies of the routes of crews (what callers send is in `domain.drafts`)."""

from typing import Any, Literal

from pydantic import Field

from common.contracts import query_keys
from common.contracts.crew import AgentSnapshot, Configuration, Lack, TaskSnapshot
from common.contracts.fields import complete
from common.contracts.graph import EdgeKind
from common.contracts.query_keys import MASK
from common.security.outgoing import ADVICE
from common.web.models import AnswerModel, NextPage, RequestModel, Timestamp
from crews.domain.activity import TaskStatus
from crews.domain.crew import Agent, Crew, Task
from crews.domain.graph_rules import Graph
from crews.domain.origins import Fate, mask_headers
from crews.domain.tool_catalog import Changed
from crews.domain.tools import RegisteredTool, ToolChanges, ToolDraft, ToolFields

CrewState = Literal["configuring", "active"]
AgentState = Literal["ready", "busy"]


class Created(AnswerModel):
    id: str
    status: Literal["created"] = "created"


class Updated(AnswerModel):
    id: str
    updated: Literal[True] = True


@complete
class AgentView(AgentSnapshot):
    crew_id: str
    status: AgentState


@complete
class TaskView(TaskSnapshot):
    crew_id: str
    status: TaskStatus


class CrewCreated(AnswerModel):
    id: str
    name: str
    status: CrewState
    missing: list[Lack] = Field(
        default=[],
        description="Why the crew is `configuring`, if it has tasks; not there otherwise",
        exclude_if=lambda missing: not missing,
    )


VERSION: Any = Field(description="Every change of the crew makes the next one", examples=[3])
PUBLISHED: Any = Field(
    description="The version that a job runs which names none; without it, that is the newest",
    examples=[2],
)


class CrewSummary(AnswerModel):
    id: str
    name: str
    description: str
    process: str
    status: CrewState
    version: int = VERSION
    published_version: int | None = PUBLISHED
    agents_count: int
    tasks_count: int
    created_at: Timestamp
    updated_at: Timestamp


class CrewView(AnswerModel):
    id: str
    name: str
    description: str
    process: str
    status: CrewState
    version: int = VERSION
    published_version: int | None = PUBLISHED
    agents: list[AgentView]
    tasks: list[TaskView]
    configuration: Configuration
    missing: list[Lack]
    """Why the crew is `configuring`, and which of its tools cannot work yet."""
    created_at: Timestamp
    updated_at: Timestamp


class GraphNode(AnswerModel):
    task_id: str = Field(examples=["task_01jd3a"])
    name: str | None = Field(examples=["report"])
    agent_id: str | None = Field(examples=["agent_01jd3a"])
    async_execution: bool = Field(description="Later tasks do not wait for it", examples=[False])
    condition: str | None = Field(
        description="Without it the task is skipped", examples=["outputs.research.score >= 7"]
    )
    for_each: str | None = Field(
        description="The list that it is done for, entry by entry: an input or a task's id",
        examples=["{companies}"],
    )


class GraphEdge(AnswerModel):
    source: str = Field(description="The task that comes first", examples=["task_01jd3a"])
    target: str = Field(description="The task that waits for it", examples=["task_01jd3b"])
    kind: EdgeKind = Field(
        description="`context`, `for_each`, `condition` and `depends_on` are named by the target. Without context it "
        "builds on the last synchronous task before it (`sequence`) and on the parallel ones that no other has read "
        "(`join`). `order`: it waits for a synchronous task that it does not name",
        examples=["join"],
    )
    output: bool = Field(description="The target gets the source's output", examples=[True])


class GraphView(AnswerModel):
    nodes: list[GraphNode] = Field(description="In the order in which they begin")
    edges: list[GraphEdge]


class _List(AnswerModel):
    total: int
    page: int
    page_size: int
    next: NextPage


class CrewList(_List):
    crews: list[CrewSummary]


class AgentList(_List):
    agents: list[AgentView]


class TaskList(_List):
    tasks: list[TaskView]


class ToolSummary(AnswerModel):
    name: str
    description: str
    category: str
    source: str = Field(
        description="Where it comes from: `built_in`, `python` (the operator's own), `custom` or `mcp`",
        examples=["mcp"],
    )
    tool_id: str | None = None
    """Of a workspace's own tool; others have none."""
    server_id: str | None = Field(
        default=None, description="The MCP server that has it", examples=["mcp_01jd3a"]
    )


class ToolList(_List):
    tools: list[ToolSummary]


class ToolRegistered(AnswerModel):
    tool_id: str
    status: Literal["registered"] = "registered"
    warnings: list[str] = Field(default=[], exclude_if=lambda warnings: not warnings)
    """Which values were left out because they were sent masked; not there where none was."""


class ToolUpdated(Updated):
    credentials: Fate
    """Keys do not follow a tool to another origin (scheme, host, port) or kind: they are dropped."""
    warnings: list[str]


@complete
class ToolView(ToolFields, AnswerModel):
    id: str
    auth_type: str  # type: ignore[assignment]  # clients accept kinds and methods of newer versions
    method: str  # type: ignore[assignment]
    has_credentials: bool
    warnings: list[str]
    created_at: Timestamp


class ShortTermView(AnswerModel):
    timestamp: Timestamp
    content: str


class InsightView(AnswerModel):
    category: str
    insights: list[str]


class MemoryView(AnswerModel):
    short_term: list[ShortTermView]
    long_term: list[InsightView]


class ClearRequest(RequestModel):
    type: Literal["short_term", "long_term", "all"]


def tool_view(tool: RegisteredTool, inside: bool = False) -> ToolView:
    """Return the tool as it is served, without any of its keys; `inside` as in `_warnings`."""
    shown = tool.model_dump(exclude={"workspace_id", "headers", "endpoint"})
    return ToolView(
        **shown,
        endpoint=query_keys.mask(tool.endpoint),
        headers=mask_headers(tool.headers),
        warnings=_warnings(tool, inside),
    )


def registration_answer(draft: ToolDraft, inside: bool, tool: RegisteredTool) -> ToolRegistered:
    """Return what was made of `draft`, with what has to be given anew: masks stand for no value."""
    warnings = []
    headers = [name for name in draft.headers if name not in tool.headers]
    if headers:
        warnings.append(f"Headers whose value was {MASK} were left out: {', '.join(headers)}.")
    query = query_keys.unmask(draft.endpoint, None)[1]
    if query:
        warnings.append(
            f"Keys in the address whose value was {MASK} were left out: {', '.join(query)}."
        )
    return ToolRegistered(tool_id=tool.id, warnings=warnings + _of_place(inside))


def update_answer(changed: Changed, sent: ToolChanges, inside: bool = False) -> ToolUpdated:
    """Return what a change has done, with what has to be given anew."""
    warnings = []
    if changed.credentials == "dropped" and "credentials" not in sent.model_fields_set:
        warnings.append(
            "The stored credentials were dropped: they were for another address or kind."
        )
    if changed.dropped_headers:
        named = ", ".join(changed.dropped_headers)
        warnings.append(f"Headers that may be keys were dropped with the old address: {named}.")
    if changed.dropped_query:
        named = ", ".join(changed.dropped_query)
        warnings.append(f"Keys in the query that were for another address were dropped: {named}.")
    warnings += _warnings(changed.tool, inside)
    return ToolUpdated(id=changed.tool.id, credentials=changed.credentials, warnings=warnings)


def _warnings(tool: RegisteredTool, inside: bool) -> list[str]:
    """Return why the calls of `tool` will fail; `inside`: its host is not public, and nobody allows it."""
    warnings = []
    if tool.lacks_credentials:
        warnings.append(
            f"It has no credentials, and {tool.auth_type} needs some: its calls will fail."
        )
    return warnings + _of_place(inside)


def _of_place(inside: bool) -> list[str]:
    return [f"Its calls will fail: {ADVICE}."] if inside else []


def graph_view(graph: Graph) -> GraphView:
    """Return the graph of a crew's tasks as it is served."""
    return GraphView(
        nodes=[
            GraphNode(
                task_id=task.id,
                name=task.name,
                agent_id=task.agent_id,
                async_execution=task.async_execution,
                condition=task.condition,
                for_each=task.for_each,
            )
            for task in graph.tasks
        ],
        edges=[
            GraphEdge(source=edge.source, target=edge.target, kind=edge.kind, output=edge.output)
            for edge in graph.edges
        ],
    )


def agent_view(crew: Crew, agent: Agent, statuses: dict[str, TaskStatus]) -> AgentView:
    """Return the agent as it is served: `busy` while one of its tasks runs."""
    busy = any(
        statuses.get(task.id) == "running" for task in crew.tasks if task.agent_id == agent.id
    )
    return AgentView(**agent.model_dump(), crew_id=crew.id, status="busy" if busy else "ready")


def task_view(crew: Crew, task: Task, statuses: dict[str, TaskStatus]) -> TaskView:
    return TaskView(**task.model_dump(), crew_id=crew.id, status=statuses.get(task.id, "created"))


def crew_summary(crew: Crew) -> CrewSummary:
    return CrewSummary(
        id=crew.id,
        name=crew.name,
        description=crew.description,
        process=crew.process,
        status=crew.status,
        version=crew.version,
        published_version=crew.published_version,
        agents_count=len(crew.agents),
        tasks_count=len(crew.tasks),
        created_at=crew.created_at,
        updated_at=crew.updated_at,
    )


def crew_view(crew: Crew, statuses: dict[str, TaskStatus], missing: list[Lack]) -> CrewView:
    return CrewView(
        id=crew.id,
        name=crew.name,
        description=crew.description,
        process=crew.process,
        status=crew.status,
        version=crew.version,
        published_version=crew.published_version,
        agents=[agent_view(crew, agent, statuses) for agent in crew.agents],
        tasks=[task_view(crew, task, statuses) for task in crew.tasks],
        configuration=crew.configuration,
        missing=missing,
        created_at=crew.created_at,
        updated_at=crew.updated_at,
    )
