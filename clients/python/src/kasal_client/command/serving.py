"""Marked functions of a file, served as the tools of an MCP server. Needs `kasal-client[tools]`."""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import inspect
import secrets
import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from kasal_client.toolbox import ServedTool, served_tool

from .cleaning import one_line
from .faults import CommandError
from .link import Link
from .output import Output, as_json

if TYPE_CHECKING:
    from mcp.server import MCPServer

    from kasal_client import Kasal

PATH = "/mcp"
LOCAL = ("127.0.0.1", "localhost", "::1")
Asgi = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


def functions_of(path: Path) -> dict[str, tuple[Callable[..., Any], ServedTool]]:
    """Import a file, and return its marked functions by their tools' names. Raises `CommandError`."""
    if not path.is_file():
        raise CommandError(f"There is no file {path}.", "kasal init writes one to begin with.")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise CommandError(f"{path} is no Python file.", "Its name must end in .py.")
    sys.path.insert(0, str(path.resolve().parent))
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except Exception as fault:
        place = _place(path, fault)
        raise CommandError(f"{place}: {type(fault).__name__}: {fault}", "Mend the file.") from fault
    found: dict[str, tuple[Callable[..., Any], ServedTool]] = {}
    for name, value in vars(module).items():
        options = served_tool(value)
        if options is not None and callable(value):
            found[options.name or name] = (value, options)
    if not found:
        advice = "Mark functions with @tool (from kasal_client import tool)."
        raise CommandError(f"{path} has no tools.", advice)
    return found


def server_of(
    name: str, functions: dict[str, tuple[Callable[..., Any], ServedTool]]
) -> MCPServer[Any]:
    """Return an MCP server with these tools. Raises `CommandError` if the library is missing."""
    try:
        from mcp.server import MCPServer
        from mcp.types import ToolAnnotations
    except ImportError:
        raise CommandError(
            "Serving tools needs the library `mcp`.",
            "Install it: pip install 'kasal-client[tools]'",
        ) from None
    server: MCPServer[Any] = MCPServer(name, log_level="WARNING")
    for called, (function, options) in functions.items():
        hints = ToolAnnotations(
            read_only_hint=options.reads, idempotent_hint=options.idempotent or options.reads
        )
        about = inspect.getdoc(function) or ""
        server.add_tool(_quiet(function), name=called, description=about, annotations=hints)
    return server


async def serve(server: MCPServer[Any], host: str, port: int, token: str) -> None:
    """Serve over HTTP until the process is told to stop. With a token, only who sends it is served."""
    import uvicorn

    app: Any = server.streamable_http_app(streamable_http_path=PATH, host=host)
    app = _guard(app, token) if token else app
    config = uvicorn.Config(app, host=host, port=port, log_level="warning", access_log=False)
    await uvicorn.Server(config).serve()


def _quiet(function: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    """Return `function` so that it holds no event loop, and that its faults are told to the agent in words."""
    from mcp.server.mcpserver.exceptions import ToolError

    @functools.wraps(function)
    async def call(*arguments: Any, **named: Any) -> Any:
        try:
            if inspect.iscoroutinefunction(function):
                return await function(*arguments, **named)
            return await asyncio.to_thread(function, *arguments, **named)
        except Exception as fault:
            Output().note(one_line(f"{function.__name__}: {type(fault).__name__}: {fault}", 600))
            raise ToolError(str(fault) or type(fault).__name__) from fault

    return call


def _guard(app: Asgi, token: str) -> Asgi:
    expected = f"Bearer {token}".encode()

    async def check_token(scope: dict[str, Any], receive: Any, send: Any) -> None:
        headers = dict(scope.get("headers") or [])
        given = headers.get(b"authorization", b"")
        if scope["type"] != "http" or secrets.compare_digest(given, expected):
            await app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 401, "headers": []})
        await send({"type": "http.response.body", "body": b"The token is wrong."})

    return check_token


def _place(path: Path, fault: Exception) -> str:
    """Return the file and the line of it where a fault came from."""
    if isinstance(fault, SyntaxError) and fault.lineno:
        return f"{path}:{fault.lineno}"
    trace = fault.__traceback__
    line = None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"{path}:{line}" if line else str(path)


async def serve_registered(
    serving: Coroutine[Any, Any, None], link: Link, name: str, url: str, token: str
) -> None:
    """Serve, and register that with the platform as soon as somebody can call it."""
    served = asyncio.ensure_future(serving)
    await _await_listener(served, url)
    credentials = {"auth_type": "bearer", "credentials": {"token": token}} if token else {}
    with link.session() as kasal:
        fields = {"name": name, "url": url, **credentials}
        answer = await asyncio.to_thread(register_server, kasal, fields)
    tools = ", ".join(str(tool.get("name")) for tool in answer.get("tools") or [])
    Output().note(f"Registered {name}: {tools}")
    await served


async def _await_listener(served: asyncio.Future[None], url: str) -> None:
    """Wait until somebody listens at `url`."""
    parts = urlsplit(url)
    while not served.done():
        try:
            _, writer = await asyncio.open_connection(parts.hostname, parts.port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


def register_server(kasal: Kasal, fields: dict[str, Any]) -> dict[str, Any]:
    """Register a server, or change the one of its name; return what the platform says."""
    for one in kasal.tools.mcp.list():
        if one.name == fields["name"]:
            changed: dict[str, Any] = as_json(kasal.tools.mcp.update(one.server_id, fields))
            return changed
    made: dict[str, Any] = as_json(kasal.tools.mcp.register(fields))
    return made
