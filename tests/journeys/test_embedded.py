"""`make run` again, after a crash, and where it cannot start.

Covers: kasal_platform.commands.demo, kasal_platform.commands.run, kasal_platform.demo,
    kasal_platform.embedded.demo, kasal_platform.embedded.running
"""

import asyncio
import contextlib
import json
import socket
import sqlite3
import sys
from pathlib import Path

import aiohttp
import pytest
from journeys.homes import Home
from journeys.platforms import ended, printed

from kasal_platform.local.program import free_port

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.own_platform]


async def test_a_job_outlives_a_killed_platform(home: Home) -> None:
    first = await home.start()
    lines = await printed(first, "Kasal is up")
    assert any("execution_complete" in line for line in lines)
    async with aiohttp.ClientSession() as http:
        user = await home.user(http)
        crew_id = await user.crew("Before", "Then hold:crash", "After", model="gpt-4")
        job_id = await user.start(crew_id)
        await home.model.held("crash")
    first.kill()
    await first.communicate()
    home.model.release("crash")

    second = await home.start()
    lines = await printed(second, "Kasal is up")
    assert not any("execution_complete" in line for line in lines), "the demo runs once"
    async with aiohttp.ClientSession() as http:
        user = await home.user(http)
        events = await user.watch(job_id)
        assert events[-1]["type"] == "execution_complete"
        assert [event["type"] for event in events].count("task_start") == 3
        assert (await user.call("GET", "/executions/job_qwerty123"))["status"] == "completed"
    assert await ended(second) == 0


async def test_a_taken_port_is_one_line(home: Home) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", home.port))
        taken.listen()
        process = await home.start()
        _, said = await asyncio.wait_for(process.communicate(), timeout=60)
    assert process.returncode == 1
    assert said.decode().count("\n") == 1
    assert str(home.port) in said.decode()


async def test_it_has_no_child_process_and_a_second_one_is_refused(home: Home) -> None:
    process = await home.start()
    await printed(process, "Kasal is up")
    assert Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text() == ""
    files = sorted(path.name for path in (home.folder / "data" / "db").glob("*.sqlite"))
    assert files == ["auth.sqlite", "bus.sqlite", "crews.sqlite", "executor.sqlite"]
    said = await home.refused(KASAL_PORT=str(free_port()))
    assert str(home.folder / "data") in said
    assert f"process {process.pid}" in said
    process.kill()
    await process.communicate()
    second = await home.start()
    await printed(second, "Kasal is up")
    assert await ended(second) == 0


async def test_data_that_it_cannot_use_is_one_line(home: Home) -> None:
    earlier = home.folder / "data" / "mongo"
    earlier.mkdir(parents=True)
    said = await home.refused()
    assert str(earlier) in said
    assert "make import-data" in said
    earlier.rmdir()

    process = await home.start()
    await printed(process, "Kasal is up")
    assert await ended(process) == 0
    file = home.folder / "data" / "db" / "crews.sqlite"
    whole = file.read_bytes()
    file.write_bytes(whole[:8_192] + b"?" * (len(whole) - 8_192))
    said = await home.refused()
    assert f"{file} is damaged" in said
    assert "make restore" in said

    file.write_bytes(whole)
    messages = file.with_name("bus.sqlite")
    messages.write_bytes(b"?" * 8_192)
    said = await home.refused()
    assert f"{messages} is damaged" in said
    assert "move it away" in said
    messages.unlink()

    with contextlib.closing(sqlite3.connect(file)) as newer:
        newer.execute("PRAGMA user_version = 1000")
    said = await home.refused()
    assert f"{file} was written by a newer release" in said


async def test_the_doctor_is_content_with_a_running_platform(home: Home) -> None:
    process = await home.start()
    await printed(process, "Kasal is up")
    doctor = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "kasal_platform", "doctor"),
        env=home.environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, faults = await asyncio.wait_for(doctor.communicate(), timeout=60)
    assert (doctor.returncode, faults.decode()) == (0, ""), said.decode()
    lines = said.decode().splitlines()
    assert f"ok     Kasal answers on port {home.port} of 127.0.0.1" in lines
    assert f"ok     {home.folder / 'data'} is in use by process {process.pid}" in lines
    for service in ("auth", "bus", "crews", "executor"):
        assert any(f"{service}.sqlite is whole" in line for line in lines)
    assert await ended(process) == 0


async def test_a_wrong_setting_is_one_line(home: Home) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "kasal_platform",
        "run",
        env={**home.environment, "KASAL_LOG_LEVEL": "LOUD"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asyncio.wait_for(process.communicate(), timeout=60)
    assert process.returncode == 1
    assert said.decode().startswith("KASAL_LOG_LEVEL is wrong")
    assert said.decode().count("\n") == 1


async def test_who_may_log_in_can_as_soon_as_it_is_ready_and_only_at_its_own_host(
    home: Home,
) -> None:
    process = await home.start()
    base = f"http://127.0.0.1:{home.port}"
    evil = {"Host": f"evil.example:{home.port}"}
    try:
        async with aiohttp.ClientSession() as http:
            async with asyncio.timeout(120):
                while await _status(http, f"{base}/readyz") != 200:  # noqa: ASYNC110 - another process has no event
                    await asyncio.sleep(0.01)
            demo = {"email": "user@example.com", "password": "secure_password"}
            async with http.post(f"{base}/api/v1/auth/login", json=demo) as answer:
                assert answer.status == 200, "a demo user that comes later is a 401 now"
            async with http.post(f"{base}/api/v1/auth/login", json=demo, headers=evil) as answer:
                told = await answer.json()
            assert (answer.status, told["error"]["details"]["field"]) == (400, "Host")
            sandbox = {"Authorization": "Bearer SANDBOX_TOKEN", **evil}
            async with http.get(f"{base}/api/v1/crews", headers=sandbox) as answer:
                assert answer.status == 400
            origin = {"Origin": f"http://evil.example:{home.port}", **sandbox}
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await http.ws_connect(f"{base}/api/v1/ws", headers=origin)
            assert refused.value.status == 400
            text = {"Content-Type": "text/plain", "Origin": "http://evil.example"}
            body = json.dumps(demo)
            async with http.post(f"{base}/api/v1/auth/login", data=body, headers=text) as answer:
                assert answer.status == 415, "what a page may send elsewhere without asking first"
                assert "access-control-allow-origin" not in answer.headers
            named = {"Host": f"localhost:{home.port}"}
            async with http.post(f"{base}/api/v1/auth/login", json=demo, headers=named) as answer:
                assert answer.status == 200
    finally:
        process.terminate()
        await process.communicate()


async def _status(http: aiohttp.ClientSession, url: str) -> int:
    try:
        async with http.get(url) as answer:
            return answer.status
    except aiohttp.ClientError:
        return 0
