"""A site that tools ask, and the credentials they are given."""

import base64
import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class Site:
    """A site on loopback that records what it is asked."""

    port: int = 0
    asked: list[dict[str, Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(
            {
                "method": request.method,
                "path": request.raw_path,
                "headers": {name.lower(): value for name, value in request.headers.items()},
                "body": (await request.read()).decode(),
            }
        )
        if request.path.startswith("/to/"):
            _, _, status, place = request.path.split("/", 3)
            return web.Response(status=int(status), headers={"Location": place})
        return self.page(request.path, request.headers)

    def page(self, path: str, sent: Mapping[str, str]) -> web.Response:
        if path == "/html":
            html = "<title>T</title><script>evil()</script><h1>Tea</h1><p>Sells <b>well</b>.</p>"
            return web.Response(text=html, content_type="text/html")
        if path == "/bomb":
            return web.Response(
                body=gzip.compress(b"x" * 200_000_000, 9),
                headers={"Content-Encoding": "gzip", "Content-Type": "text/plain"},
            )
        if path.startswith("/packed/"):
            return web.Response(
                body=b"no pack", headers={"Content-Encoding": path.rpartition("/")[2]}
            )
        if path == "/large":
            return web.Response(body=b"y" * 3_000_000, content_type="text/plain")
        if path == "/binary":
            return web.Response(body=b"\0\1\2", content_type="application/octet-stream")
        if path == "/echo":
            told = {
                "headers": dict(sent),
                "again": base64.b64encode(sent.get("Authorization", "").encode()).decode(),
            }
            return web.json_response(told, headers={"X-Echo": "response headers stay here"})
        if path == "/png":
            return web.Response(body=b"\x89PNG\r\n\x1a\n", content_type="image/png")
        if path == "/nothing":
            return web.Response()
        if path == "/broken":
            return web.json_response({"why": "no"}, status=500)
        return web.json_response({"ok": True})


@dataclass
class Vault:
    held: dict[str, Any] = field(default_factory=dict)

    async def tool_credentials(
        self, _workspace_id: str, _tool_id: str, _endpoint: str
    ) -> dict[str, Any]:
        return self.held

    async def server_credentials(
        self, _workspace_id: str, _server_id: str, _target: str
    ) -> dict[str, Any]:
        return self.held
