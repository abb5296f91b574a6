"""The use cases that routes get from `wiring`, and what several routes share."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Request
from pydantic import BaseModel

from common.idempotency.keys import IdempotencyKeys
from common.security.outgoing import OutgoingGuard
from common.storage.cursors import ListPart, Scope, Spot, cursor_at, spot_of
from common.web.models import CursorPageQuery
from crews.domain.activity import TaskStatus
from crews.domain.agent_catalog import AgentCatalog
from crews.domain.crew import Agent, Crew, Task
from crews.domain.crew_catalog import CrewCatalog
from crews.domain.crew_editor import Matches, anything
from crews.domain.importing import Importing
from crews.domain.mcp_catalog import McpCatalog
from crews.domain.offered_tools import OfferedTools
from crews.domain.own_model_catalog import OwnModelCatalog
from crews.domain.ports import Activities, CrewStore, CustomTools, Lists, McpServers, Stretch
from crews.domain.remembering import Remembering
from crews.domain.snapshots import Snapshots
from crews.domain.task_catalog import TaskCatalog
from crews.domain.tool_catalog import ToolCatalog
from crews.domain.version_catalog import VersionCatalog

T = TypeVar("T")


@dataclass(frozen=True)
class CrewsUseCases:
    crew_catalog: CrewCatalog
    agent_catalog: AgentCatalog
    task_catalog: TaskCatalog
    version_catalog: VersionCatalog
    importing: Importing
    snapshots: Snapshots
    crews: CrewStore
    lists: Lists
    activities: Activities
    tools: CustomTools
    tool_catalog: ToolCatalog
    offered_tools: OfferedTools
    own_models: OwnModelCatalog
    mcp_servers: McpServers
    mcp_catalog: McpCatalog
    remembering: Remembering
    keys: IdempotencyKeys
    guard: OutgoingGuard

    async def statuses(self, *crews: Crew) -> dict[str, TaskStatus]:
        """Return the status of each task of `crews` that has run."""
        ids = list({crew.id for crew in crews if crew.tasks})
        by_crew = await self.activities.statuses(ids) if ids else {}
        return {task: status for statuses in by_crew.values() for task, status in statuses.items()}


LOOKED = (
    ". If a workspace has very many, a request searches only the newest few thousand, or those after"
    " `after`, and `total` counts only these; `next` leads on, even if a page is not full"
)
"""What the API documents about filters that no index serves."""


async def _use_cases(request: Request) -> CrewsUseCases:
    # A coroutine, because FastAPI would call a function on another thread.
    held: CrewsUseCases = request.app.state.use_cases
    return held


Use = Annotated[CrewsUseCases, Depends(_use_cases)]
IfMatch = Annotated[
    str | None, Header(alias="If-Match", description="Only if the ETag is still one of these")
]


def place_in(pair: tuple[Crew, Agent | Task]) -> Spot:
    """Return where a crew's agent or task is in a list of them."""
    return pair[1].number, pair[1].id


def number_of(page: CursorPageQuery, scope: Scope) -> int | None:
    """Return the number below which the page starts, None for the first. Raises as `spot_of` does."""
    return None if page.after is None else spot_of(page.after, scope)[0]


def part_of(stretch: Stretch[T], scope: Scope) -> ListPart[T]:
    """Return a stretch of a list with the cursor of its next page."""
    end = None if stretch.end is None else cursor_at((stretch.end, ""), scope)
    return ListPart(stretch.entries, stretch.total, end)


def crew_tag(crew: Crew) -> str:
    """Return a crew's ETag (RFC 9110, section 8.8.3)."""
    return f'"v{crew.version}"'


def entry_tag(entry: BaseModel) -> str:
    """Return an agent's or a task's ETag, which changes of its neighbours leave alone."""
    return (
        f'"{hashlib.sha256(entry.model_dump_json(exclude={"number"}).encode()).hexdigest()[:20]}"'
    )


def condition(if_match: str | None, tag: Callable[[Crew], str]) -> Matches:
    """Return the condition that an `If-Match` header sets."""
    if if_match is None or if_match.strip() == "*":
        return anything
    wanted = {entry.strip() for entry in if_match.split(",")}
    return lambda crew: tag(crew) in wanted
