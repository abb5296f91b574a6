"""What a module in `built_in` declares: how people and models see a tool, and how it is made."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from common.contracts.tools import ToolDeclaration
from common.registry import values_in
from executor.domain.files.files import WorkspaceFiles
from executor.tools import built_in
from executor.tools.call import Call
from executor.tools.network import GuardedClient

ToolFunction = Callable[[Mapping[str, Any], Call], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class ToolSettings:
    """What tools need. A host is `host` or `host:port`."""

    files: WorkspaceFiles
    allowed_hosts: Iterable[str] = ()
    mcp_stdio: str = ""
    """The commands that may be started as MCP servers, as the setting has them."""
    tavily_api_key: str | None = field(default=None, repr=False)
    brave_api_key: str | None = field(default=None, repr=False)
    code_runner: Sequence[str] = ()
    """The command that runs code in the operator's sandbox, if there is one."""
    timeout: float = 20.0
    """Seconds an outgoing request may take, redirects included."""
    max_bytes: int = 1024 * 1024
    secrets: Iterable[str] = field(default=(), repr=False)
    """What no tool's result may contain: the providers' keys and the platform's own."""


@dataclass(frozen=True, slots=True)
class BuiltInTool:
    """A tool that any agent may be given.

    `make` returns the function behind it, from the settings and the client that tools share.
    `libraries` are imported while the worker warms up instead of in the first call.
    """

    declaration: ToolDeclaration
    make: Callable[[ToolSettings, GuardedClient], ToolFunction]
    libraries: tuple[str, ...] = ()
    timeout: float = 30.0
    """Seconds that a call may take."""
    asks: bool = False
    """Whether a person answers it; the engine asks, and the function is never called."""


def built_in_tools(package: ModuleType = built_in) -> Mapping[str, BuiltInTool]:
    """Return the tools that the modules of `package` declare, by name."""
    return {tool.declaration.name: tool for tool in values_in(package, "TOOL", BuiltInTool)}


def parameters(required: str, **properties: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an object with these properties, one of them required."""
    return {
        "type": "object",
        "properties": properties,
        "required": [required],
        "additionalProperties": False,
    }


OFFSET = {
    "type": "integer",
    "minimum": 0,
    "maximum": 20_000_000,
    "description": "Character to read from; a long text's answer says where to read on",
}
"""The parameter of tools that read long texts in parts."""
