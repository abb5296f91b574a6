"""Connections that break, and answers that come later.

Covers: kasal_client.aio.watching, kasal_client.aio.transport, kasal_client.aio.credentials
"""

import asyncio
import json
import sys
from typing import Any

from client_testkit.cutting import CuttingProxy

from kasal_client import Agent, Crew, Kasal, Task
from kasal_client.profile import load_profile, profile_path, save_profile
from kasal_client.testing import Platform

STEPS = 5
LATER = (
    b"HTTP/1.1 %d Later\r\nRetry-After: 0\r\nContent-Type: application/json\r\n"
    b"Content-Length: 44\r\nConnection: close\r\n\r\n"
    b'{"error": {"code": "LATER", "message": "No"}}'
)


def steps() -> Crew:
    return Crew(
        name="Steps",
        agents=[Agent(role="Walker", goal="Walk", model="offline", tools=["calculator"])],
        tasks=[Task(description=f"What is {n} * 2?") for n in range(STEPS)],
    )


async def test_a_stream_that_is_cut_shows_each_event_once(shaky: Any, proxy: CuttingProxy):
    crew = await shaky.crews.apply(steps())
    run = await crew.start()
    proxy.limit = 3000
    proxy.cut()
    before = proxy.connections

    seen = [event.seq async for event in run.events()]

    proxy.limit = None
    proxy.cut()
    known = await run.get()
    assert seen == list(range(1, known.last_seq + 1))
    assert known.last_seq > 20
    assert proxy.connections - before > 3


async def test_what_is_refused_for_a_moment_is_sent_again(shaky: Any, proxy: CuttingProxy):
    await shaky.auth.me()
    crew = await shaky.crews.apply(steps())
    before = await shaky.executions.list(crew_id=crew.id).total()
    proxy.cut()
    proxy.answers += [LATER % 429, LATER % 503]

    run = await crew.start()

    assert proxy.answers == []
    assert await shaky.executions.list(crew_id=crew.id).total() == before + 1
    await run.result(timeout=60)


async def test_a_refused_token_is_renewed(shaky: Any, proxy: CuttingProxy):
    me = await shaky.auth.me()
    await shaky.auth.logout()
    assert (await shaky.auth.me()).id == me.id
    assert proxy.sent.count(b"POST /api/v1/auth/login") == 2


CHILD = """
import sys
from kasal_client import Kasal
sys.stdin.readline()
with Kasal() as kasal:
    print(kasal.auth.me().email)
"""


async def test_two_processes_renew_one_profile_once(
    kasal_platform: Platform, proxy: CuttingProxy, user: tuple[str, str]
):
    email, password = user
    with Kasal.login(proxy.url, email=email, password=password) as kasal:
        assert kasal.auth.me().email == email
    kept = load_profile()
    assert kept is not None
    assert profile_path().stat().st_mode & 0o777 == 0o600
    broken = json.loads(profile_path().read_text()) | {"access_token": "eyJ.not.valid"}
    profile_path().write_text(json.dumps(broken))

    children = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            CHILD,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(2)
    ]
    said = await asyncio.gather(*(child.communicate(b"\n") for child in children))

    assert [one.decode().strip() for one, _ in said] == [email, email]
    assert proxy.sent.count(b"POST /api/v1/auth/refresh") == 1
    renewed = load_profile()
    assert renewed is not None
    assert renewed.refresh_token != kept.refresh_token
    save_profile(kept)
