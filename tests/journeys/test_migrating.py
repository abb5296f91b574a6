"""Databases are brought to their schema by a verb; services look, and say in one line what is amiss.

Covers: kasal_platform.databases, kasal_platform.schemas
"""

import asyncio
import os
import secrets
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pymongo import MongoClient

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.own_platform]

SERVICES = ("gateway", "auth", "crews", "executor", "events")
KEEPING = ("auth", "crews", "executor")
PROCESSES = [("auth", "serve"), ("crews", "serve"), ("executor", "serve"), ("executor", "work")]

Ended = tuple[int, list[str], list[str]]
Call = Callable[..., Awaitable[Ended]]


@pytest.fixture
def prefix() -> str:
    return f"migrating_{secrets.token_hex(4)}_"


@pytest.fixture
def call(mongo_url: str, prefix: str) -> Call:
    """Run a service's verb to its end; return its exit code and the lines that it said."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("KASAL_")},
        "KASAL_MONGO_URL": mongo_url,
        "KASAL_MONGO_DATABASE_PREFIX": prefix,
    }
    serving = {
        "KASAL_AMQP_URL": "amqp://127.0.0.1:1",
        "KASAL_REDIS_URL": "redis://127.0.0.1:1",
        "KASAL_SERVICE_SECRET": "a secret of the tests",
        "KASAL_SECRET_KEY": "another secret of the tests",
        "KASAL_LOG_LEVEL": "WARNING",
        "KASAL_PORT": "0",
    }

    async def called(service: str, verb: str) -> Ended:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", service, verb),
            env=environment | ({} if verb == "migrate" else serving),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(120):
            said, faults = await process.communicate()
        assert process.returncode is not None
        return process.returncode, said.decode().splitlines(), faults.decode().splitlines()

    return called


async def test_a_migration_is_asked_of_every_service_and_may_be_repeated(
    call: Call, mongo_url: str, prefix: str
) -> None:
    outcomes = await asyncio.gather(*(call(service, "migrate") for service in 2 * SERVICES))
    for service, (code, said, faults) in zip(2 * SERVICES, outcomes, strict=True):
        assert (code, faults) == (0, []), service
        last = f"{prefix}{service} is at schema version " if service in KEEPING else "nothing to"
        assert last in said[-1]
    steps = [line for _, said, _ in outcomes for line in said if " step 1: " in line]
    assert len(steps) == len(KEEPING), "of two at once, one does each step"
    with MongoClient[dict[str, Any]](mongo_url) as client:
        for service in KEEPING:
            noted = client[prefix + service]["schema"].find_one() or {}
            assert noted["version"] >= 2
            assert "lock" not in noted


@pytest.mark.parametrize(("service", "verb"), PROCESSES)
async def test_a_service_does_not_start_on_another_schema(
    call: Call, mongo_url: str, prefix: str, service: str, verb: str
) -> None:
    code, said, faults = await call(service, verb)
    assert (code, said, len(faults)) == (1, [], 1), faults
    assert f"at schema version 0 and this {service} needs" in faults[0]
    assert faults[0].endswith(f"run `python -m {service} migrate`.")
    with MongoClient[dict[str, Any]](mongo_url) as client:
        assert client[prefix + service].list_collection_names() == []
        newer = {"_id": "schema", "version": 99, "oldest": 98}
        client[prefix + service]["schema"].insert_one(newer)
        for verb_ in (verb, "migrate"):
            code, said, faults = await call(service, verb_)
            assert (code, said, len(faults)) == (1, [], 1), faults
            assert f"which needs a {service} of 98 or higher" in faults[0]
        assert client[prefix + service]["schema"].find_one() == newer
