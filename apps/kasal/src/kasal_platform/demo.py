"""A demo for any running platform: a user, a crew and one run, all through the public API."""

from typing import Any

import aiohttp

from kasal_platform.api_client import ApiClient
from kasal_platform.config import Settings
from kasal_platform.terminal import Terminal, show_run

_CREW: dict[str, Any] = {
    "name": "Tea Shop Crew",
    "process": "sequential",
    "agents": [
        {
            "role": "Researcher",
            "goal": "Know all about {topic}",
            "model": "offline",
            "tools": ["calculator"],
        },
        {"role": "Writer", "goal": "Say it in one sentence", "model": "offline"},
    ],
    "tasks": [
        {
            "agent": "Researcher",
            "description": "Find out what matters about {topic}: {shops} * 21",
            "expected_output": "A short list",
        },
        {
            "agent": "Writer",
            "description": "Sum up what was found about {topic}",
            "expected_output": "One sentence",
        },
    ],
}
_INPUTS = {"topic": "tea", "shops": 12}


async def show_demo(base: str, settings: Settings) -> None:
    """Create the crew, run it once and print its events. Raises `ApiError` or `aiohttp.ClientError`."""
    console = Terminal()
    async with aiohttp.ClientSession() as http:
        client = ApiClient(base, http)
        await _enter(client, settings.demo_email, settings.demo_password)
        crew = await client.call("POST", "/crews", _CREW)
        order = {"crew_id": crew["id"], "inputs": _INPUTS}
        job_id = (await client.call("POST", "/executions", order))["job_id"]
        console.print(f"[bold]{_CREW['name']}[/] ({crew['id']}) runs as {job_id}:")
        await show_run(console, client.events(job_id))


async def _enter(client: ApiClient, email: str, password: str) -> None:
    """Register the user, unless there already is one, and log in."""
    body = {"email": email, "password": password, "name": "Demo User"}
    await client.send("POST", "/auth/register", body)  # the login shows whether it worked
    await client.log_in(email, password)
