"""What is known of an MCP server before it is asked, and what it answers, without the library behind it."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Transport = Literal["streamable_http", "sse", "stdio"]


class McpFault(Exception):  # noqa: N818 - it becomes an answer or a tool's result
    """A server cannot be asked, or did not answer as it should. The message says why, in a sentence's end.

    `unmade` says that the server has not acted on the request, so that it may be sent again.
    """

    def __init__(self, message: str, *, unmade: bool = False) -> None:
        super().__init__(message)
        self.unmade = unmade


@dataclass(frozen=True, slots=True)
class McpAddress:
    """Where a server is: a URL, or the command line of a program for `stdio`. `headers` may hold keys."""

    transport: Transport
    target: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class RemoteTool:
    """A tool as its server describes it."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    reads: bool = False
    """Whether the server says that the tool changes nothing (`readOnlyHint`)."""
    idempotent: bool = False
    """Whether the server says that a repeated call changes nothing more (`idempotentHint`)."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A server's tools; `fresh_for` is how many seconds the list may be kept, None where it does not say."""

    tools: Sequence[RemoteTool]
    fresh_for: float | None
    protocol: str
    title: str = ""
    cut: bool = False
    """Whether the server has more tools than are read."""


@dataclass(frozen=True, slots=True)
class AllowedCommands:
    """The programs that the operator lets workspaces start as servers (`KASAL_MCP_STDIO`).

    Each entry is a command line; one that ends in ` *` allows any further arguments.
    """

    lines: Sequence[str] = ()

    @classmethod
    def of(cls, setting: str) -> "AllowedCommands":
        """Return the commands in a setting, separated by semicolons or line ends."""
        return cls([line.strip() for line in setting.replace("\n", ";").split(";") if line.strip()])

    def allow(self, command: str) -> bool:
        """Return whether `command` may be started."""
        wanted = words(command)
        return bool(wanted) and any(_covers(words(line), wanted) for line in self.lines)


def words(command: str) -> list[str]:
    """Return the program and arguments of a command line; none for one that cannot be read."""
    try:
        return shlex.split(command)
    except ValueError:
        return []


def _covers(allowed: Sequence[str], wanted: Iterable[str]) -> bool:
    given = list(wanted)
    if allowed and allowed[-1] == "*":
        return given[: len(allowed) - 1] == list(allowed[:-1]) and len(allowed) > 1
    return given == list(allowed)
