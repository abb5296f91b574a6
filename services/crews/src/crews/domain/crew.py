"""Crews with their agents and tasks."""

from datetime import datetime
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from common.contracts.crew import (
    AgentSnapshot,
    Configuration,
    Lack,
    Process,
    TaskSnapshot,
    lacks,
)
from common.errors import NotFound

CrewStatus = Literal["configuring", "active"]


class Agent(AgentSnapshot):
    """An agent of a crew. `number` counts the workspace's agents in order; the store assigns it."""

    number: int = 0


class Task(TaskSnapshot):
    """A task of a crew. `number` counts the workspace's tasks in order; the store assigns it."""

    number: int = 0


Entry = TypeVar("Entry", Agent, Task)


class Crew(BaseModel):
    """A crew with its agents and tasks: one document. Every change raises `version`.

    `published_version` is set by publishing alone; changes of the crew leave it as it is stored.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    workspace_id: str
    name: str
    description: str = ""
    process: Process
    agents: tuple[Agent, ...]
    tasks: tuple[Task, ...] = ()
    configuration: Configuration = Configuration()
    created_at: datetime
    updated_at: datetime
    version: int = 1
    published_version: int | None = None
    number: int = 0

    @property
    def status(self) -> CrewStatus:
        """`active` once there is a task, and every task has an agent or a manager who finds one."""
        return "configuring" if self.lacks else "active"

    @property
    def lacks(self) -> list[Lack]:
        """What it still needs to be active."""
        return lacks(self.process, self.agents, self.tasks)

    def agent(self, agent_id: str) -> Agent:
        """Return an agent. Raises `NotFound`."""
        for agent in self.agents:
            if agent.id == agent_id:
                return agent
        raise NotFound(f"There is no agent {agent_id}.")

    def task(self, task_id: str) -> Task:
        """Return a task. Raises `NotFound`."""
        for task in self.tasks:
            if task.id == task_id:
                return task
        raise NotFound(f"There is no task {task_id}.")
