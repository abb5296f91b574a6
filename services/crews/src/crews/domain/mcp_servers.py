"""MCP servers that a workspace registers: what is sent, and what is kept."""

import re
from collections.abc import Sequence
from datetime import datetime
from fnmatch import translate
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from common.contracts.crew import McpTool, ToolSnapshot
from common.contracts.crew_fields import (
    ANSWERED_BY,
    EXPIRES_IN,
    ON_EXPIRY,
    ExpiresIn,
    OnExpiry,
)
from common.contracts.events import AnsweredBy
from common.contracts.fields import Fields, partial, plain
from common.contracts.texts import WrittenAs
from common.mcp.server import McpAddress, Transport, words
from crews.domain.drafts import CatalogInput
from crews.domain.tools import AuthType, Credentials, Endpoint, Headers, fitting_credentials

SEPARATOR = "__"
"""Stands between the names of a server and its tool."""
ALL = "*"
MORE = "…"
"""Stands in for tools that were not read, among those that cannot be used."""
Approval = Literal["never", "destructive", "always"]
State = Literal["ready", "failing"]


def _server_name(value: str) -> str:
    if SEPARATOR in value or value.endswith("_"):
        raise ValueError("It must neither contain two underscores in a row nor end with one")
    return value


def _command(value: str) -> str:
    if not words(value) or any(ord(char) < 32 for char in value):
        raise ValueError("It must be a command line: a program and its arguments")
    return value


ServerName = Annotated[
    str,
    WrittenAs(
        r"^[A-Za-z][A-Za-z0-9_-]{0,31}$",
        "a name for tools to begin with: a letter, then letters, digits, _ and -, 32 at most",
    ),
    AfterValidator(_server_name),
]
Command = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000),
    AfterValidator(_command),
]
Patterns = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=128)]],
    Field(max_length=200, fail_fast=True),
]
CallSeconds = Annotated[float, Field(ge=1, le=300)]

_OF_SERVERS = frozenset(
    {
        "id", "server_id", "status", "fault", "has_credentials", "tools", "left_out", "protocol", "title",
        "warnings", "created_at", "refreshed_at",
    }
)  # fmt: skip


class ServerFields(Fields):
    """An MCP server. A new field needs a default, or else servers stored before it cannot be read."""

    name: ServerName = Field(
        description="Its tools are called `<name>__<tool>`", examples=["tickets"]
    )
    url: Endpoint | None = Field(
        default=None,
        description="Where it is, for the transports over HTTP",
        examples=["https://tickets.example.com/mcp"],
    )
    command: Command | None = Field(
        default=None,
        description="The program and its arguments, for `stdio`; the operator must allow it by KASAL_MCP_STDIO",
        examples=["mcp-server-time --local-timezone Europe/Berlin"],
    )
    transport: Transport = Field(
        default="streamable_http", description="How it is asked", examples=["streamable_http"]
    )
    auth_type: AuthType = Field(
        default="none", description="The kind of its credentials", examples=["bearer"]
    )
    headers: Headers = Field(
        default_factory=dict,
        description="Headers of every request to it",
        examples=[{"X-Team": "support"}],
    )
    allow: Patterns = Field(
        default=[],
        description="The server's names of the tools to take, with `*` for any text; all if it is empty",
        examples=[["search_*", "get_ticket"]],
    )
    deny: Patterns = Field(
        default=[],
        description="The server's names of tools to leave out, even if `allow` names them",
        examples=[["delete_*"]],
    )
    approval: Approval = Field(
        default="never",
        description="Which calls a person must approve: `destructive` are those of tools that the server does not "
        "call read-only (`readOnlyHint`)",
        examples=["destructive"],
    )
    timeout: CallSeconds = Field(
        default=30, description="Seconds that one call may take", examples=[30]
    )
    expires_in: ExpiresIn | None = Field(default=None, description=EXPIRES_IN, examples=[3_600])
    on_expiry: OnExpiry | None = Field(default=None, description=ON_EXPIRY, examples=["reject"])
    answered_by: AnsweredBy | None = Field(
        default=None, description=ANSWERED_BY, examples=["admin"]
    )


def place_fault(transport: Transport, url: str | None, command: str | None) -> str | None:
    """Return what is wrong with where a server is said to be, or None."""
    if transport == "stdio":
        if url is not None:
            return "A server over stdio has no url: give its command"
        return None if command else "A server over stdio needs its command"
    if command is not None:
        return f"A command is for the transport stdio, not for {transport}"
    return None if url else f"The transport {transport} needs a url"


class ServerDraft(ServerFields, CatalogInput):
    READ_ONLY = _OF_SERVERS

    credentials: Credentials | None = Field(
        default=None,
        description="`{token}`, `{key, header}` or `{username, password}`, as `auth_type` says; never shown",
        examples=[{"token": "…"}],
    )

    @model_validator(mode="after")
    def _complete(self) -> "ServerDraft":
        fault = place_fault(self.transport, self.url, self.command)
        if fault is not None:
            raise ValueError(fault)
        return self

    _credentials = field_validator("credentials")(fitting_credentials)


@partial
class ServerChanges(ServerFields, CatalogInput):
    READ_ONLY = _OF_SERVERS

    credentials: Credentials | None = Field(
        default=None, description="New credentials; null removes them", examples=[{"token": "…"}]
    )


class ServerTool(BaseModel):
    """A tool of a server. `name` is the one that models call it by, `remote` the server's own."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    remote: str
    description: str
    parameters: dict[str, Any]
    reads: bool = False
    idempotent: bool = False


class LeftOut(BaseModel):
    """A tool of a server that models cannot be given. `name` is the server's own."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    reason: str


class Inventory(BaseModel):
    """What a server said about its tools when it was last asked, and until when that holds."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    tools: list[ServerTool] = []
    left_out: list[LeftOut] = []
    protocol: str = ""
    title: str = ""
    asked_at: datetime
    fresh_until: datetime
    fault: str | None = None
    """Why the server could not be asked again; its tools are those of before."""


@plain
class RegisteredServer(ServerFields):
    """A registered server with its tools; its credentials are kept apart from it, sealed."""

    model_config = ConfigDict(frozen=True)

    id: str
    workspace_id: str
    created_at: datetime
    inventory: Inventory
    version: int = 1
    has_credentials: bool = False
    """As the store has it; changes nothing there."""

    @property
    def target(self) -> str:
        return (self.command if self.transport == "stdio" else self.url) or ""

    @property
    def status(self) -> State:
        return "ready" if self.inventory.fault is None else "failing"

    @property
    def wildcard(self) -> str:
        """The name that stands for all of its tools."""
        return f"{self.name}{SEPARATOR}{ALL}"

    def address(self, headers: dict[str, str]) -> McpAddress:
        """Return where it is asked; `headers` hold its credentials."""
        return McpAddress(self.transport, self.target, {**self.headers, **headers})

    def tools(self) -> Sequence[ServerTool]:
        """Return the tools that `allow` and `deny` leave."""
        return [tool for tool in self.inventory.tools if self._takes(tool.remote)]

    def unusable_tools(self) -> Sequence[LeftOut]:
        """Return the tools that cannot be used though `allow` and `deny` leave them."""
        return [
            tool for tool in self.inventory.left_out if tool.name == MORE or self._takes(tool.name)
        ]

    def name_of(self, left: LeftOut) -> str:
        """Return the name by which a run tells of a tool that cannot be used."""
        return f"{self.name}{SEPARATOR}{left.name}"

    def _takes(self, remote: str) -> bool:
        allowed = not self.allow or _any_of(tuple(self.allow)).match(remote)
        return bool(allowed) and not (self.deny and _any_of(tuple(self.deny)).match(remote))

    def requires_approval(self, tool: ServerTool) -> bool:
        """Return whether a person must approve each call of `tool`."""
        return self.approval == "always" or (self.approval == "destructive" and not tool.reads)

    def snapshot(self, tool: ServerTool) -> ToolSnapshot:
        """Return one of its tools as a run sees it."""
        return ToolSnapshot(
            name=tool.name,
            description=tool.description,
            parameters=tool.parameters,
            headers=self.headers,
            auth_type=self.auth_type,
            idempotent=tool.idempotent,
            requires_approval=self.requires_approval(tool),
            expires_in=self.expires_in,
            on_expiry=self.on_expiry,
            answered_by=self.answered_by,
            mcp=McpTool(
                server_id=self.id,
                name=tool.remote,
                transport=self.transport,
                target=self.target,
                timeout=self.timeout,
                reads=tool.reads,
            ),
        )


@lru_cache(maxsize=1_000)
def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """Return one expression for all patterns, since a server may have 200 of them and 500 tools."""
    return re.compile("|".join(map(translate, patterns)))
