"""What the routes use; `wiring` puts it on the application."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request
from pydantic import BaseModel

from crews.domain.catalog import Catalog, Matches, anything
from crews.domain.crew import Crew
from crews.domain.ports import Crews, CustomTools, TaskStates
from crews.domain.remembering import Remembering
from crews.domain.task_states import TaskStatus
from crews.domain.toolbox import Toolbox


@dataclass(frozen=True)
class Parts:
    catalog: Catalog
    crews: Crews
    states: TaskStates
    tools: CustomTools
    toolbox: Toolbox
    remembering: Remembering

    async def of(self, workspace_id: str, crew_id: str | None) -> Sequence[Crew]:
        """Return the workspace's crews, newest first, or only the one that is named."""
        if crew_id is None:
            return await self.crews.all(workspace_id)
        crew = await self.crews.find(workspace_id, crew_id)
        return [] if crew is None else [crew]

    async def statuses(self, *crews: Crew) -> dict[str, TaskStatus]:
        """Return the status of each task of `crews` that has run."""
        task_ids = [task.id for crew in crews for task in crew.tasks]
        return dict(await self.states.of_tasks(task_ids)) if task_ids else {}


def _parts(request: Request) -> Parts:
    held: Parts = request.app.state.parts
    return held


Use = Annotated[Parts, Depends(_parts)]
IfMatch = Annotated[
    str | None, Header(alias="If-Match", description="Only if the ETag still is one of these")
]


def crew_tag(crew: Crew) -> str:
    """Return a crew's ETag (RFC 9110, section 8.8.3)."""
    return f'"v{crew.version}"'


def entry_tag(entry: BaseModel) -> str:
    """Return an agent's or a task's ETag; a change of its neighbours does not move it."""
    return f'"{hashlib.sha256(entry.model_dump_json().encode()).hexdigest()[:20]}"'


def condition(if_match: str | None, tag: Callable[[Crew], str]) -> Matches:
    """Return the condition that an `If-Match` header sets."""
    if if_match is None or if_match.strip() == "*":
        return anything
    wanted = {one.strip() for one in if_match.split(",")}
    return lambda crew: tag(crew) in wanted
