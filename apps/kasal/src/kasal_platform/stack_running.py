"""The life of a stack that a person started: start, greet, keep running, stop."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import aiohttp

from common.logs import configure_logging
from common.settings import load
from common.web.server import on_stop_signal
from kasal_platform.config import Settings
from kasal_platform.console import say
from kasal_platform.data_folder import earlier_files_note
from kasal_platform.keeping import Keeper
from kasal_platform.stack import Stack, stack_in

_PATIENCE = 3.0
"""Seconds after which a stopping stack says what it still waits for."""


async def run_until_stopped() -> None:
    """Run a stack until told to stop. Raises `StackFailed` or `ProgramFailed` if it does not start."""
    settings = load(Settings)
    configure_logging(settings.log_level, settings.log_format)
    stopped = asyncio.Event()
    hasten: list[Callable[[], None]] = []
    on_stop_signal(stopped.set, lambda: [call() for call in hasten])
    folder = Path(os.environ.get("KASAL_DATA_DIR") or tempfile.mkdtemp(prefix="kasal-stack-"))
    async with stack_in(settings, folder.resolve(), os.environ) as stack:
        hasten.append(stack.hasten)
        _show(stack, folder, await _demo(stack, settings), page=settings.console is not None)
        note = earlier_files_note(folder)
        if note is not None:
            say(note)
        await _until(stopped, stack)
        say("Kasal is stopping ...")
        telling = asyncio.create_task(_tell_waits(stack))
    telling.cancel()


async def _until(stopped: asyncio.Event, stack: Stack) -> None:
    """Keep everything running until told to stop."""
    keeping = asyncio.create_task(Keeper(say).keep(stack.kept_parts()))
    await stopped.wait()
    keeping.cancel()
    await asyncio.wait({keeping})


async def _tell_waits(stack: Stack) -> None:
    await asyncio.sleep(_PATIENCE)
    waiting = [name for name in stack.names_of("worker") if stack.processes[name].running]
    if waiting:
        say(
            f"Waiting for {', '.join(waiting)}, where calls that must not be made twice are in progress. "
            "Press Ctrl-C again to cut them off; their outcome will then be unknown."
        )


async def _demo(stack: Stack, settings: Settings) -> str:
    """Create the demo user in the stack's own database, or if asked to; return how to log in."""
    if not settings.demo or (
        "mongo" not in stack.backends and "demo" not in settings.model_fields_set
    ):
        return "POST /auth/register makes the first user"
    base = f"{stack.urls['KASAL_GATEWAY_URL'].split(',')[0]}/api/v1"
    body = {"email": settings.demo_email, "password": settings.demo_password, "name": "Demo User"}
    async with aiohttp.ClientSession() as http:
        async with http.post(f"{base}/auth/register", json=body):
            pass  # an existing user is fine too: the login shows it
        del body["name"]
        async with http.post(f"{base}/auth/login", json=body) as answer:
            if answer.status != 200:
                message = (await answer.json())["error"]["message"]
                return f"{settings.demo_email} cannot log in: {message}"
    return (
        f"{settings.demo_email}, password {settings.demo_password}\n"
        f"  Log in     curl -s {base}/auth/login -H 'Content-Type: application/json' "
        f"-d '{json.dumps(body)}'"
    )


def _show(stack: Stack, folder: Path, user: str, *, page: bool) -> None:
    lines = [
        f"  {name:<10} pid {process.child.pid}  port {process.port}"
        + (f"  metrics {process.metrics_port}" if process.metrics_port else "")
        for name, process in stack.processes.items()
        if process.child is not None
    ]
    sys.stdout.write(
        "Kasal is up: one process per service.\n"
        + "\n".join(lines)
        + "".join(
            f"\n  {name:<10} {stack.urls[f'KASAL_{name.upper()}_URL']}" for name in stack.backends
        )
        + (f"\n  Console    {stack.urls['KASAL_GATEWAY_URL']}/console/" if page else "")
        + f"\n  API        {stack.urls['KASAL_GATEWAY_URL']}/api/v1"
        + f"\n  User       {user}"
        + f"\n  Logs       {folder}\nWhat dies is started again. Press Ctrl-C to stop.\n"
    )
    sys.stdout.flush()
