"""The use cases of tasks."""

from common.contracts.crew import choice_of_agents
from common.errors import InvalidRequest
from common.idempotency.once import Once, at_most_once, receipt_of
from common.ids import new_id
from common.times import utc_now
from crews.domain.composition import changed_values, only_agent
from crews.domain.crew import Crew, Task
from crews.domain.crew_changes import drop_task, put_task
from crews.domain.crew_editor import CrewEditor, Matches, anything
from crews.domain.drafts import TaskChanges, TaskRequest
from crews.domain.ports import CrewStore


class TaskCatalog:
    """Adds tasks to crews, changes and removes them."""

    def __init__(self, editor: CrewEditor, crews: CrewStore) -> None:
        self._editor = editor
        self._crews = crews

    async def crew_of(self, workspace_id: str, task_id: str) -> Crew:
        """Return the crew that has the task. Raises `NotFound`."""
        return await self._editor.find_by_task(workspace_id, task_id)

    async def add(
        self, workspace_id: str, request: TaskRequest, once: Once[Task] | None = None
    ) -> Task:
        """Store a new task. Raises `NotFound`, `InvalidRequest`, and as `at_most_once`."""
        task = Task(id=new_id("task"), **request.model_dump(exclude={"crew_id"}))

        async def make() -> Task:
            await self._editor.edit(
                lambda: self._crew_for(workspace_id, request),
                lambda crew: put_task(crew, _with_its_agent(task, crew), utc_now()),
                at=lambda crew: f"tasks.{len(crew.tasks)}.",
                receipt=receipt_of(once, task),
            )
            return task

        return await at_most_once(once, self._crews, make)

    async def _crew_for(self, workspace_id: str, request: TaskRequest) -> Crew:
        if request.crew_id is not None:
            return await self._editor.find(workspace_id, request.crew_id)
        if request.agent_id is not None:
            return await self._editor.find_by_agent(workspace_id, request.agent_id)
        reason = "Name the agent with agent_id, or the crew with crew_id"
        raise InvalidRequest("Invalid task", field="agent_id", reason=reason)

    async def update(
        self, workspace_id: str, task_id: str, changes: TaskChanges, matches: Matches = anything
    ) -> None:
        """Change a task. Raises `NotFound`, `InvalidRequest`, and as `CrewEditor.edit`."""

        def change(crew: Crew) -> Crew:
            held = crew.task(task_id).model_dump()
            task = Task.model_validate({**held, **changed_values(changes, Task)})
            return put_task(crew, task, utc_now())

        await self._editor.edit(
            lambda: self.crew_of(workspace_id, task_id),
            change,
            matches,
            at=lambda crew: f"tasks.{crew.tasks.index(crew.task(task_id))}.",
        )

    async def delete(self, workspace_id: str, task_id: str, matches: Matches = anything) -> None:
        """Remove a task. Raises as `drop_task` and `CrewEditor.edit` do."""
        await self._editor.edit(
            lambda: self.crew_of(workspace_id, task_id),
            lambda crew: drop_task(crew, task_id, utc_now()),
            matches,
        )


def _with_its_agent(task: Task, crew: Crew) -> Task:
    """Return a new `task` with its agent: if it names none, a crew's only one. Raises `InvalidRequest`."""
    if task.agent_id is not None:
        return task
    agent_id = only_agent(crew.agents)
    if agent_id is None and crew.process == "sequential":
        reason = f"This crew has several agents: name one of {choice_of_agents(crew.agents)}"
        raise InvalidRequest("Invalid task", field="agent_id", reason=reason)
    return task.model_copy(update={"agent_id": agent_id})
