"""The routes below /tools/mcp.

Answers are made beside the loop: each tool is compared with all patterns of its server.
"""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query

from common.idempotency.header import IdempotencyKey, creating
from common.web.access import Admin, Viewer
from common.web.models import CursorPageQuery, failures
from crews.domain.mcp_servers import ServerChanges, ServerDraft
from crews.routes.mcp_bodies import (
    McpServerList,
    McpServerRegistered,
    McpServerUpdated,
    McpServerView,
    registered_answer,
    server_summary,
    server_view,
    updated_answer,
)
from crews.routes.use_cases import Use

router = APIRouter(prefix="/tools/mcp", tags=["Tools"])


@router.post("", status_code=201, responses=creating(201), summary="Register MCP server")
async def register_server(
    body: ServerDraft, caller: Admin, use: Use, key: IdempotencyKey
) -> McpServerRegistered:
    once = use.keys.once(key, caller.workspace_id, body, registered_answer)
    server = await use.mcp_catalog.register(caller.workspace_id, body, once)
    return await asyncio.to_thread(registered_answer, server)


@router.get("", summary="List MCP servers")
async def list_servers(
    caller: Viewer, page: Annotated[CursorPageQuery, Query()], use: Use
) -> McpServerList:
    servers = await use.mcp_servers.all(caller.workspace_id)
    part = page.part(
        servers,
        lambda server: (0, server.id),
        ("mcp_servers", caller.workspace_id),
        descending=False,
    )
    shown = await asyncio.to_thread(lambda: [server_summary(server) for server in part.shown])
    return McpServerList(
        servers=shown,
        total=part.total,
        page=page.page,
        page_size=page.page_size,
        next=part.next,
    )


@router.get("/{server_id}", summary="Get MCP server")
async def get_server(server_id: str, caller: Viewer, use: Use) -> McpServerView:
    server = await use.mcp_catalog.find(caller.workspace_id, server_id)
    return await asyncio.to_thread(server_view, server)


@router.put("/{server_id}", responses=failures(409), summary="Update MCP server")
async def update_server(
    server_id: str, body: ServerChanges, caller: Admin, use: Use
) -> McpServerUpdated:
    changed = await use.mcp_catalog.update(caller.workspace_id, server_id, body)
    return await asyncio.to_thread(updated_answer, changed, body)


@router.post("/{server_id}/refresh", summary="Ask MCP server for its tools again")
async def refresh_server(server_id: str, caller: Admin, use: Use) -> McpServerView:
    server = await use.mcp_catalog.refresh(caller.workspace_id, server_id)
    return await asyncio.to_thread(server_view, server)


@router.delete(
    "/{server_id}", status_code=204, responses=failures(409), summary="Delete MCP server"
)
async def delete_server(server_id: str, caller: Admin, use: Use) -> None:
    await use.mcp_catalog.remove(caller.workspace_id, server_id)
