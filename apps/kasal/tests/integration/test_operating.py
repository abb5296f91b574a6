"""`doctor`, `migrate`, `backup`, `restore` and `dead-letters` over real servers, as who operates the platform calls them."""

import asyncio
import os
import resource
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import aio_pika
import bson
import pytest
from pymongo import MongoClient

from common.bus import Message
from common.bus.rabbitmq import RabbitBus
from common.contracts.topology import DEAD_LETTERS, JOBS_QUEUE
from common.telemetry import Telemetry
from kasal_platform.local.program import free_port

Call = Callable[..., Awaitable[tuple[int, list[str], str]]]


def _limit_files(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.fixture
def call(mongo_url: str, mongo_prefix: str, redis_url: str, amqp_url: str) -> Call:
    """Run a command over this test's servers; return its code, its lines and its last words.

    With `room` its files can hold only that many bytes.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KASAL_")}
    given = {
        **kept,
        "KASAL_MONGO_URL": mongo_url,
        "KASAL_MONGO_DATABASE_PREFIX": mongo_prefix,
        "KASAL_AMQP_URL": amqp_url,
        "KASAL_REDIS_URL": redis_url,
        "KASAL_SERVICE_SECRET": "a secret of the tests",
        "KASAL_SECRET_KEY": "another secret of the tests",
        "KASAL_PORT": str(free_port()),
    }

    async def run(
        *arguments: str, room: int | None = None, **settings: str
    ) -> tuple[int, list[str], str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "kasal_platform", *arguments),
            preexec_fn=None if room is None else partial(_limit_files, room),
            env={**given, **settings},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(120):
            said, faults = await process.communicate()
        assert process.returncode is not None
        return process.returncode, said.decode().splitlines(), faults.decode()

    return run


async def test_the_doctor_misses_the_schemas_until_they_are_migrated(call: Call) -> None:
    code, lines, last = await call("doctor")
    assert code == 1
    assert [line for line in lines if not line.startswith(("ok ", "note "))] == [
        next(line for line in lines if "run `python -m auth migrate`" in line)
    ]
    assert last.startswith("1 of ")

    code, lines, faults = await call("migrate")
    assert (code, faults) == (0, "")
    for service in ("auth", "crews", "executor"):
        assert any(f"{service} is at schema version" in line for line in lines)

    code, lines, last = await call("doctor")
    assert (code, last) == (0, ""), lines
    for name in ("MongoDB answers", "RabbitMQ answers", "Redis answers"):
        assert f"ok     {name}" in lines


@pytest.mark.parametrize(
    ("variable", "name"),
    [
        ("KASAL_MONGO_URL", "MongoDB"),
        ("KASAL_AMQP_URL", "RabbitMQ"),
        ("KASAL_REDIS_URL", "Redis"),
    ],
)
async def test_the_doctor_names_a_server_that_is_away(call: Call, variable: str, name: str) -> None:
    scheme = {"MongoDB": "mongodb", "RabbitMQ": "amqp", "Redis": "redis"}[name]
    code, lines, _ = await call("doctor", **{variable: f"{scheme}://127.0.0.1:1/"})
    assert code == 1
    wrong = [line for line in lines if line.startswith("wrong") and variable in line]
    assert len(wrong) == 1
    assert wrong[0].startswith(f"wrong  {name} ")


async def test_dead_letters_are_shown_and_sent_back(
    call: Call, amqp_url: str, telemetry: Telemetry
) -> None:
    bus = RabbitBus(amqp_url, telemetry)
    headers = {"x-kasal-reason": "nobody knows this job", "x-kasal-queue": JOBS_QUEUE.name}
    ids = [f"msg_of_this_test_{number}" for number in range(3)]
    await bus.start()
    try:
        for one in ids:
            message = Message("job.submitted.v1", b"{}", message_id=one, headers=headers)
            await bus.publish(DEAD_LETTERS, "", message)
    finally:
        await bus.close()
    code, lines, faults = await call("dead-letters")
    assert (code, faults, lines[-1]) == (0, "", "3 dead letters")
    assert sum("nobody knows this job" in line for line in lines) == 3

    code, lines, faults = await call("dead-letters", "replay", ids[0], "msg_unknown")
    assert (code, lines[-1]) == (1, "1 sent back")
    assert faults == "Not sent back, gone or from an unknown queue: msg_unknown\n"
    code, lines, faults = await call("dead-letters", "replay")
    assert (code, faults, lines[-1]) == (0, "", "2 sent back")
    assert [line.split()[0] for line in lines if line.startswith("msg_")] == ids[1:]
    assert (await call("dead-letters"))[1] == ["0 dead letters"]
    assert await _ids_in(amqp_url, JOBS_QUEUE.name) == ids


async def _ids_in(url: str, name: str) -> list[str | None]:
    """Take all messages from a queue, and return their ids."""
    taken = []
    async with await aio_pika.connect(url) as connection:
        queue = await (await connection.channel()).get_queue(name, ensure=False)
        while (incoming := await queue.get(fail=False)) is not None:
            await incoming.ack()
            taken.append(incoming.message_id)
    return taken


async def test_dead_letters_of_no_broker_are_refused(call: Call) -> None:
    code, lines, faults = await call("dead-letters", KASAL_AMQP_URL="memory://")
    assert (code, lines) == (1, [])
    assert faults.startswith("KASAL_AMQP_URL must name a RabbitMQ")
    assert faults.count("\n") == 1


async def test_a_damaged_backup_costs_no_data(
    call: Call, tmp_path: Path, mongo_url: str, mongo_prefix: str
) -> None:
    folder = tmp_path / "saved"
    await call("migrate")
    assert (await call("backup", str(folder)))[::2] == (0, "")
    users = folder / f"{mongo_prefix}auth" / "users.bson"
    users.write_bytes(bson.encode({"_id": "user_1"}) + b"\x10\x00\x00\x00broken")
    with MongoClient[dict[str, Any]](mongo_url) as client:
        client[f"{mongo_prefix}auth"]["users"].insert_one({"_id": "user_here"})
        code, lines, faults = await call("restore", str(folder), "--drop")
        assert (code, lines, faults.count("\n")) == (1, [], 1)
        assert faults.startswith(f"{users} is damaged: ")
        assert [row["_id"] for row in client[f"{mongo_prefix}auth"]["users"].find()] == [
            "user_here"
        ]


async def test_a_backup_that_fails_leaves_nothing_behind(call: Call, tmp_path: Path) -> None:
    await call("migrate")
    code, _, faults = await call("backup", str(tmp_path / "saved"), room=0)
    assert (code, faults.count("\n")) == (1, 1)
    assert "File too large" in faults
    assert list(tmp_path.iterdir()) == []
    assert (await call("backup", str(tmp_path / "saved")))[::2] == (0, "")
