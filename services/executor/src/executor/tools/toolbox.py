"""All the tools: the built-in ones, and those a workspace has registered."""

import importlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.contracts.crew import ToolSnapshot
from common.contracts.tools import BUILT_IN_BY_NAME
from executor.domain.tools import ToolSpec
from executor.tools import search
from executor.tools.calculator import calculator
from executor.tools.call import Call
from executor.tools.custom import READING, Credentials, CustomTool
from executor.tools.files import FileReader
from executor.tools.network import GuardedClient
from executor.tools.pages import WebFetch
from executor.tools.secrets import Mask
from executor.tools.tool import SimpleTool

_ANYTHING: Mapping[str, Any] = {"type": "object"}


@dataclass(frozen=True, slots=True)
class ToolSettings:
    """`files_folder` holds a folder per workspace; `allowed_hosts` are `host` or `host:port`."""

    files_folder: Path
    allowed_hosts: Iterable[str] = ()
    tavily_api_key: str | None = field(default=None, repr=False)
    brave_api_key: str | None = field(default=None, repr=False)
    timeout: float = 20.0
    """Seconds an outgoing request may take, redirects included."""
    max_bytes: int = 1024 * 1024
    secrets: Iterable[str] = field(default=(), repr=False)
    """What no tool's result may hold: keys of providers, the platform's own."""


class Toolbox:
    """Makes tools. Holds the connections they share; `close` it at the end."""

    def __init__(self, settings: ToolSettings, credentials: Credentials) -> None:
        self._credentials = credentials
        own = (settings.tavily_api_key or "", settings.brave_api_key or "")
        self._mask = Mask([*settings.secrets, *own])
        self._timeout = settings.timeout
        self._client = GuardedClient(settings.allowed_hosts, settings.timeout, settings.max_bytes)
        self._built_in: Mapping[str, Callable[[Mapping[str, Any], Call], Awaitable[str]]] = {
            "calculator": calculator,
            "file_reader": FileReader(settings.files_folder).run,
            "web_fetch": WebFetch(self._client).run,
            "web_search": search.WebSearch(_provider(settings, self._client)).run,
        }

    def tool(self, snapshot: ToolSnapshot) -> SimpleTool | None:
        """Return the tool that a snapshot tells of; None for an unknown built-in one."""
        if snapshot.endpoint is not None:
            return self._custom(snapshot)
        told, run = BUILT_IN_BY_NAME.get(snapshot.name), self._built_in.get(snapshot.name)
        if told is None or run is None:
            return None
        spec = ToolSpec(told.name, told.description, told.parameters)
        return SimpleTool(spec, run, told.idempotent, told.reads, mask=self._mask)

    def _custom(self, snapshot: ToolSnapshot) -> SimpleTool:
        spec = ToolSpec(snapshot.name, snapshot.description, snapshot.parameters or _ANYTHING)
        reads = snapshot.method.upper() in READING
        safe = snapshot.idempotent or reads
        run = CustomTool(snapshot, self._client, self._credentials).run
        return SimpleTool(spec, run, safe, reads, self._timeout + 10, self._mask)

    def warm_up(self) -> None:
        """Import what the first call of any tool would wait for; blocks."""
        for module in ("jsonschema", "jsonschema_rs", "referencing", "simpleeval"):
            importlib.import_module(module)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def _provider(settings: ToolSettings, client: GuardedClient) -> search.Search:
    if settings.tavily_api_key:
        return search.tavily(client, settings.tavily_api_key)
    if settings.brave_api_key:
        return search.brave(client, settings.brave_api_key)
    return search.Ddgs().search
