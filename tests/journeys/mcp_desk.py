"""A server of the library fastmcp, as a program: `python mcp_desk.py [PORT]`, without a port over stdio.

It counts the calls that really arrive in the file that MCP_DESK_LOG names.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from fastmcp import Context, FastMCP
from mcp_types import (
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
    ToolAnnotations,
)

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


DAY = {"type": "object", "properties": {"day": {"type": "string"}}, "required": ["day"]}


@desk.tool
async def book_table(people: int, ctx: Context) -> str | InputRequiredResult:
    """Book a table, once somebody has said for which day."""
    said = (ctx.input_responses or {}).get("day")
    if said is None:
        note(f"asks for {people}")
        form = ElicitRequestFormParams(message="For which day?", requested_schema=DAY)
        return InputRequiredResult(
            input_requests={"day": ElicitRequest(params=form)}, request_state=str(people)
        )
    if not isinstance(said, ElicitResult) or said.action != "accept":
        return "No table is booked."
    assert said.content is not None
    note(f"booked for {people}, {ctx.request_state}")
    return f"A table for {people} is booked on {said.content['day']}."


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
