"""An MCP server on loopback that misbehaves as a test wants."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from common.contracts.crew import McpTool, ToolSnapshot

STATELESS = "2026-07-28"
_PLAIN = {"type": "object"}


@dataclass
class McpSite:
    """Speaks the stateless version of the protocol; `tools/call` behaves as the called tool's name says."""

    port: int = 0
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    results: dict[str, Any] = field(default_factory=dict)
    """What a tool returns, by its name."""
    refusals: int = 0
    """So many connections are still cut off in the middle of a call."""
    came: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    @property
    def calls(self) -> list[dict[str, Any]]:
        return [params for method, params in self.asked if method == "tools/call"]

    def snapshot(self, tool: str, **given: Any) -> ToolSnapshot:
        """Return one of its tools as a run sees it."""
        place = {"timeout": 20.0, "reads": False} | {
            name: given.pop(name) for name in ("timeout", "reads") if name in given
        }
        mcp = McpTool(
            server_id="mcp_1", name=tool, transport="streamable_http", target=self.url, **place
        )
        return ToolSnapshot(name=f"desk__{tool}", description="d", mcp=mcp, **given)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        sent = json.loads(await request.read())
        method, params = sent["method"], sent.get("params", {})
        self.asked.append((method, params))
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        if method == "tools/call":
            return await self._called(request, sent["id"], params)
        result: dict[str, Any] = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
        if method == "server/discover":
            result |= {"supportedVersions": [STATELESS], "capabilities": {"tools": {}}}
        else:
            result |= {"tools": [{"name": name, "inputSchema": _PLAIN} for name in self.results]}
        return _answer(sent["id"], result)

    async def _called(
        self, request: web.Request, call_id: Any, params: dict[str, Any]
    ) -> web.StreamResponse:
        name = params["name"]
        self.came.set()
        if self.refusals:
            self.refusals -= 1
            _cut_off(request)
        if name == "late":
            await self.go_on.wait()
        if name == "nonsense":
            return web.Response(text="<html>no</html>", content_type="text/html")
        if name == "half":
            return web.Response(text='{"jsonrpc": "2.0", "id"', content_type="application/json")
        if name == "other":
            return _answer("another", {"content": []})
        if name == "huge":
            return _answer(call_id, _text("x" * 5_000_000))
        if name == "many":
            return _answer(call_id, {"content": [{"type": "text", "text": ""}] * 60_000})
        if name == "elsewhere":
            return web.Response(status=307, headers={"Location": "http://169.254.169.254/"})
        if name == "refused":
            error = {"code": -32602, "message": "no such ticket"}
            return web.json_response({"jsonrpc": "2.0", "id": call_id, "error": error})
        return _answer(call_id, self.results.get(name, _text(f"{name} is done")))


def _cut_off(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _text(text: str) -> dict[str, Any]:
    return {"resultType": "complete", "content": [{"type": "text", "text": text}]}


def _answer(call_id: Any, result: dict[str, Any]) -> web.Response:
    return web.json_response({"jsonrpc": "2.0", "id": call_id, "result": result})
