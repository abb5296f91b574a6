"""Backends as children of this process: they start, die, are left behind, and are stopped."""

import signal
import subprocess
import sys
import textwrap
import time
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import aio_pika
import aiormq
import pytest
from pymongo import MongoClient
from redis.asyncio import Redis

from common.bus.rabbitmq_link import ClosingConnection
from kasal_platform.local import births, rabbitmq, secantus
from kasal_platform.local import program as program_module
from kasal_platform.local import redis as redis_program
from kasal_platform.local.program import LocalProgram, ProgramFailed, free_port, replies


async def test_data_outlives_a_stop(tmp_path):
    for found in (None, {"_id": 1}):
        program = secantus.program(tmp_path / "db")
        program.start()
        try:
            await program.ready()
            with MongoClient(program.url) as client:
                assert client.kasal.things.find_one({}) == found
                client.kasal.things.replace_one({"_id": 1}, {"_id": 1}, upsert=True)
        finally:
            program.stop()
        assert program.pid is None


async def test_a_killed_one_starts_again_at_its_address_with_its_data(tmp_path):
    program = secantus.program(tmp_path / "db")
    program.start()
    try:
        await program.ready()
        with MongoClient(program.url, journal=True) as client:
            client.kasal.things.insert_one({"_id": 1})
        program.kill()
        assert program.pid is None
        program.start()
        await program.ready()
        with MongoClient(program.url) as client:
            assert client.kasal.things.find_one({}) == {"_id": 1}
    finally:
        program.stop()


def test_free_ports_are_none_that_a_server_may_be_about_to_take(monkeypatch):
    taken = []
    for place in range(4):
        monkeypatch.setattr(program_module, "_share", (place, 4))
        taken.append([free_port() for _ in range(200)])
    assert all(len(set(ports)) == 200 for ports in taken), "each is returned once"
    spans = [(min(ports), max(ports)) for ports in taken]
    assert all(highest < lowest for (_, highest), (lowest, _) in pairwise(spans))


def test_a_free_port_is_none_that_an_outgoing_connection_would_get():
    first_ephemeral = program_module._first_ephemeral()
    assert all(free_port() < first_ephemeral for _ in range(50))


async def test_a_death_is_told_in_one_line(tmp_path):
    program = secantus.program(tmp_path / "db")
    program.start()
    await program.ready()
    program.kill()
    told = await program.wait_for_exit()
    assert told.startswith("SecantusDB has ended with -9")
    assert "\n" not in told
    program.stop()


def test_a_program_that_ends_at_once_says_why(tmp_path):
    command = [sys.executable, "-c", "print('no room left'); raise SystemExit(3)"]
    program = LocalProgram("Thing", tmp_path, command, "thing://", lambda: False)
    program.start()
    with pytest.raises(ProgramFailed, match="Thing has ended with 3: no room left"):
        program.wait()


def test_a_program_that_never_answers_is_stopped(tmp_path):
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    program = LocalProgram("Thing", tmp_path, command, "thing://", lambda: False)
    program.start()
    with pytest.raises(ProgramFailed, match="did not get ready"):
        program.wait(0.1)
    assert program.pid is None


def test_a_program_that_is_not_there_is_one_line(tmp_path):
    program = LocalProgram("Thing", tmp_path, ["/nowhere/thing"], "thing://", lambda: True)
    with pytest.raises(ProgramFailed, match="Thing cannot be started"):
        program.start()


def test_one_folder_serves_one_parent_at_a_time(tmp_path):
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    first = LocalProgram("Thing", tmp_path, command, "thing://", lambda: True)
    second = LocalProgram("Thing", tmp_path, command, "thing://", lambda: True)
    first.start()
    try:
        with pytest.raises(ProgramFailed, match="in use by another process"):
            second.start()
        assert first.pid is not None
    finally:
        first.stop()
    second.start()
    second.stop()


def test_a_child_that_a_dead_parent_left_is_stopped_first(tmp_path):
    orphan = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    births.record(tmp_path / "pid", orphan.pid)
    program = LocalProgram("Thing", tmp_path, [sys.executable, "-c", ""], "thing://", lambda: True)
    program.start()
    assert orphan.wait(10) == -signal.SIGTERM
    program.stop()


def test_a_process_that_only_has_the_same_number_is_left_alone(tmp_path):
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    (tmp_path / "pid").write_text(f"{other.pid}\nborn at another time\n")
    births.stop_recorded(tmp_path / "pid")
    assert other.poll() is None
    assert not (tmp_path / "pid").exists()
    other.kill()
    other.wait()


@pytest.mark.parametrize("text", ["", "x", "12", "12\n", "a\nb\n"])
def test_a_pid_file_that_says_nothing_is_no_hindrance(tmp_path, text):
    (tmp_path / "pid").write_text(text)
    births.stop_recorded(tmp_path / "pid")


def test_a_child_ends_with_a_parent_that_is_killed(tmp_path):
    code = f"""
        import os, signal, sys
        from pathlib import Path
        from kasal_platform.local.program import LocalProgram
        command = [sys.executable, "-c", "import time; time.sleep(60)"]
        program = LocalProgram("Thing", Path({str(tmp_path)!r}), command, "thing://", lambda: True)
        program.start()
        print(program.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    parent = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert parent.returncode == -signal.SIGKILL
    child = int(parent.stdout)
    if sys.platform != "linux":  # elsewhere the next start does it
        births.stop_recorded(tmp_path / "pid")
    for _ in range(500):
        if not births.birth(child):
            break
        time.sleep(0.01)
    assert births.birth(child) == ""


async def test_redis_asks_for_its_password(tmp_path):
    program = redis_program.program(tmp_path / "redis")
    program.start()
    try:
        await program.ready()
        port = urlsplit(program.url).port
        assert port is not None
        assert replies(port, b"PING\r\n", b"-NOAUTH")
        async with Redis.from_url(program.url) as client:
            assert await client.ping()
        assert redis_program.program(tmp_path / "other").url.split("@")[0] not in program.url
    finally:
        program.stop()


async def test_rabbitmq_has_a_user_of_its_own_and_listens_on_this_machine_alone(tmp_path):
    program = rabbitmq.program(tmp_path / "amqp")
    program.start()
    try:
        await program.ready(60)
        connection = await aio_pika.connect(program.url)
        await connection.close()
        guest = program.url.replace(urlsplit(program.url).netloc.split("@")[0], "guest:guest")
        with pytest.raises(aiormq.exceptions.AMQPConnectionError):
            await aio_pika.connect(guest, connection_class=ClosingConnection)
        ports = {urlsplit(program.url).port, int(program._environment["RABBITMQ_DIST_PORT"])}
        listening = {
            int(port, 16): address
            for table in ("tcp", "tcp6")
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
            for address, port in [line.split()[1].split(":")]
            if line.split()[3] == "0A" and int(port, 16) in ports
        }
        assert listening == dict.fromkeys(ports, "0100007F"), "127.0.0.1, its bytes turned round"
    finally:
        program.stop()
    assert rabbitmq.program(tmp_path / "amqp").url.split("@")[0] == program.url.split("@")[0]
