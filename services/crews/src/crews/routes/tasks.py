"""The routes below /tasks."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from common.contracts.crew_fields import AgentId
from common.idempotency.header import IdempotencyKey, creating
from common.web.access import Editor, Viewer
from common.web.models import CursorPageQuery, failures
from crews.domain.activity import TaskStatus
from crews.domain.crew import Crew, Task
from crews.domain.drafts import CrewId, TaskChanges, TaskRequest
from crews.routes.bodies import Created, TaskList, TaskView, Updated, task_view
from crews.routes.use_cases import (
    LOOKED,
    IfMatch,
    Use,
    condition,
    entry_tag,
    number_of,
    part_of,
    place_in,
)

router = APIRouter(tags=["Tasks"])


class TaskQuery(CursorPageQuery):
    crew_id: Annotated[CrewId | None, Query(description="Only tasks of this crew")] = None
    agent_id: Annotated[AgentId | None, Query(description="Only tasks of this agent")] = None
    status: Annotated[TaskStatus | None, Query(description="Only tasks in this state" + LOOKED)] = (
        None
    )


@router.get("/tasks", summary="List tasks")
async def list_tasks(caller: Viewer, query: Annotated[TaskQuery, Query()], use: Use) -> TaskList:
    scope = ("tasks", caller.workspace_id, query.crew_id, query.agent_id, query.status)
    if query.crew_id is None and query.agent_id is None:
        before = number_of(query, scope)
        found = await use.lists.tasks(
            caller.workspace_id,
            status=query.status,
            skip=query.skip,
            limit=query.page_size,
            before=before,
        )
        part = part_of(found, scope)
    else:
        part = query.part(await _of_crew(caller.workspace_id, query, use), place_in, scope)
    statuses = await use.statuses(*(crew for crew, _ in part.shown))
    return TaskList(
        tasks=[task_view(crew, task, statuses) for crew, task in part.shown],
        total=part.total,
        page=query.page,
        page_size=query.page_size,
        next=part.next,
    )


async def _of_crew(workspace_id: str, query: TaskQuery, use: Use) -> list[tuple[Crew, Task]]:
    """Return the tasks that match a filter which only one crew can match."""
    if query.crew_id is not None:
        crew = await use.crews.find(workspace_id, query.crew_id)
    else:
        crew = await use.crews.with_agent(workspace_id, query.agent_id or "")
    if crew is None:
        return []
    statuses = await use.statuses(crew) if query.status is not None else {}
    return [
        (crew, task)
        for task in crew.tasks
        if query.agent_id in {None, task.agent_id}
        and query.status in {None, statuses.get(task.id, "created")}
    ]


@router.post("/tasks", status_code=201, responses=creating(201), summary="Create task")
async def create_task(body: TaskRequest, caller: Editor, use: Use, key: IdempotencyKey) -> Created:
    once = use.keys.once(key, caller.workspace_id, body, _answer)
    return _answer(await use.task_catalog.add(caller.workspace_id, body, once))


def _answer(task: Task) -> Created:
    return Created(id=task.id)


@router.get("/tasks/{task_id}", summary="Get task details")
async def get_task(task_id: str, caller: Viewer, response: Response, use: Use) -> TaskView:
    crew = await use.task_catalog.crew_of(caller.workspace_id, task_id)
    task = crew.task(task_id)
    response.headers["ETag"] = entry_tag(task)
    return task_view(crew, task, await use.statuses(crew))


@router.put("/tasks/{task_id}", responses=failures(409, 412), summary="Update task")
async def update_task(
    task_id: str, body: TaskChanges, caller: Editor, use: Use, if_match: IfMatch = None
) -> Updated:
    matches = condition(if_match, lambda crew: entry_tag(crew.task(task_id)))
    await use.task_catalog.update(caller.workspace_id, task_id, body, matches)
    return Updated(id=task_id)


@router.delete(
    "/tasks/{task_id}", status_code=204, responses=failures(409, 412), summary="Delete task"
)
async def delete_task(task_id: str, caller: Editor, use: Use, if_match: IfMatch = None) -> None:
    matches = condition(if_match, lambda crew: entry_tag(crew.task(task_id)))
    await use.task_catalog.delete(caller.workspace_id, task_id, matches)
