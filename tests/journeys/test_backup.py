"""The platform is backed up while it works, lost as a whole, and brought back from the backup.

Covers: kasal_platform.backup.restoring, kasal_platform.backup.saving, kasal_platform.commands.backup,
    kasal_platform.commands.restore
"""

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import bson
import pytest
import pytest_asyncio
from journeys.model import ScriptedModel
from journeys.platforms import Platform
from journeys.restored import check_restored
from journeys.users import User, registered
from pymongo import MongoClient
from redis import Redis

from devkit.broker import purge
from kasal_platform.backup import plan
from kasal_platform.config import Settings
from kasal_platform.stack import stack_in

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.own_platform]

ROOT = Path(__file__).parents[2]
JOBS_MEANWHILE = 20


@dataclass
class Site:
    """Where platforms are started one after the other, over one set of backends."""

    folder: Path
    given: dict[str, str]
    model: Any

    @asynccontextmanager
    async def platform(self, prefix: str) -> AsyncIterator[Any]:
        extra = {
            "KASAL_MONGO_DATABASE_PREFIX": prefix,
            "KASAL_OPENAI_BASE_URL": self.model.url,
            "KASAL_LOG_FORMAT": "json",
            "KASAL_PLAN_CHANGES": "true",
            "OPENAI_API_KEY": "",
            "KASAL_OPEN_ROUTE_LIMIT": "100000",
        }
        given = {**os.environ, **self.given}
        async with stack_in(Settings(port=0), self.folder, given, extra) as stack:
            base = stack.urls["KASAL_GATEWAY_URL"] + "/api/v1"
            yield Platform("stack", base, self.folder, self.model, stack=stack)

    async def tool(self, prefix: str, *arguments: str) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "kasal_platform", *arguments),
            cwd=ROOT,
            env={**os.environ, **self.given, "KASAL_MONGO_DATABASE_PREFIX": prefix},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, faults = await process.communicate()
        return process.returncode or 0, said.decode(), faults.decode()


@pytest_asyncio.fixture(loop_scope="session")
async def site(
    tmp_path: Path, mongo_url: str, redis_url: str, amqp_url: str
) -> AsyncIterator[Site]:
    model = ScriptedModel()
    await model.start()
    given = {"KASAL_MONGO_URL": mongo_url, "KASAL_REDIS_URL": redis_url, "KASAL_AMQP_URL": amqp_url}
    yield Site(tmp_path, given, model)
    await model.close()


async def test_a_platform_is_brought_back_from_a_backup_made_while_it_worked(site: Site) -> None:
    old, new = (f"backup_{secrets.token_hex(4)}_{name}_" for name in ("old", "new"))
    folder = site.folder / "saved"
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        async with site.platform(old) as platform:
            user = await registered(User(platform, http))
            quick = await user.crew("Say one thing", "Say another", model="gpt-4")
            done = await user.finished(await user.start(quick))
            held = await user.start(
                await user.crew("First", "Then hold:held", "Last", model="gpt-4")
            )
            await site.model.held("held")
            before = await user.call("GET", f"/executions/{done['job_id']}/traces", expect=200)
            saving = asyncio.create_task(site.tool(old, "backup", str(folder)))
            meanwhile = [await user.start(quick) for _ in range(JOBS_MEANWHILE)]
            assert (await saving)[::2] == (0, "")
            for job_id in meanwhile:
                await user.finished(job_id)

        await purge(site.given["KASAL_AMQP_URL"])
        with Redis.from_url(site.given["KASAL_REDIS_URL"]) as redis:
            redis.flushdb()
        with MongoClient(site.given["KASAL_MONGO_URL"]) as client:
            for service in ("auth", "crews", "executor"):
                client.drop_database(old + service)
        status, said, faults = await site.tool(new, "restore", str(folder))
        assert (status, faults) == (0, ""), said
        site.model.release("held")

        async with site.platform(new) as platform:
            user.move_to(platform)
            assert (await user.call("GET", "/auth/me", expect=200))["email"] == user.email
            await user.login()  # the password, and a token signed by a key that could be opened
            await check_restored(user, quick, done, before, held, meanwhile)


async def test_a_restore_goes_over_nothing_and_a_backup_must_be_whole(site: Site) -> None:
    prefix, folder = f"backup_{secrets.token_hex(4)}_", site.folder / "saved"
    with MongoClient(site.given["KASAL_MONGO_URL"]) as client:
        users = client[f"{prefix}auth"]["users"]
        users.insert_one({"_id": "usr_1", "account": "a@example.com"})
        for service in ("auth", "crews", "executor"):
            schema = {"_id": "schema", "version": 1, "oldest": 0, "lock": {"by": "x", "beat": 1}}
            client[prefix + service]["schema"].insert_one(schema)
        assert (await site.tool(prefix, "backup", str(folder)))[0] == 0
        status, _, faults = await site.tool(prefix, "backup", str(folder))
        assert (status, faults) == (1, f"{folder} exists already: name a new folder.\n")

        users.insert_one({"_id": "usr_2", "account": "b@example.com"})
        status, _, faults = await site.tool(prefix, "restore", str(folder))
        assert (status, faults.count("\n")) == (1, 1)
        assert faults.startswith(f"{prefix}auth is not empty (users)")
        assert users.count_documents({}) == 2
        assert (await site.tool(prefix, "restore", str(folder), "--drop"))[0] == 0
        assert [user["_id"] for user in users.find()] == ["usr_1"]
        assert "account_1" in users.index_information()

        (folder / f"{prefix}crews" / "schema.bson").unlink()
        status, _, faults = await site.tool(prefix, "restore", str(folder), "--drop")
        assert (status, faults.count("\n")) == (1, 1)
        assert "not a complete backup of crews" in faults
        assert users.count_documents({}) == 1


async def test_what_moves_during_a_backup_is_settled_and_told_again(mongo_url: str) -> None:
    now = datetime.now(UTC)
    with MongoClient(mongo_url, tz_aware=True) as client:
        held = client[f"backup_{secrets.token_hex(4)}_executor"]

        def job(name: str, **fields: Any) -> dict[str, Any]:
            return {"_id": name, "seq": 5, "published": 5, "owner": "w", "created_at": now} | fields

        held["executions"].insert_many(
            [job("settled"), job("runs", open=True), job("ends", open=True)]
        )
        held["counters"].insert_one({"_id": "ws:crew", "counted": [{"job": "settled"}]})
        beginning = plan.Beginning.of(held)
        held["executions"].update_one({"_id": "ends"}, {"$unset": {"open": 1}})
        held["executions"].insert_many(
            [job("new"), job("older", created_at=now - timedelta(days=1))]
        )
        held["counters"].update_one({}, {"$push": {"counted": {"job": "ends"}}})

        saved = {row["_id"]: beginning.execution(row) for row in held["executions"].find()}
        again = {"open": True, "owner": None, "published": 0}
        for name in ("runs", "ends", "new"):
            assert again.items() <= saved[name].items(), name
        for name in ("settled", "older"):
            assert saved[name]["published"] == 5
            assert "open" not in saved[name]
        assert [entry["job"] for entry in bson.decode(beginning.counters[0])["counted"]] == [
            "settled"
        ]
        kept = [beginning.trace({"job_id": "runs", "seq": seq}) for seq in (5, 6)]
        assert kept == [{"job_id": "runs", "seq": 5}, None]
        assert beginning.trace({"job_id": "of a job that came later", "seq": 1}) is None


async def test_executions_are_saved_before_their_traces_and_leases_not_at_all() -> None:
    names = ["workers", "counters", "traces", "schema", "executions", "something_new"]
    assert plan.collections_in_order("executor", names) == [
        *("executions", "traces", "counters", "schema", "something_new"),
    ]
    assert plan.collections_in_order("auth", ["workspaces", "users", "sessions"])[:2] == [
        "users",
        "workspaces",
    ]
