"""`doctor`, `migrate` and `dead-letters` over real servers, as who operates the platform calls them."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable

import pytest

from common.bus import Message
from common.bus.rabbitmq import RabbitBus
from common.contracts.topology import DEAD_LETTERS
from common.telemetry import Telemetry
from kasal_platform.local.program import free_port

Call = Callable[..., Awaitable[tuple[int, list[str], str]]]


@pytest.fixture
def call(mongo_url: str, mongo_prefix: str, redis_url: str, amqp_url: str) -> Call:
    """Run a command over this test's servers; return its code, its lines and its last words."""
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

    async def run(*arguments: str, **settings: str) -> tuple[int, list[str], str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "kasal_platform", *arguments),
            env={**given, **settings},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(90):
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
    await bus.start()
    try:
        headers = {"x-kasal-reason": "nobody knows this job", "x-kasal-queue": "jobs"}
        await bus.publish(DEAD_LETTERS, "", Message("job.submitted.v1", b"{}", headers=headers))
    finally:
        await bus.close()
    code, lines, faults = await call("dead-letters")
    assert (code, faults, lines[-1]) == (0, "", "1 dead letters")
    assert any("nobody knows this job" in line for line in lines)


async def test_dead_letters_of_no_broker_are_refused(call: Call) -> None:
    code, lines, faults = await call("dead-letters", KASAL_AMQP_URL="memory://")
    assert (code, lines) == (1, [])
    assert faults.startswith("KASAL_AMQP_URL must name a RabbitMQ")
    assert faults.count("\n") == 1
