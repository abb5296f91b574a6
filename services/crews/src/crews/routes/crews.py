"""The routes below /crews."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from common.idempotency.header import IdempotencyKey, creating
from common.web.access import Editor, Viewer
from common.web.models import CursorPageQuery, failures
from crews.domain.crew import Crew
from crews.domain.drafts import CrewChanges, CrewDraft
from crews.domain.graph_rules import graph_of
from crews.routes.bodies import (
    CrewCreated,
    CrewList,
    CrewState,
    CrewView,
    GraphView,
    Updated,
    crew_summary,
    crew_view,
    graph_view,
)
from crews.routes.use_cases import LOOKED, IfMatch, Use, condition, crew_tag, number_of, part_of

router = APIRouter(tags=["Crews"])


class CrewQuery(CursorPageQuery):
    status: Annotated[CrewState | None, Query(description="Only crews in this state")] = None
    name: Annotated[
        str | None,
        Query(max_length=200, description="Only crews whose name contains this" + LOOKED),
    ] = None


@router.get("/crews", summary="List all crews")
async def list_crews(caller: Viewer, query: Annotated[CrewQuery, Query()], use: Use) -> CrewList:
    scope = ("crews", caller.workspace_id, query.name, query.status)
    found = await use.lists.crews(
        caller.workspace_id,
        name=query.name,
        status=query.status,
        skip=query.skip,
        limit=query.page_size,
        before=number_of(query, scope),
    )
    part = part_of(found, scope)
    return CrewList(
        crews=[crew_summary(crew) for crew in part.shown],
        total=part.total,
        page=query.page,
        page_size=query.page_size,
        next=part.next,
    )


@router.post("/crews", status_code=201, responses=creating(201), summary="Create new crew")
async def create_crew(
    body: CrewDraft, caller: Editor, use: Use, key: IdempotencyKey
) -> CrewCreated:
    once = use.keys.once(key, caller.workspace_id, body, _answer)
    return _answer(await use.crew_catalog.create(caller.workspace_id, body, once))


def _answer(crew: Crew) -> CrewCreated:
    missing = crew.lacks if crew.tasks else []  # one without tasks is being made step by step
    return CrewCreated(id=crew.id, name=crew.name, status=crew.status, missing=missing)


@router.get("/crews/{crew_id}", summary="Get crew details")
async def get_crew(crew_id: str, caller: Viewer, response: Response, use: Use) -> CrewView:
    crew = await use.crew_catalog.find(caller.workspace_id, crew_id)
    response.headers["ETag"] = crew_tag(crew)
    return crew_view(crew, await use.statuses(crew), await use.snapshots.missing(crew))


@router.get("/crews/{crew_id}/graph", summary="Get the graph of a crew's tasks")
async def get_graph(crew_id: str, caller: Viewer, use: Use) -> GraphView:
    """Return the tasks in the order in which they begin, and which waits for which."""
    crew = await use.crew_catalog.find(caller.workspace_id, crew_id)
    return graph_view(graph_of(crew.tasks))


@router.put("/crews/{crew_id}", responses=failures(409, 412), summary="Update crew configuration")
async def update_crew(
    crew_id: str, body: CrewChanges, caller: Editor, use: Use, if_match: IfMatch = None
) -> Updated:
    await use.crew_catalog.update(caller.workspace_id, crew_id, body, condition(if_match, crew_tag))
    return Updated(id=crew_id)


@router.delete(
    "/crews/{crew_id}", status_code=204, responses=failures(409, 412), summary="Delete crew"
)
async def delete_crew(crew_id: str, caller: Editor, use: Use, if_match: IfMatch = None) -> None:
    await use.crew_catalog.delete(caller.workspace_id, crew_id, condition(if_match, crew_tag))
