"""Agents and tasks, one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kasal_client.addresses import segment
from kasal_client.bodies import body_of
from kasal_client.models import (
    AgentChanges,
    AgentRequest,
    AgentView,
    Created,
    TaskChanges,
    TaskRequest,
    TaskView,
)

from .pages import AsyncPages
from .transport import AsyncTransport


class AsyncAgents:
    """The agents of all crews."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    def list(self, *, crew_id: str | None = None, page_size: int = 100) -> AsyncPages[AgentView]:
        """Return the agents, newest first."""
        params = {"crew_id": crew_id}
        return AsyncPages(self._transport, "/agents", "agents", AgentView, params, page_size)

    async def get(self, agent_id: str) -> AgentView:
        """Return one. Raises `NotFoundError`."""
        return await self._transport.get(f"/agents/{segment(agent_id)}", AgentView)

    async def create(
        self, agent: AgentRequest | Mapping[str, Any] | None = None, **fields: Any
    ) -> Created:
        """Add an agent to a crew. `fields` are those of `AgentRequest`."""
        return await self._transport.create("/agents", body_of(agent, fields), Created)

    async def update(
        self,
        agent_id: str,
        changes: AgentChanges | Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> None:
        """Change the fields that are given."""
        path = f"/agents/{segment(agent_id)}"
        await self._transport.json("PUT", path, json=body_of(changes, fields))

    async def delete(self, agent_id: str) -> None:
        """Delete one."""
        await self._transport.json("DELETE", f"/agents/{segment(agent_id)}")


class AsyncTasks:
    """The tasks of all crews."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        crew_id: str | None = None,
        agent_id: str | None = None,
        status: str | None = None,
        page_size: int = 100,
    ) -> AsyncPages[TaskView]:
        """Return the tasks, newest first."""
        params = {"crew_id": crew_id, "agent_id": agent_id, "status": status}
        return AsyncPages(self._transport, "/tasks", "tasks", TaskView, params, page_size)

    async def get(self, task_id: str) -> TaskView:
        """Return one. Raises `NotFoundError`."""
        return await self._transport.get(f"/tasks/{segment(task_id)}", TaskView)

    async def create(
        self, task: TaskRequest | Mapping[str, Any] | None = None, **fields: Any
    ) -> Created:
        """Add a task to a crew. `fields` are those of `TaskRequest`."""
        return await self._transport.create("/tasks", body_of(task, fields), Created)

    async def update(
        self,
        task_id: str,
        changes: TaskChanges | Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> None:
        """Change the fields that are given."""
        path = f"/tasks/{segment(task_id)}"
        await self._transport.json("PUT", path, json=body_of(changes, fields))

    async def delete(self, task_id: str) -> None:
        """Delete one."""
        await self._transport.json("DELETE", f"/tasks/{segment(task_id)}")
