"""All tools: the built-in ones, the operator's in Python, and those that a workspace has registered."""

import importlib
from collections.abc import Mapping
from functools import partial
from typing import Any, Protocol

from common.contracts.crew import McpTool, ToolSnapshot
from common.mcp.pool import McpPool
from common.mcp.server import AllowedCommands
from common.python_tools.installed import installed_tools
from common.python_tools.signatures import PythonTool
from common.security.outgoing import OutgoingGuard
from executor.tools.artifacts import Artifacts
from executor.tools.built_in_tool import ToolSettings, built_in_tools
from executor.tools.custom import READING, Credentials, CustomTool
from executor.tools.mcp import McpServerTool, ServerCredentials
from executor.tools.network import GuardedClient
from executor.tools.python import PythonTools
from executor.tools.secrets import Mask
from executor.tools.spec import ToolSpec
from executor.tools.tool import SimpleTool

_ANYTHING: Mapping[str, Any] = {"type": "object"}
_CHECKING = ("jsonschema", "referencing")
"""The libraries that check arguments, but for `jsonschema_rs`: that takes 4 MB, and 5 ms when a schema first needs it."""
_CONNECTING = 25.0
"""Seconds beside a call's own time limit, for a connection that has to be opened."""


class AllCredentials(Credentials, ServerCredentials, Protocol):
    """The source of the credentials of custom tools and of MCP servers."""


class Toolbox:
    """Makes tools. Holds the connections they share; `close` it at the end."""

    def __init__(self, settings: ToolSettings, credentials: AllCredentials) -> None:
        self._credentials = credentials
        own = (settings.tavily_api_key or "", settings.brave_api_key or "")
        self._mask = Mask([*settings.secrets, *own])
        self._timeout = settings.timeout
        self._client = GuardedClient(settings.allowed_hosts, settings.timeout, settings.max_bytes)
        self._artifacts = Artifacts(settings.files)
        self._mcp = McpPool(
            OutgoingGuard(settings.allowed_hosts), AllowedCommands.of(settings.mcp_stdio)
        )
        self._built_in = {
            name: tool
            for name, tool in built_in_tools().items()
            if tool.declaration.setting is None or getattr(settings, tool.declaration.setting)
        }
        self._python = PythonTools()
        self._functions = {
            name: tool.make(settings, self._client) for name, tool in self._built_in.items()
        }

    def tool(self, snapshot: ToolSnapshot) -> SimpleTool | None:
        """Return the tool that `snapshot` describes, or None for one that this worker does not have."""
        if snapshot.left_out is not None:
            return None
        if snapshot.mcp is not None:
            return self._remote_tool(snapshot, snapshot.mcp)
        if snapshot.endpoint is not None:
            return self._custom_tool(snapshot)
        tool = self._built_in.get(snapshot.name)
        if tool is None:
            own = installed_tools().get(snapshot.name)
            return self._python_tool(own) if own is not None else None
        declaration, run = tool.declaration, self._functions[snapshot.name]
        spec = ToolSpec(declaration.name, declaration.description, declaration.parameters)
        safe, reads = declaration.idempotent, declaration.reads
        return SimpleTool(spec, run, safe, reads, tool.timeout, tool.asks, self._mask)

    def _python_tool(self, tool: PythonTool) -> SimpleTool:
        told, options = tool.declaration, tool.options
        spec = ToolSpec(told.name, told.description, told.parameters)
        run = partial(self._python.run, tool)
        return SimpleTool(spec, run, told.idempotent, told.reads, options.timeout, mask=self._mask)

    def _custom_tool(self, snapshot: ToolSnapshot) -> SimpleTool:
        spec = ToolSpec(snapshot.name, snapshot.description, snapshot.parameters or _ANYTHING)
        reads = snapshot.method.upper() in READING
        safe = snapshot.idempotent or reads
        run = CustomTool(snapshot, self._client, self._credentials).run
        return SimpleTool(spec, run, safe, reads, self._timeout + 10, mask=self._mask)

    def _remote_tool(self, snapshot: ToolSnapshot, place: McpTool) -> SimpleTool:
        spec = ToolSpec(snapshot.name, snapshot.description, snapshot.parameters or _ANYTHING)
        run = McpServerTool(snapshot, place, self._mcp, self._credentials, self._artifacts).run
        limit = place.timeout + _CONNECTING
        return SimpleTool(spec, run, snapshot.idempotent, place.reads, limit, mask=self._mask)

    def warm_up(self) -> None:
        """Import what the first call of a tool would otherwise wait for; blocks."""
        libraries = (library for tool in self._built_in.values() for library in tool.libraries)
        for library in (*_CHECKING, *libraries):
            importlib.import_module(library)
        installed_tools()

    async def close(self) -> None:
        """Close the connections, and end the programs behind them."""
        await self._mcp.close()
        self._python.close()
        await self._client.close()
