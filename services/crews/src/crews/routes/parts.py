"""What the routes use; `wiring` puts it on the application."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request
from pydantic import BaseModel

from common.idempotency.keys import IdempotencyKeys
from crews.domain.activity import TaskStatus
from crews.domain.catalog import Catalog, Matches, anything
from crews.domain.crew import Crew, Entry
from crews.domain.ports import Activities, Crews, CustomTools, Lists
from crews.domain.remembering import Remembering
from crews.domain.toolbox import Toolbox


@dataclass(frozen=True)
class Parts:
    catalog: Catalog
    crews: Crews
    lists: Lists
    activities: Activities
    tools: CustomTools
    toolbox: Toolbox
    remembering: Remembering
    keys: IdempotencyKeys

    async def statuses(self, *crews: Crew) -> dict[str, TaskStatus]:
        """Return the status of each task of `crews` that has run."""
        ids = list({crew.id for crew in crews if crew.tasks})
        held = await self.activities.of(ids) if ids else {}
        return {
            task_id: status
            for activity in held.values()
            for task_id, status in activity.statuses().items()
        }


def _parts(request: Request) -> Parts:
    held: Parts = request.app.state.parts
    return held


Use = Annotated[Parts, Depends(_parts)]
IfMatch = Annotated[
    str | None, Header(alias="If-Match", description="Only if the ETag still is one of these")
]


def newest(entries: Sequence[Entry]) -> list[Entry]:
    """Return a crew's agents or tasks, newest first."""
    return sorted(entries, key=lambda entry: entry.number, reverse=True)


def crew_tag(crew: Crew) -> str:
    """Return a crew's ETag (RFC 9110, section 8.8.3)."""
    return f'"v{crew.version}"'


def entry_tag(entry: BaseModel) -> str:
    """Return an agent's or a task's ETag; a change of its neighbours does not move it."""
    return (
        f'"{hashlib.sha256(entry.model_dump_json(exclude={"number"}).encode()).hexdigest()[:20]}"'
    )


def condition(if_match: str | None, tag: Callable[[Crew], str]) -> Matches:
    """Return the condition that an `If-Match` header sets."""
    if if_match is None or if_match.strip() == "*":
        return anything
    wanted = {one.strip() for one in if_match.split(",")}
    return lambda crew: tag(crew) in wanted
