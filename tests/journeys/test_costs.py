"""What one job of three tasks asks of the databases, by service: each read and write has its reason here.

A new one fails the test until it is listed. What is looked for now and then, whether there are jobs or not, is
not a job's; neither are the leases of workers.
"""

import asyncio
import secrets
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from journeys.model import ScriptedModel
from journeys.platforms import Platform as RunningPlatform
from journeys.users import User

from devkit.commands import Commands, SentCommand
from kasal_platform.config import Secrets, Settings
from kasal_platform.embedded.platform import Platform

pytestmark = pytest.mark.asyncio(loop_scope="session")

_TICKET = "_id, attempt, owner, seq, status, ticket"
WRITES = {
    "executor: insert executions()": (1, "the job is taken"),
    f"executor: update executions({_TICKET})": (
        5,
        "the claim, the first task's start; each reply before the next model call (ADR 23), the last with the end",
    ),
    "executor: update counters(_id, counted.job)": (1, "jobs that end together are counted by one"),
    "executor: update executions(_id, status)": (1, "jobs that end together are closed by one"),
    "crews: update activities(_id, version)": (
        2,
        "what the run did to the crew's tasks: steps wait for the end, half a second at most; one if quick",
    ),
}
MEMORY = {
    "crews: update memories(_id, version)": (
        4,
        "what the run remembers of each task and of itself; the next run may begin at once and need it",
    ),
}
READS = {
    "crews: find crews(_id)": (1, "the snapshot, which the api asks for"),
    "executor: find counters(_id)": (1, "the estimate, kept for ten seconds"),
    "executor: find counters(workspace_id)": (1, "what a workspace has stored, every 30 seconds"),
    "executor: aggregate executions(open, status, workspace_id)": (
        1,
        "how many jobs a workspace has queued, when half of the room last seen is used up",
    ),
    "executor: find executions(_id)": (
        1,
        "a claim whose message came after a worker had found the job: on a busy machine alone",
    ),
    "executor: find budgets(_id)": (2, "the workspace's budget, once a second for all its jobs"),
    "crews: find activities(_id)": (1, "the crew's runs, unless this process wrote them last"),
}
MEMORY_READS = {
    "crews: find memories(_id)": (
        2,
        "the snapshot's memory, and the memory itself unless this process wrote it last",
    ),
}
PACE = 0.5
PACED = {
    "crews: update activities(_id, version)",
    "crews: update memories(_id, version)",
    "executor: find budgets(_id)",
}
"""What is written or read every half second, or second, of a run that lasts, as on a busy machine."""
_LOOKS = {
    "executor: find executions(open, owner, status)",
    "executor: find executions(open, owner, status, workspace_id)",
    "executor: find executions(created_at, open, status, workspace_id)",
    "executor: distinct executions(open, owner)",
    "executor: distinct executions(open, owner, status)",
    "executor: aggregate executions(open, owner, status)",
    "executor: find questions(expires, expires_at)",
}
"""Looks for jobs that nobody looks after, and for questions whose time is up: so many a second, whatever is done."""
_RUNS = 3
"""Of which one must do with what is allowed: on a busy machine, what is written together may come apart."""
_NOT_A_JOBS = {"workers", "schema"}
"""Collections; of the jobs, one in 128 is marked."""


@pytest_asyncio.fixture(loop_scope="session")
async def user(
    commands: Commands,
    mongo_url: str,
    mongo_prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[User]:
    """The owner of a workspace on a platform whose services all run here, where they are listened to."""
    monkeypatch.setenv("KASAL_MONGO_DATABASE_PREFIX", mongo_prefix)
    entry = socket.create_server(("127.0.0.1", 0))
    base = f"http://127.0.0.1:{entry.getsockname()[1]}/api/v1"
    settings = Settings(data_dir=tmp_path, demo=False)
    known = Secrets(secrets.token_hex(16), secrets.token_hex(16))
    async with (
        Platform(settings, known, entry, None, mongo_url=mongo_url),
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
    ):
        somebody = User(RunningPlatform("here", base, tmp_path, ScriptedModel()), http)
        somebody.email, somebody.password = "owner@example.com", "a long password"
        body = {"email": somebody.email, "password": somebody.password}
        await somebody.call("POST", "/auth/register", body, expect=201)
        await somebody.login()
        yield somebody


async def _run(user: User, commands: Commands, crew_id: str) -> None:
    """Run a job to its end, until crews has heard of it and it is counted and closed."""
    await user.start(crew_id)
    async with asyncio.timeout(60):  # nobody watches it: what watchers ask for is not the job's
        while not _is_closed(commands):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)


def _is_closed(commands: Commands) -> bool:
    shapes = {_shape(one) for one in commands.sent}
    return shapes >= {
        "crews: update activities(_id, version)",
        "executor: update executions(_id, status)",
    }


def _shape(one: SentCommand) -> str:
    return f"{one.service}: {one.shape}"


def _job_costs(commands: Commands) -> Counter[str]:
    asked = [one for one in commands.sent if one.service in {"crews", "executor"}]
    shapes = Counter(_shape(one) for one in asked if one.collection not in _NOT_A_JOBS)
    return Counter({shape: n for shape, n in shapes.items() if shape not in _LOOKS})


@pytest.mark.parametrize("remembers", [False, True], ids=["no memory", "memory"])
async def test_a_job_reads_and_writes_what_has_a_reason(
    user: User, commands: Commands, remembers: bool
) -> None:
    crew_id = await user.crew("Think of tea", "Write of tea", "Praise the tea")
    if remembers:
        await user.remembers(crew_id)
    await _run(user, commands, crew_id)  # what is read once and kept
    allowed = WRITES | READS | (MEMORY | MEMORY_READS if remembers else {})
    for _ in range(_RUNS):
        found, beyond = await _costs_beyond(user, commands, crew_id, allowed)
        if not beyond:
            break
    assert not beyond, found
    assert set(WRITES) <= set(found), "what is not written any more has no reason to be listed"


async def _costs_beyond(
    user: User, commands: Commands, crew_id: str, allowed: dict[str, tuple[int, str]]
) -> tuple[Counter[str], dict[str, int]]:
    """Run a job; return what it asked for, and what of it is not allowed."""
    await asyncio.sleep(0.6)  # the pace of what crews writes
    commands.clear()
    began = time.monotonic()
    await _run(user, commands, crew_id)
    written_meanwhile = int((time.monotonic() - began) / PACE)
    found = _job_costs(commands)
    beyond = {
        shape: n
        for shape, n in found.items()
        if shape not in allowed or n > allowed[shape][0] + written_meanwhile * (shape in PACED)
    }
    return found, beyond
