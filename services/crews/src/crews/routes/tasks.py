"""The routes below /tasks."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from common.access import Editor, Viewer
from common.models import Page
from crews.domain.drafts import TaskChanges, TaskRequest
from crews.domain.task_states import TaskStatus
from crews.routes.bodies import Created, TaskList, TaskView, Updated, failures, task_view
from crews.routes.parts import IfMatch, Use, condition, entry_tag

router = APIRouter(tags=["tasks"])


class TaskQuery(Page):
    crew_id: Annotated[str | None, Query(description="Only tasks of this crew")] = None
    agent_id: Annotated[str | None, Query(description="Only tasks of this agent")] = None
    status: Annotated[TaskStatus | None, Query(description="Only tasks in this state")] = None


@router.get("/tasks", summary="List tasks")
async def list_tasks(caller: Viewer, query: Annotated[TaskQuery, Query()], use: Use) -> TaskList:
    crews = await use.of(caller.workspace_id, query.crew_id)
    entries = [
        (crew, task)
        for crew in crews
        for task in reversed(crew.tasks)
        if query.agent_id in {None, task.agent_id}
    ]
    if query.status is not None:
        all_statuses = await use.statuses(*crews)
        entries = [
            entry for entry in entries if all_statuses.get(entry[1].id, "created") == query.status
        ]
    shown = entries[query.skip : query.skip + query.page_size]
    statuses = await use.statuses(*{crew.id: crew for crew, _ in shown}.values())
    return TaskList(
        tasks=[task_view(crew, task, statuses) for crew, task in shown],
        total=len(entries),
        page=query.page,
        page_size=query.page_size,
    )


@router.post("/tasks", status_code=201, responses=failures(409), summary="Create task")
async def create_task(body: TaskRequest, caller: Editor, use: Use) -> Created:
    return Created(id=(await use.catalog.add_task(caller.workspace_id, body)).id)


@router.get("/tasks/{task_id}", summary="Get task details")
async def get_task(task_id: str, caller: Viewer, response: Response, use: Use) -> TaskView:
    crew = await use.catalog.find_by_task(caller.workspace_id, task_id)
    task = crew.task(task_id)
    response.headers["ETag"] = entry_tag(task)
    return task_view(crew, task, await use.statuses(crew))


@router.put("/tasks/{task_id}", responses=failures(409, 412), summary="Update task")
async def update_task(
    task_id: str, body: TaskChanges, caller: Editor, use: Use, if_match: IfMatch = None
) -> Updated:
    matches = condition(if_match, lambda crew: entry_tag(crew.task(task_id)))
    await use.catalog.update_task(caller.workspace_id, task_id, body, matches)
    return Updated(id=task_id)


@router.delete(
    "/tasks/{task_id}", status_code=204, responses=failures(409, 412), summary="Delete task"
)
async def delete_task(task_id: str, caller: Editor, use: Use, if_match: IfMatch = None) -> None:
    matches = condition(if_match, lambda crew: entry_tag(crew.task(task_id)))
    await use.catalog.delete_task(caller.workspace_id, task_id, matches)
