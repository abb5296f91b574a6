"""The routes below /tools."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query

from common.idempotency.header import IdempotencyKey, creating
from common.web.access import Admin, Viewer
from common.web.models import CursorPageQuery, failures
from crews.domain.mcp_servers import RegisteredServer
from crews.domain.tools import ToolChanges, ToolDraft
from crews.routes.bodies import (
    ToolList,
    ToolRegistered,
    ToolSummary,
    ToolUpdated,
    ToolView,
    registration_answer,
    tool_view,
    update_answer,
)
from crews.routes.use_cases import Use

router = APIRouter(tags=["Tools"])
_OWN = 1_000
"""Where custom tools begin in a list, however many built-in ones a later release has."""

_REMOTE = 2_000


def _spot(tool: ToolSummary) -> tuple[int, str]:
    return (_OWN, tool.tool_id) if tool.tool_id else _remote_spot(tool)


def _remote_spot(tool: ToolSummary) -> tuple[int, str]:
    return _REMOTE, f"{tool.server_id} {tool.name}"


def _offered_tools(use: Use, own: Sequence[ToolSummary]) -> list[ToolSummary]:
    kept = {tool.name for tool in own}
    return [
        ToolSummary(
            name=tool.name,
            description=tool.description,
            category=tool.category,
            source=use.offered_tools.source(tool.name),
        )
        for tool in use.offered_tools.values()
        if tool.name not in kept
    ]


async def _own_tools(caller: Viewer, use: Use) -> list[ToolSummary]:
    return [
        ToolSummary(
            name=tool.name,
            description=tool.description,
            category="custom",
            source="custom",
            tool_id=tool.id,
        )
        for tool in await use.tools.all(caller.workspace_id)
    ]


def _remote_tools(servers: Sequence[RegisteredServer]) -> list[ToolSummary]:
    return [
        ToolSummary(
            name=tool.name,
            description=tool.description,
            category="mcp",
            source="mcp",
            server_id=server.id,
        )
        for server in servers
        for tool in server.tools()
    ]


@router.get("/tools", summary="List available tools")
async def list_tools(
    caller: Viewer, page: Annotated[CursorPageQuery, Query()], use: Use
) -> ToolList:
    own = await _own_tools(caller, use)
    offered = _offered_tools(use, own)
    # Beside the loop: each tool is compared with all patterns of its server.
    servers = await use.mcp_servers.all(caller.workspace_id)
    remote = await asyncio.to_thread(_remote_tools, servers)
    spots = {tool.name: (place, "") for place, tool in enumerate(offered)}
    part = page.part(
        offered + own + sorted(remote, key=_remote_spot),
        lambda tool: spots.get(tool.name) or _spot(tool),
        ("tools", caller.workspace_id),
        descending=False,
    )
    return ToolList(
        tools=list(part.shown),
        total=part.total,
        page=page.page,
        page_size=page.page_size,
        next=part.next,
    )


@router.post(
    "/tools/custom",
    status_code=201,
    responses=creating(201),
    summary="Register custom tool",
)
async def register_tool(
    body: ToolDraft, caller: Admin, use: Use, key: IdempotencyKey
) -> ToolRegistered:
    answer = partial(registration_answer, body, use.guard.surely_refuses(body.endpoint))
    once = use.keys.once(key, caller.workspace_id, body, answer)
    return answer(await use.tool_catalog.register(caller.workspace_id, body, once))


@router.get("/tools/custom/{tool_id}", summary="Get custom tool")
async def get_tool(tool_id: str, caller: Viewer, use: Use) -> ToolView:
    tool = await use.tool_catalog.find(caller.workspace_id, tool_id)
    return tool_view(tool, use.guard.surely_refuses(tool.endpoint))


@router.put("/tools/custom/{tool_id}", responses=failures(409), summary="Update custom tool")
async def update_tool(tool_id: str, body: ToolChanges, caller: Admin, use: Use) -> ToolUpdated:
    changed = await use.tool_catalog.update(caller.workspace_id, tool_id, body)
    return update_answer(changed, body, use.guard.surely_refuses(changed.tool.endpoint))


@router.delete(
    "/tools/custom/{tool_id}",
    status_code=204,
    responses=failures(409),
    summary="Delete custom tool",
)
async def delete_tool(tool_id: str, caller: Admin, use: Use) -> None:
    await use.tool_catalog.remove(caller.workspace_id, tool_id)
