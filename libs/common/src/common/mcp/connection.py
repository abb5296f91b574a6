"""One connection to a server, owned by one task: the library's sessions must be left where they were entered.

Importing this takes over a second, so `common.mcp.pool` does it on a thread when the first server is asked.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from typing import Annotated, Any

import httpx2
from mcp.client.client import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import (
    CONNECTION_CLOSED,
    HEADER_MISMATCH,
    INVALID_REQUEST,
    REQUEST_TIMEOUT,
    CallToolRequest,
    CallToolRequestParams,
    CallToolResult,
    Implementation,
    InputRequiredResult,
    ListToolsResult,
    PaginatedRequestParams,
    Tool,
)
from pydantic import BeforeValidator, TypeAdapter, ValidationError

from common.mcp.client import FormClient
from common.mcp.http import LOST, UNSENT, AiohttpTransport, HttpLimits
from common.mcp.server import Listing, McpAddress, McpFault, RemoteTool, words
from common.mcp.stdio import program
from common.security.outgoing import OutgoingGuard

MOST_TOOLS = 500
"""How many tools of a server are read."""
_PAGES = 50
_MOST_BYTES = 4 * 1024 * 1024
_OPENING = 20.0
"""Seconds in which a connection must be made and the protocol's version agreed."""
_ANSWER = 15.0
_CLOSING = 8.0
_ENDED = "Session terminated"
_US = Implementation(name="kasal", version="1")
_MOST_VALUES = 3_000
"""Values of a result that become parts of models: each that is not what it should be takes 10 µs."""
_AS_THEY_ARE = frozenset({"structuredContent", "_meta"})


def _few(result: Any) -> Any:
    """Return a result that is soon read. Raises `ValueError`."""
    given = result if isinstance(result, dict) else {}
    waiting = [value for name, value in given.items() if name not in _AS_THEY_ARE]
    seen = len(waiting)
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict | list):
            seen += len(one)
            if seen > _MOST_VALUES:
                raise ValueError(f"it has more than {_MOST_VALUES} values")
            waiting += one.values() if isinstance(one, dict) else one
    return result


_RESULT: TypeAdapter[CallToolResult | InputRequiredResult] = TypeAdapter(
    Annotated[CallToolResult | InputRequiredResult, BeforeValidator(_few)]
)

_TOLD: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((FileNotFoundError, PermissionError), "its program cannot be started on this machine"),
    ((ValidationError, ValueError), "its answer is not what the protocol says"),
)


class Connection:
    """A connection to `address`. Use it between `open` and `close`, from any task of one event loop."""

    def __init__(self, address: McpAddress, guard: OutgoingGuard) -> None:
        self._address = address
        self._guard = guard
        self._leave = asyncio.Event()
        self._opened: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._owner: asyncio.Task[None] | None = None
        self.broken = False
        """Whether it can carry no further call."""

    async def open(self) -> None:
        """Connect, and agree on a version of the protocol. Raises `McpFault`."""
        logging.getLogger("mcp").setLevel(logging.CRITICAL)  # a server must not write our log
        self._owner = asyncio.create_task(self._own(), name="mcp connection")
        try:
            async with asyncio.timeout(_OPENING):
                await asyncio.shield(self._opened)
        except TimeoutError:
            await self.close()
            raise McpFault(f"it did not answer within {_OPENING:g} s", unmade=True) from None
        except BaseException:
            await self.close()
            raise

    async def _own(self) -> None:
        try:
            async with AsyncExitStack() as entered:
                client = await entered.enter_async_context(await self._client(entered))
                self._opened.set_result(client)
                await self._leave.wait()
        except Exception as fault:  # noqa: BLE001 - whatever it raises ends this connection only
            self._fail(as_fault(fault, opening=True))
        except BaseException:
            self._fail(McpFault("the connection was closed", unmade=True))
            raise
        finally:
            self.broken = True

    def _fail(self, fault: McpFault) -> None:
        if not self._opened.done():
            self._opened.set_exception(fault)
            self._opened.exception()  # seen, even if nobody waits any more

    async def _client(self, entered: AsyncExitStack) -> Client:
        address = self._address
        if address.transport == "stdio":
            transport: Any = program(words(address.target))
        elif address.transport == "sse":
            transport = sse_client(
                address.target,
                headers=dict(address.headers),
                httpx_client_factory=self._http_client,
            )
        else:
            client = self._http_client(dict(address.headers))
            http = await entered.enter_async_context(client)
            transport = streamable_http_client(address.target, http_client=http)
        return FormClient(
            transport,
            cache=None,
            client_info=_US,
            read_timeout_seconds=_ANSWER,
        )

    def _http_client(
        self,
        headers: dict[str, str] | None = None,
        timeout: httpx2.Timeout | None = None,  # noqa: ARG002 - each call has its own
        auth: httpx2.Auth | None = None,  # noqa: ARG002 - credentials are headers
    ) -> httpx2.AsyncClient:
        listens = self._address.transport == "sse"
        transport = AiohttpTransport(self._guard, HttpLimits(), listens=listens)
        return httpx2.AsyncClient(transport=transport, headers=headers, timeout=None)

    async def close(self) -> None:
        """End the connection, and the program behind it."""
        self.broken = True
        self._leave.set()
        if self._owner is None:
            return
        if not self._opened.done():
            self._owner.cancel()
        done, _ = await asyncio.wait({self._owner}, timeout=_CLOSING)
        if not done:
            self._owner.cancel()
            await asyncio.wait({self._owner}, timeout=_CLOSING)
        with suppress(asyncio.CancelledError):
            if self._owner.done():
                self._owner.exception()

    async def listing(self) -> Listing:
        """Return the server's tools. Raises `McpFault`."""
        client = self._opened.result()
        try:
            async with asyncio.timeout(_OPENING):
                return await self._pages(client)
        except TimeoutError:
            raise McpFault(f"it did not list its tools within {_OPENING:g} s") from None
        except Exception as fault:
            raise self._note_fault(fault) from fault

    async def _pages(self, client: Client) -> Listing:
        tools: list[RemoteTool] = []
        size, fresh_for, cursor, cut = 0, None, None, False
        for _ in range(_PAGES):
            page = await self._page(client, cursor)
            if page.ttl_ms or "ttl_ms" in page.model_fields_set:
                told = page.ttl_ms / 1000
                fresh_for = told if fresh_for is None else min(fresh_for, told)
            size += len(page.model_dump_json())
            tools += [_remote_tool(tool) for tool in page.tools]
            cursor = page.next_cursor
            if not cursor:
                break
            if len(tools) >= MOST_TOOLS or size > _MOST_BYTES:
                break
        cut = bool(cursor) or len(tools) > MOST_TOOLS
        title = client.server_info.name if client.server_info else ""
        return Listing(tools[:MOST_TOOLS], fresh_for, client.protocol_version, title[:200], cut)

    async def _page(self, client: Client, cursor: str | None) -> ListToolsResult:
        params = None if cursor is None else PaginatedRequestParams(cursor=cursor)
        return await client.session.list_tools(params=params)

    async def call(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        timeout: float,
        meta: Mapping[str, Any],
        answers: Mapping[str, Any] | None = None,
        state: str | None = None,
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool and return what the server says, unread. `answers` and `state` go on with an earlier call.

        Raises `McpFault`.
        """
        client = self._opened.result()
        sent = {
            "name": tool,
            "arguments": dict(arguments),
            "inputResponses": answers,
            "requestState": state,
            "_meta": dict(meta),
        }
        try:
            params = CallToolRequestParams.model_validate(sent, by_name=False)
        except ValidationError:
            raise McpFault(
                "a person's answer has values that cannot be sent: only texts, numbers, true, false, null and lists "
                "of texts can be",
                unmade=True,
            ) from None
        request = CallToolRequest(params=params)
        try:
            return await self._request(client, request, timeout)
        except Exception as fault:
            raise self._note_fault(fault) from fault

    async def _request(
        self, client: Client, request: CallToolRequest, timeout: float
    ) -> CallToolResult | InputRequiredResult:
        session = client.session
        try:
            return await session.send_request(request, _RESULT, timeout)
        except MCPError as fault:
            if fault.code != HEADER_MISMATCH or self._address.transport != "streamable_http":
                raise
            # Headers mirror arguments as the list says that they must: read it again (SEP-2243).
            await self._pages(client)
            return await session.send_request(request, _RESULT, timeout)

    def _note_fault(self, fault: Exception) -> McpFault:
        told = as_fault(fault)
        if not isinstance(fault, MCPError | ValidationError | ValueError) or _over(fault):
            self.broken = True
        return told


def _over(fault: Exception) -> bool:
    """Return whether a server's error means that this connection has ended."""
    if not isinstance(fault, MCPError):
        return False
    ended = fault.code == INVALID_REQUEST and fault.message == _ENDED
    return ended or fault.code == CONNECTION_CLOSED


def as_fault(fault: BaseException, *, opening: bool = False) -> McpFault:
    """Return what a user is told about an error of the library or the network."""
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    if isinstance(fault, McpFault):
        return fault
    if isinstance(fault, MCPError):
        return _error_fault(fault, opening=opening)
    if isinstance(fault, httpx2.HTTPStatusError):
        return McpFault(f"it answered {fault.response.status_code}", unmade=True)
    if isinstance(fault, httpx2.HTTPError | httpx2.StreamError):
        unmade = opening or isinstance(fault, httpx2.ConnectError)
        return McpFault(str(fault) or type(fault).__name__, unmade=unmade)
    told = next((text for kinds, text in _TOLD if isinstance(fault, kinds)), None)
    return McpFault(told or f"the connection failed ({type(fault).__name__})", unmade=opening)


def _error_fault(fault: MCPError, *, opening: bool) -> McpFault:
    if fault.code == REQUEST_TIMEOUT:
        return McpFault("it did not answer in time", unmade=opening)
    if fault.code == CONNECTION_CLOSED:
        return McpFault("it closed the connection", unmade=opening)
    if fault.code in {UNSENT, LOST}:
        return McpFault(fault.message, unmade=fault.code == UNSENT)
    ended = fault.code == INVALID_REQUEST and fault.message == _ENDED
    return McpFault(f"it answered: {fault.message[:1_000]}", unmade=ended or opening)


def _remote_tool(tool: Tool) -> RemoteTool:
    hints = tool.annotations
    reads = hints is not None and hints.read_only_hint is True
    idempotent = hints is not None and hints.idempotent_hint is True
    described = tool.description or tool.title or (hints.title if hints else None) or tool.name
    return RemoteTool(tool.name, described, tool.input_schema, reads, idempotent or reads)
