"""What the rules of crews need from outside."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from crews.domain.crew import Crew, CrewStatus
from crews.domain.memory import Memory
from crews.domain.task_states import Run, TaskState, TaskStatus
from crews.domain.tools import CustomTool


class Crews(Protocol):
    """The crew documents."""

    async def add(self, crew: Crew) -> None:
        """Store a new crew. Raises `Conflict` when its id is taken."""

    async def find(self, workspace_id: str, crew_id: str) -> Crew | None: ...

    async def with_agent(self, workspace_id: str, agent_id: str) -> Crew | None: ...

    async def with_task(self, workspace_id: str, task_id: str) -> Crew | None: ...

    async def replace(self, crew: Crew) -> bool:
        """Store a changed crew if its stored version is the one it was read with."""

    async def remove(self, crew: Crew) -> bool:
        """Remove the crew if its stored version is still this one."""

    async def page(
        self,
        workspace_id: str,
        *,
        name: str | None = None,
        status: CrewStatus | None = None,
        skip: int,
        limit: int,
    ) -> tuple[Sequence[Crew], int]:
        """Return a page of the workspace's crews, newest first, and how many there are."""

    async def all(self, workspace_id: str) -> Sequence[Crew]:
        """Return all crews of the workspace, newest first."""


class TaskStates(Protocol):
    async def of_tasks(self, task_ids: Sequence[str]) -> Mapping[str, TaskStatus]: ...

    async def started(self, job_id: str, at: datetime) -> Run:
        """Return the run, noting it when it is new."""

    async def ended(self, job_id: str, at: datetime, seq: int, status: TaskStatus) -> None:
        """Note the run's end and close what it left running."""

    async def put(self, state: TaskState) -> None:
        """Store the state if it supersedes the one that is held."""

    async def forget(self, task_ids: Sequence[str]) -> None: ...


class Memories(Protocol):
    async def find(self, crew_id: str) -> Memory | None: ...

    async def replace(self, memory: Memory) -> bool:
        """Store a changed memory if its stored version is the one it was read with."""

    async def remove(self, crew_id: str) -> None: ...


class CustomTools(Protocol):
    async def add(self, tool: CustomTool, credentials: Mapping[str, str] | None) -> None:
        """Store a tool and its credentials, sealed. Raises `Conflict` for a taken name."""

    async def find(self, workspace_id: str, tool_id: str) -> CustomTool | None: ...

    async def all(self, workspace_id: str) -> Sequence[CustomTool]:
        """Return the workspace's tools, oldest first."""

    async def replace(
        self, tool: CustomTool, credentials: Mapping[str, str] | None, *, keep: bool
    ) -> None:
        """Store a changed tool; `keep` leaves its credentials. Raises `Conflict`, `NotFound`."""

    async def remove(self, workspace_id: str, tool_id: str) -> bool: ...

    async def credentials(self, workspace_id: str, tool_id: str) -> Mapping[str, str]:
        """Return the opened credentials, empty when there are none."""
