"""`kasal tools`: what agents can be given, and your own functions served to them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kasal_client.command.exits import ExitCode
from kasal_client.command.faults import CommandError
from kasal_client.command.link import AsJson, Link, link_of
from kasal_client.command.output import Output, as_json

if TYPE_CHECKING:
    from kasal_client import Kasal
    from kasal_client.models import McpServerSummary

ServerName = Annotated[str, typer.Argument(metavar="SERVER", help="An MCP server's name or id.")]
PORT = 9000
_HTTP = "streamable_http"


def ls(
    context: typer.Context,
    source: Annotated[str | None, typer.Option(help="built_in, python, custom or mcp.")] = None,
    is_json: AsJson = False,
) -> None:
    """List the tools that agents can be given."""
    output = Output(is_json=is_json)
    with link_of(context).session() as kasal:
        found = [one for one in kasal.tools.list() if source in (None, one.source)]
    if is_json:
        output.json(as_json(found))
        return
    rows = [(one.name, one.source, one.category, one.description) for one in found]
    output.rows(["NAME", "SOURCE", "CATEGORY", "WHAT IT DOES"], rows)


def add_mcp(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Its tools will be called NAME__tool.")],
    url: Annotated[str | None, typer.Argument(help="Where it is.")] = None,
    command: Annotated[
        str | None, typer.Option(help="A program in place of a URL; the operator must allow it.")
    ] = None,
    token: Annotated[str | None, typer.Option(help="A bearer token that it wants.")] = None,
    headers: Annotated[
        list[str] | None,
        typer.Option("--header", metavar="NAME=VALUE", help="A header of every request."),
    ] = None,
    allow: Annotated[
        list[str] | None, typer.Option(help="Take only these tools; * for any text.")
    ] = None,
    deny: Annotated[list[str] | None, typer.Option(help="Leave these tools out.")] = None,
    approval: Annotated[
        str | None, typer.Option(help="Which calls people approve: never, destructive, always.")
    ] = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds that a call may take.")] = None,
    is_json: AsJson = False,
) -> None:
    """Register an MCP server, or change the one of that name; it is asked for its tools at once."""
    if (url is None) == (command is None):
        raise CommandError("A server is at a URL, or is a program.", "Give a URL, or --command.")
    place = {"url": url, "command": command, "transport": "stdio" if command else _HTTP}
    limits = {"allow": allow, "deny": deny, "approval": approval, "timeout": timeout}
    access = {**_bearer(token), "headers": _header_fields(headers)}
    _register(context, {"name": name, **place, **access, **limits}, is_json=is_json)


def _bearer(token: str | None) -> dict[str, Any]:
    return {"auth_type": "bearer", "credentials": {"token": token}} if token else {}


def _header_fields(headers: list[str] | None) -> dict[str, str] | None:
    return dict(one.partition("=")[::2] for one in headers or []) or None


def _register(context: typer.Context, fields: dict[str, Any], *, is_json: bool) -> None:
    """Register the server, and print its tools."""
    from kasal_client.command.serving import register_server

    output = Output(is_json=is_json)
    with link_of(context).session() as kasal:
        given = {key: value for key, value in fields.items() if value is not None}
        answer = register_server(kasal, given)
    if is_json:
        output.json(answer)
        return
    name = fields["name"]
    output.line(f"{name} is {answer.get('status')}. Its tools:")
    for tool in answer.get("tools") or []:
        output.line(f"  {tool.get('name')}  {tool.get('description') or ''}".rstrip())
    for left in answer.get("left_out") or []:
        output.note(f"! {left.get('name')} is left out: {left.get('reason')}")


def refresh(context: typer.Context, server: ServerName, is_json: AsJson = False) -> None:
    """Ask an MCP server for its tools again."""
    output = Output(is_json=is_json)
    with link_of(context).session() as kasal:
        found = kasal.tools.mcp.refresh(_server(kasal, server).server_id)
    if is_json:
        output.json(as_json(found))
        return
    output.line(f"{found.name} is {found.status} and has {len(found.tools)} tools.")


def remove(context: typer.Context, server: ServerName) -> None:
    """Remove an MCP server with its tools."""
    with link_of(context).session() as kasal:
        found = _server(kasal, server)
        kasal.tools.mcp.delete(found.server_id)
    Output().line(f"Removed {found.name}.")


def _server(kasal: Kasal, name: str) -> McpServerSummary:
    for one in kasal.tools.mcp.list():
        if name in (one.name, one.server_id):
            return one
    advice = "kasal tools ls --source mcp lists their tools."
    raise CommandError(f"There is no MCP server {name!r}.", advice, ExitCode.REFUSED)


def serve(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE.py", help="A file with functions marked @tool.")
    ],
    name: Annotated[
        str | None, typer.Option(help="The server's name. [default: the file's]")
    ] = None,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen at.")] = PORT,
    token: Annotated[
        str,
        typer.Option(envvar="KASAL_TOOLS_TOKEN", help="Serve only who sends this bearer token."),
    ] = "",
    registers: Annotated[
        bool, typer.Option("--register", help="Also register it with the platform.")
    ] = False,
    is_stdio: Annotated[
        bool, typer.Option("--stdio", help="Speak over the standard input and output instead.")
    ] = False,
) -> None:
    """Serve functions of a Python file as tools, by MCP.

    Functions are those marked with `@tool` (`from kasal_client import tool`). Needs `kasal-client[tools]`.
    """
    _serve(link_of(context), file, name, (host, port, token), registers, is_stdio)


def _serve(
    link: Link,
    file: Path,
    name: str | None,
    listening: tuple[str, int, str],
    registers: bool,
    is_stdio: bool,
) -> None:
    import asyncio

    from kasal_client.command import serving

    host, port, token = listening
    functions = serving.functions_of(file)
    called = name or file.stem.replace(".", "_")
    server = serving.server_of(called, functions)
    if is_stdio:
        asyncio.run(server.run_stdio_async())
        return
    if host not in serving.LOCAL and not token:
        advice = "Give --token, or listen at 127.0.0.1."
        raise CommandError("Anybody could call these tools.", advice)
    url = f"http://{host}:{port}{serving.PATH}"
    output = Output()
    output.note(f"Serving {', '.join(functions)} at {url}. Ctrl-C ends it.")
    if not registers:
        output.note(
            f"Register it: kasal tools add-mcp {called} {url}{' --token …' if token else ''}"
        )
    served = serving.serve(server, host, port, token)
    if registers:
        served = serving.serve_registered(served, link, called, url, token)
    asyncio.run(served)
