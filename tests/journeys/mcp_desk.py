"""A server of the library fastmcp, as a program: `python mcp_desk.py [PORT]`, without a port over stdio.

It counts the calls that really arrive in the file that MCP_DESK_LOG names.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from fastmcp import FastMCP
from mcp_types import ToolAnnotations

desk = FastMCP("Ticket desk")
READS = ToolAnnotations(read_only_hint=True)


def note(what: str) -> None:
    if "MCP_DESK_LOG" in os.environ:
        with Path(os.environ["MCP_DESK_LOG"]).open("a") as log:
            log.write(what + "\n")


@desk.tool(annotations=READS)
def search_open(words: str, most: int = 10) -> list[dict[str, Any]]:
    """Find open tickets by words."""
    return [{"id": 7, "title": f"Ticket about {words}"}][:most]


@desk.tool
def close_ticket(number: int) -> str:
    """Close a ticket."""
    note(f"closed {number}")
    return f"Ticket {number} is closed."


@desk.tool(annotations=READS)
def fail(why: str) -> str:
    """Fail."""
    raise ValueError(why)


@desk.tool(annotations=READS)
async def sleep_long(note_it: str = "") -> str:
    """Answer much later."""
    note(f"sleeps {note_it}")
    await asyncio.sleep(3600)
    return "awake"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        desk.run(transport="http", host="127.0.0.1", port=int(sys.argv[1]), show_banner=False)
    else:
        desk.run(show_banner=False)
