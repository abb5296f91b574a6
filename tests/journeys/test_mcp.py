"""Tools of MCP servers that others wrote: fastmcp's over HTTP, and mcp-server-time over stdio."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from journeys.desks import running_desk
from journeys.homes import Home
from journeys.platforms import MCP_PORT, ended
from journeys.test_people import waits
from journeys.users import User

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.own_platform]
DESK_URL = f"http://127.0.0.1:{MCP_PORT}/mcp"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Path]:
    """Fastmcp's server is up; yields the file in which it notes its effects."""
    log = tmp_path_factory.mktemp("desk") / "log"
    async with running_desk(MCP_PORT, log):
        yield log


async def result_of(user: User, text: str, *tools: str, **rest: Any) -> str:
    """Run a crew whose agent makes the call in `text`; return what the call returned."""
    crew_id = await user.crew(text, model="gpt-4", tools=list(tools), **rest)
    events = await user.watch(await user.start(crew_id))
    assert events[-1]["type"] == "execution_complete", events[-1]
    return next(str(event["result"]) for event in events if event["type"] == "tool_result")


async def test_an_agent_works_with_a_servers_tools(user: User, desk: Path) -> None:
    told = await user.call(
        "POST",
        "/tools/mcp",
        {"name": "desk", "url": DESK_URL, "approval": "destructive"},
        expect=201,
    )
    tools = {tool["name"]: tool for tool in told["tools"]}
    assert (told["status"], tools["desk__search_open"]["requires_approval"]) == ("ready", False)
    assert tools["desk__close_ticket"]["requires_approval"]
    listed = await user.call("GET", "/tools?page_size=100", expect=200)
    assert {"desk__search_open", "desk__close_ticket"} <= {
        tool["name"] for tool in listed["tools"] if tool["source"] == "mcp"
    }
    found = await result_of(user, 'Look call:desk__search_open:{"words": "tea"}', "desk__*")
    assert "Ticket about tea" in found
    failed = await result_of(user, 'Fail call:desk__fail:{"why": "no ink"}', "desk__fail")
    assert "no ink" in failed


async def test_a_destructive_call_waits_for_a_person_and_is_made_once(
    user: User, desk: Path
) -> None:
    body = {"name": "desk", "url": DESK_URL, "approval": "destructive", "allow": ["close_*"]}
    await user.call("POST", "/tools/mcp", body, expect=201)
    number = abs(hash(str(user.base) + user.token)) % 1_000_000
    crew_id = await user.crew(
        f'Close call:desk__close_ticket:{{"number": {number}}}', model="gpt-4", tools=["desk__*"]
    )
    job_id = await user.start(crew_id)
    asked = (await waits(user, job_id))["questions"][0]
    assert asked["tool_call"]["arguments"] == {"number": number}
    assert not desk.exists() or f"closed {number}" not in desk.read_text()
    await user.call("POST", f"/executions/{job_id}/input", {"outcome": "approved"}, expect=200)
    events = await user.watch(job_id)
    assert events[-1]["type"] == "execution_complete"
    assert desk.read_text().splitlines().count(f"closed {number}") == 1


async def test_what_a_server_asks_is_answered_by_a_person_and_the_call_made_once(
    user: User, desk: Path
) -> None:
    body = {"name": "desk", "url": DESK_URL, "expires_in": 3_000}
    await user.call("POST", "/tools/mcp", body, expect=201)
    people = abs(hash(str(user.base) + user.token)) % 1_000_000
    crew_id = await user.crew(
        f'Book call:desk__book_table:{{"people": {people}}}', model="gpt-4", tools=["desk__*"]
    )
    job_id = await user.start(crew_id)
    asked = (await waits(user, job_id))["questions"][0]
    assert (asked["kind"], asked["tool_call"]["arguments"]) == ("question", {"people": people})
    assert "The tool desk__book_table asks before it goes on:\nFor which day?" in asked["prompt"]
    assert (asked["response_schema"]["required"], bool(asked["expires_at"])) == (["day"], True)
    inbox = await user.call("GET", f"/questions?crew_id={crew_id}", expect=200)
    assert [one["question_id"] for one in inbox["questions"]] == [asked["question_id"]]
    say = f"/executions/{job_id}/input"
    refused = await user.call("POST", say, {"input": {"day": 1}}, expect=400)
    assert "input.day" in str(refused)
    await user.call("POST", say, {"input": {"day": "Monday"}}, expect=200)
    events = await user.watch(job_id)
    result = next(event["result"] for event in events if event["type"] == "tool_result")
    assert result == f"A table for {people} is booked on Monday."
    noted = desk.read_text().splitlines()
    assert noted.count(f"asks for {people}") == 1
    assert noted.count(f"booked for {people}, {people}") == 1, "with the state that it gave"


async def test_what_a_server_asks_outlives_everything(home: Home, desk: Path) -> None:
    reaching = {"KASAL_TOOL_ALLOWED_HOSTS": f"127.0.0.1:{MCP_PORT}"}
    await home.up(**reaching)
    async with aiohttp.ClientSession() as http:
        user = await home.user(http)
        await user.call("POST", "/tools/mcp", {"name": "desk", "url": DESK_URL}, expect=201)
        text = 'Book call:desk__book_table:{"people": 77}'
        crew_id = await user.crew(text, model="gpt-4", tools=["desk__*"])
        job_id = await user.start(crew_id)
        asked = (await waits(user, job_id))["questions"]
    await home.kill()
    second = await home.up(**reaching)
    async with aiohttp.ClientSession() as http:
        user = await home.user(http)
        assert (await user.call("GET", f"/executions/{job_id}", expect=200))["questions"] == asked
        say = f"/executions/{job_id}/input"
        await user.call("POST", say, {"input": {"day": "Monday"}}, expect=200)
        events = await user.watch(job_id)
        assert events[-1]["type"] == "execution_complete"
    assert await ended(second) == 0
    noted = desk.read_text().splitlines()
    assert (noted.count("asks for 77"), noted.count("booked for 77, 77")) == (1, 1)


async def test_a_program_of_the_operators_choice_is_a_server(user: User) -> None:
    body = {"name": "time", "transport": "stdio", "command": "mcp-server-time"}
    told = await user.call("POST", "/tools/mcp", body, expect=201)
    assert {tool["name"] for tool in told["tools"]} >= {"time__get_current_time"}
    now = await result_of(
        user, 'Ask call:time__get_current_time:{"timezone": "Asia/Tokyo"}', "time__get_current_time"
    )
    assert "Asia/Tokyo" in now
    other = {"name": "shell", "transport": "stdio", "command": "sh -c id"}
    refused = await user.call("POST", "/tools/mcp", other, expect=400)
    assert "KASAL_MCP_STDIO" in str(refused)
