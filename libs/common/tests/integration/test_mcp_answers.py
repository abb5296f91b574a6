"""How much a server may say at once: each message is bounded, over whatever it comes.

Covers: common.mcp.bounds, common.mcp.http, common.mcp.stdio, common.mcp.connection
"""

import asyncio
import inspect
import json
import sys
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from mcp_types import HEADER_MISMATCH, CallToolResult, ListToolsResult

from common.mcp.bounds import CALL, Bounds
from common.mcp.connection import Connection
from common.mcp.http import AiohttpTransport, HttpLimits
from common.mcp.server import McpAddress, McpFault
from common.security.outgoing import OutgoingGuard

TOO_MUCH = [
    f"objects {CALL.objects + 1}",
    f"values {CALL.commas + 2}",
    "content 3001",
    f"text {CALL.size}",
]


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    """Return what a server says; a tool's name says how much of what."""
    result: dict[str, Any] = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
    if asked["method"] == "server/discover":
        result |= {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}}
    elif asked["method"] == "tools/list":
        schema = {"type": "object", "properties": {str(n): {} for n in range(10_001)}}
        result |= {"tools": [{"name": "t", "inputSchema": schema}]}
    elif asked["params"]["name"] == "mismatch":
        return {
            "jsonrpc": "2.0",
            "id": asked["id"],
            "error": {"code": HEADER_MISMATCH, "message": "no"},
        }
    else:
        kind, count = asked["params"]["name"].split()
        number = int(count)
        results: dict[str, Any] = {
            "objects": {"content": [], "structuredContent": {"a": [{}] * number}},
            "values": {"content": [], "structuredContent": {"a": [0] * number}},
            "content": {"content": [0] * number},
            "text": {"content": [{"type": "text", "text": "x" * number}]},
        }
        result |= results[kind]
    return {"jsonrpc": "2.0", "id": asked["id"], "result": result}


PROGRAM = f"""
import json, sys
from typing import Any
HEADER_MISMATCH = {HEADER_MISMATCH}
{inspect.getsource(answer)}
for line in sys.stdin:
    asked = json.loads(line)
    if "id" in asked:
        print(json.dumps(answer(asked)), flush=True)
"""


class SseSite:
    """Speaks over `sse`: one answer carries all others."""

    def __init__(self) -> None:
        self.said: asyncio.Queue[bytes] = asyncio.Queue()

    async def listen(self, request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        await stream.write(b"event: endpoint\r\ndata: /said\r\n\r\n")
        while True:
            await stream.write(await self.said.get())

    async def take(self, request: web.Request) -> web.Response:
        asked = await request.json()
        if "id" in asked:
            await self.said.put(
                b"event: message\ndata: %b\n\n" % json.dumps(answer(asked)).encode()
            )
        return web.Response(status=202)


async def sse_connection(stack):
    site, app = SseSite(), web.Application()
    app.router.add_get("/sse", site.listen)
    app.router.add_post("/said", site.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    stack.append(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host = f"127.0.0.1:{runner.addresses[0][1]}"
    return Connection(McpAddress("sse", f"http://{host}/sse"), OutgoingGuard([host]))


async def stdio_connection(folder):
    (folder / "server.py").write_text(PROGRAM)
    command = f"{sys.executable} {folder}/server.py"
    return Connection(McpAddress("stdio", command), OutgoingGuard())


@pytest.fixture(params=["sse", "stdio"])
async def connection(request, tmp_path):
    ends: list[Any] = []
    sse = request.param == "sse"
    made = await (sse_connection(ends) if sse else stdio_connection(tmp_path))
    await made.open()
    yield made
    await made.close()
    for end in ends:
        await end()


@pytest.mark.parametrize("tool", TOO_MUCH)
async def test_a_result_that_takes_long_to_read_is_not_read(connection, tool):
    with pytest.raises(McpFault):
        await connection.call(tool, {}, 20, {})


async def test_each_answer_is_bounded_by_itself(connection):
    for _ in range(5):
        told = await connection.call(f"objects {CALL.objects // 2}", {}, 20, {})
        assert isinstance(told, CallToolResult)


async def test_a_list_that_takes_long_to_read_is_not_read(connection):
    with pytest.raises(McpFault):
        await connection.listing()


async def test_a_call_lets_no_server_list_its_tools_within_the_bounds_of_calls(connection):
    with pytest.raises(McpFault, match="it answered: no"):
        await connection.call("mismatch", {}, 20, {})


@pytest.mark.parametrize(
    ("told", "fresh_for"), [((None, None), None), ((0, 60), 0), ((60, 0), 0), ((60, None), 60)]
)
async def test_a_list_holds_as_long_as_the_page_that_holds_least(told, fresh_for):
    pages = [
        {"tools": [], "nextCursor": cursor} | ({} if seconds is None else {"ttlMs": seconds * 1000})
        for seconds, cursor in zip(told, ("more", None), strict=True)
    ]

    async def list_tools(params: object) -> ListToolsResult:
        return ListToolsResult.model_validate(pages.pop(0), by_name=False)

    session = SimpleNamespace(list_tools=list_tools)
    client = SimpleNamespace(session=session, server_info=None, protocol_version="2026-07-28")
    listed = await Connection(McpAddress("sse", ""), OutgoingGuard())._pages(client)
    assert listed.fresh_for == fresh_for


LIMITS = HttpLimits(stream=10_000, call=Bounds(10_000, 10, 10), other=Bounds(100, 3, 3))
ENDS = st.sampled_from(["\n\n", "\r\r", "\r\n\r\n", "\n\r\n", "\n\n\n\r\n"])


async def streamed(text: str, cuts: list[int]) -> str:
    """Return what is read of the one answer that carries all others, when it comes in pieces."""
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    pieces = [text[a:b].encode() for a, b in pairwise(places)]

    async def iter_any():
        for piece in pieces:
            yield piece

    transport = AiohttpTransport(OutgoingGuard(), LIMITS, listens=True)
    content = SimpleNamespace(iter_any=iter_any)
    body = transport.stream(SimpleNamespace(content=content, close=lambda: None))
    return b"".join([piece async for piece in body]).decode()


@given(st.lists(st.tuples(st.integers(0, 3), ENDS)), st.lists(st.integers(0, 500)))
async def test_events_are_told_apart_wherever_their_pieces_are_cut(events, cuts):
    text = "".join("data: " + "{" * objects + end for objects, end in events)
    assert await streamed(text, cuts) == text
    with pytest.raises(httpx2.StreamError, match="more than 3 objects"):
        await streamed(text + "data: {{{\ndata: {\n\n", cuts)


async def test_a_stream_without_end_ends():
    with pytest.raises(httpx2.StreamError, match="longer than 10000 bytes"):
        await streamed("data: x\n\n" * 2_000, [])
