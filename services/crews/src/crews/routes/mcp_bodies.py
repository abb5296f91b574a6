"""Answer bodies of the routes below /tools/mcp (what callers send is in `domain.mcp_servers`)."""

from pydantic import Field

from common.contracts import query_keys
from common.contracts.fields import complete
from common.web.models import AnswerModel, NextPage, Timestamp
from crews.domain.mcp_catalog import ServerChanged
from crews.domain.mcp_servers import (
    RegisteredServer,
    ServerChanges,
    ServerFields,
    ServerTool,
)
from crews.domain.origins import Fate, mask_headers


class McpToolView(AnswerModel):
    name: str = Field(
        description="The name by which agents get it and models call it",
        examples=["tickets__search_open"],
    )
    remote_name: str = Field(description="The server's own name for it", examples=["search_open"])
    description: str = Field(
        description="What the server says it does", examples=["Finds open tickets by words."]
    )
    read_only: bool = Field(description="The server says that it changes nothing", examples=[True])
    idempotent: bool = Field(
        description="The server says that a repeated call changes nothing more, so that a call of unknown outcome "
        "may be made again",
        examples=[True],
    )
    requires_approval: bool = Field(
        description="A person must approve each call before it is made", examples=[False]
    )


class McpToolLeftOut(AnswerModel):
    name: str = Field(description="The server's own name for it", examples=["import"])
    reason: str = Field(
        description="Why agents cannot be given it", examples=["its arguments are not an object"]
    )


class _Asked(AnswerModel):
    status: str = Field(
        description="`ready`, or `failing` if it could not be asked again: its tools are those of before",
        examples=["ready"],
    )
    tools: list[McpToolView] = Field(description="The tools that `allow` and `deny` leave")
    left_out: list[McpToolLeftOut] = Field(description="Tools that agents cannot be given, and why")


class McpServerRegistered(_Asked):
    server_id: str = Field(description="Its id", examples=["mcp_01jd3a"])


class McpServerUpdated(_Asked):
    server_id: str = Field(description="Its id", examples=["mcp_01jd3a"])
    credentials: Fate = Field(
        description="What became of its credentials: they do not follow it to another host or kind",
        examples=["kept"],
    )
    warnings: list[str] = Field(description="What has to be given anew", examples=[[]])


@complete
class McpServerView(ServerFields, _Asked):
    server_id: str = Field(description="Its id", examples=["mcp_01jd3a"])
    transport: str = Field(description="How it is asked", examples=["streamable_http"])  # type: ignore[assignment]
    auth_type: str = Field(description="The kind of its credentials", examples=["bearer"])  # type: ignore[assignment]
    approval: str = Field(  # type: ignore[assignment]  # clients accept kinds of newer versions
        description="Which calls a person must approve", examples=["destructive"]
    )
    has_credentials: bool = Field(description="Whether it has credentials", examples=[True])
    protocol: str = Field(
        description="The version of the protocol that it speaks", examples=["2026-07-28"]
    )
    title: str = Field(description="What it calls itself", examples=["Ticket desk"])
    fault: str | None = Field(
        description="Why it could not be asked when its list was to be renewed",
        examples=["its host cannot be reached"],
    )
    created_at: Timestamp
    refreshed_at: Timestamp = Field(description="When it was last asked for its tools")


class McpServerSummary(AnswerModel):
    server_id: str = Field(description="Its id", examples=["mcp_01jd3a"])
    name: str = Field(description="Its name", examples=["tickets"])
    transport: str = Field(description="How it is asked", examples=["streamable_http"])
    status: str = Field(description="`ready` or `failing`", examples=["ready"])
    tools_count: int = Field(description="How many tools agents can be given", examples=[12])
    approval: str = Field(description="Which calls a person must approve", examples=["never"])
    created_at: Timestamp


class McpServerList(AnswerModel):
    servers: list[McpServerSummary]
    total: int
    page: int
    page_size: int
    next: NextPage


def _tool_view(server: RegisteredServer, tool: ServerTool) -> McpToolView:
    return McpToolView(
        name=tool.name,
        remote_name=tool.remote,
        description=tool.description,
        read_only=tool.reads,
        idempotent=tool.idempotent,
        requires_approval=server.requires_approval(tool),
    )


def _tools(server: RegisteredServer) -> list[McpToolView]:
    return [_tool_view(server, tool) for tool in server.tools()]


def _unusable_tools(server: RegisteredServer) -> list[McpToolLeftOut]:
    return [McpToolLeftOut(name=one.name, reason=one.reason) for one in server.unusable_tools()]


def registered_answer(server: RegisteredServer) -> McpServerRegistered:
    return McpServerRegistered(
        server_id=server.id,
        status=server.status,
        tools=_tools(server),
        left_out=_unusable_tools(server),
    )


def updated_answer(changed: ServerChanged, sent: ServerChanges) -> McpServerUpdated:
    """Return what a change has done, with what has to be given anew."""
    server, warnings = changed.server, []
    if changed.credentials == "dropped" and "credentials" not in sent.model_fields_set:
        warnings.append("The stored credentials were dropped: they were for another host or kind.")
    if changed.dropped_headers:
        named = ", ".join(changed.dropped_headers)
        warnings.append(f"Headers that may be keys were dropped with the old address: {named}.")
    return McpServerUpdated(
        server_id=server.id,
        status=server.status,
        tools=_tools(server),
        left_out=_unusable_tools(server),
        credentials=changed.credentials,
        warnings=warnings,
    )


def server_view(server: RegisteredServer) -> McpServerView:
    """Return the server as it is served, without any of its keys."""
    shown = server.model_dump(
        exclude={"id", "workspace_id", "headers", "url", "inventory", "version"}
    )
    return McpServerView(
        **shown,
        server_id=server.id,
        url=None if server.url is None else query_keys.mask(server.url),
        headers=mask_headers(server.headers),
        status=server.status,
        tools=_tools(server),
        left_out=_unusable_tools(server),
        protocol=server.inventory.protocol,
        title=server.inventory.title,
        fault=server.inventory.fault,
        refreshed_at=server.inventory.asked_at,
    )


def server_summary(server: RegisteredServer) -> McpServerSummary:
    return McpServerSummary(
        server_id=server.id,
        name=server.name,
        transport=server.transport,
        status=server.status,
        tools_count=len(server.tools()),
        approval=server.approval,
        created_at=server.created_at,
    )
