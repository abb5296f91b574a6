"""Tools: built in, over HTTP, and of MCP servers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kasal_client.addresses import segment
from kasal_client.bodies import body_of
from kasal_client.models import (
    McpServerRegistered,
    McpServerSummary,
    McpServerUpdated,
    McpServerView,
    ServerChanges,
    ServerDraft,
    ToolChanges,
    ToolDraft,
    ToolRegistered,
    ToolSummary,
    ToolUpdated,
    ToolView,
)

from .pages import AsyncPages
from .transport import AsyncTransport


class AsyncMcpServers:
    """The MCP servers whose tools the workspace's agents can use."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    def list(self) -> AsyncPages[McpServerSummary]:
        """Return the servers, newest first."""
        return AsyncPages(self._transport, "/tools/mcp", "servers", McpServerSummary)

    async def register(
        self, server: ServerDraft | Mapping[str, Any] | None = None, **fields: Any
    ) -> McpServerRegistered:
        """Register a server: it is asked for its tools at once. `fields` are those of `ServerDraft`."""
        body = body_of(server, fields)
        return await self._transport.create("/tools/mcp", body, McpServerRegistered)

    async def get(self, server_id: str) -> McpServerView:
        """Return one. Raises `NotFoundError`."""
        return await self._transport.get(f"/tools/mcp/{segment(server_id)}", McpServerView)

    async def update(
        self,
        server_id: str,
        changes: ServerChanges | Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> McpServerUpdated:
        """Change the fields that are given."""
        path = f"/tools/mcp/{segment(server_id)}"
        return McpServerUpdated.model_validate(
            await self._transport.json("PUT", path, json=body_of(changes, fields))
        )

    async def refresh(self, server_id: str) -> McpServerView:
        """Ask the server for its tools again."""
        path = f"/tools/mcp/{segment(server_id)}/refresh"
        return McpServerView.model_validate(await self._transport.json("POST", path, repeat=True))

    async def delete(self, server_id: str) -> None:
        """Remove one; its tools are gone with it."""
        await self._transport.json("DELETE", f"/tools/mcp/{segment(server_id)}")


class AsyncTools:
    """The tools that agents can be given. `mcp` has those of MCP servers."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport
        self.mcp = AsyncMcpServers(transport)

    def list(self) -> AsyncPages[ToolSummary]:
        """Return all tools: the built-in ones, and the workspace's own."""
        return AsyncPages(self._transport, "/tools", "tools", ToolSummary)

    async def register(
        self, tool: ToolDraft | Mapping[str, Any] | None = None, **fields: Any
    ) -> ToolRegistered:
        """Register an HTTP endpoint as a tool. `fields` are those of `ToolDraft`."""
        body = body_of(tool, fields)
        return await self._transport.create("/tools/custom", body, ToolRegistered)

    async def get(self, tool_id: str) -> ToolView:
        """Return a custom tool. Raises `NotFoundError`."""
        return await self._transport.get(f"/tools/custom/{segment(tool_id)}", ToolView)

    async def update(
        self,
        tool_id: str,
        changes: ToolChanges | Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> ToolUpdated:
        """Change the fields of a custom tool that are given."""
        path = f"/tools/custom/{segment(tool_id)}"
        return ToolUpdated.model_validate(
            await self._transport.json("PUT", path, json=body_of(changes, fields))
        )

    async def delete(self, tool_id: str) -> None:
        """Delete a custom tool."""
        await self._transport.json("DELETE", f"/tools/custom/{segment(tool_id)}")
