"""The routes below /agents."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from common.idempotency.header import IdempotencyKey, creating
from common.web.access import Editor, Viewer
from common.web.models import CursorPageQuery, failures
from crews.domain.crew import Agent
from crews.domain.drafts import AgentChanges, AgentRequest, CrewId
from crews.routes.bodies import AgentList, AgentView, Created, Updated, agent_view
from crews.routes.use_cases import IfMatch, Use, condition, entry_tag, number_of, part_of, place_in

router = APIRouter(tags=["Agents"])


class AgentQuery(CursorPageQuery):
    crew_id: Annotated[CrewId | None, Query(description="Only agents of this crew")] = None


@router.get("/agents", summary="List all agents")
async def list_agents(caller: Viewer, query: Annotated[AgentQuery, Query()], use: Use) -> AgentList:
    scope = ("agents", caller.workspace_id, query.crew_id)
    if query.crew_id is None:
        before = number_of(query, scope)
        found = await use.lists.agents(
            caller.workspace_id, skip=query.skip, limit=query.page_size, before=before
        )
        part = part_of(found, scope)
    else:
        crew = await use.crews.find(caller.workspace_id, query.crew_id)
        entries = [(crew, agent) for agent in crew.agents] if crew is not None else []
        part = query.part(entries, place_in, scope)
    statuses = await use.statuses(*(crew for crew, _ in part.shown))
    return AgentList(
        agents=[agent_view(crew, agent, statuses) for crew, agent in part.shown],
        total=part.total,
        page=query.page,
        page_size=query.page_size,
        next=part.next,
    )


@router.post("/agents", status_code=201, responses=creating(201), summary="Create new agent")
async def create_agent(
    body: AgentRequest, caller: Editor, use: Use, key: IdempotencyKey
) -> Created:
    once = use.keys.once(key, caller.workspace_id, body, _answer)
    return _answer(await use.agent_catalog.add(caller.workspace_id, body, once))


def _answer(agent: Agent) -> Created:
    return Created(id=agent.id)


@router.get("/agents/{agent_id}", summary="Get agent details")
async def get_agent(agent_id: str, caller: Viewer, response: Response, use: Use) -> AgentView:
    crew = await use.agent_catalog.crew_of(caller.workspace_id, agent_id)
    agent = crew.agent(agent_id)
    response.headers["ETag"] = entry_tag(agent)
    return agent_view(crew, agent, await use.statuses(crew))


@router.put("/agents/{agent_id}", responses=failures(409, 412), summary="Update agent")
async def update_agent(
    agent_id: str, body: AgentChanges, caller: Editor, use: Use, if_match: IfMatch = None
) -> Updated:
    matches = condition(if_match, lambda crew: entry_tag(crew.agent(agent_id)))
    await use.agent_catalog.update(caller.workspace_id, agent_id, body, matches)
    return Updated(id=agent_id)


@router.delete(
    "/agents/{agent_id}", status_code=204, responses=failures(409, 412), summary="Delete agent"
)
async def delete_agent(agent_id: str, caller: Editor, use: Use, if_match: IfMatch = None) -> None:
    matches = condition(if_match, lambda crew: entry_tag(crew.agent(agent_id)))
    await use.agent_catalog.delete(caller.workspace_id, agent_id, matches)
