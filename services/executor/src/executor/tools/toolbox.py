"""All tools: the built-in ones, and those that a workspace has registered."""

import importlib
from collections.abc import Mapping
from typing import Any

from common.contracts.crew import ToolSnapshot
from executor.tools.built_in_tool import ToolSettings, built_in_tools
from executor.tools.custom import READING, Credentials, CustomTool
from executor.tools.network import GuardedClient
from executor.tools.secrets import Mask
from executor.tools.spec import ToolSpec
from executor.tools.tool import SimpleTool

_ANYTHING: Mapping[str, Any] = {"type": "object"}
_CHECKING = ("jsonschema", "jsonschema_rs", "referencing")
"""The libraries that check arguments."""


class Toolbox:
    """Makes tools. Holds the connections they share; `close` it at the end."""

    def __init__(self, settings: ToolSettings, credentials: Credentials) -> None:
        self._credentials = credentials
        own = (settings.tavily_api_key or "", settings.brave_api_key or "")
        self._mask = Mask([*settings.secrets, *own])
        self._timeout = settings.timeout
        self._client = GuardedClient(settings.allowed_hosts, settings.timeout, settings.max_bytes)
        self._built_in = built_in_tools()
        self._functions = {
            name: tool.make(settings, self._client) for name, tool in self._built_in.items()
        }

    def tool(self, snapshot: ToolSnapshot) -> SimpleTool | None:
        """Return the tool that `snapshot` describes, or None for an unknown built-in one."""
        if snapshot.endpoint is not None:
            return self._custom_tool(snapshot)
        tool = self._built_in.get(snapshot.name)
        if tool is None:
            return None
        declaration, run = tool.declaration, self._functions[snapshot.name]
        spec = ToolSpec(declaration.name, declaration.description, declaration.parameters)
        safe, reads = declaration.idempotent, declaration.reads
        return SimpleTool(spec, run, safe, reads, asks=tool.asks, mask=self._mask)

    def _custom_tool(self, snapshot: ToolSnapshot) -> SimpleTool:
        spec = ToolSpec(snapshot.name, snapshot.description, snapshot.parameters or _ANYTHING)
        reads = snapshot.method.upper() in READING
        safe = snapshot.idempotent or reads
        run = CustomTool(snapshot, self._client, self._credentials).run
        return SimpleTool(spec, run, safe, reads, self._timeout + 10, mask=self._mask)

    def warm_up(self) -> None:
        """Import what the first call of a tool would otherwise wait for; blocks."""
        libraries = (library for tool in self._built_in.values() for library in tool.libraries)
        for library in (*_CHECKING, *libraries):
            importlib.import_module(library)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
