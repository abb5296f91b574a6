"""A real MCP server in a process of its own, with two tools, for `bench.cases.mcp_calls`. Prints its port."""

import sys

import uvicorn
from mcp.server.mcpserver import MCPServer

from common.web.server import bind_tcp

LARGE = 200_000
"""Bytes of the result of `read`."""


def server() -> MCPServer:
    """Return the server: `add` answers shortly, `read` with a long text."""
    made: MCPServer = MCPServer("bench", log_level="ERROR")

    @made.tool(structured_output=False)
    async def add(first: int, second: int) -> str:
        """Return the sum."""
        return str(first + second)

    @made.tool(structured_output=False)
    async def read(first: int, second: int) -> str:
        """Return a long text."""
        return (f"Line of {first} and {second}.\n" * LARGE)[:LARGE]

    return made


def main() -> None:
    bound = bind_tcp("127.0.0.1", 0)
    bound.listen()  # so that who reads the port can connect
    settings = uvicorn.Config(server().streamable_http_app(), log_level="error", access_log=False)
    sys.stdout.write(f"{bound.getsockname()[1]}\n")
    sys.stdout.flush()
    uvicorn.Server(settings).run(sockets=[bound])


if __name__ == "__main__":
    main()
