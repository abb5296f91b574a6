"""Every query of a job's way names its shard key; what does not is known, and bounded.

The keys are those of deploy/mongodb/shard.js. On a sharded MongoDB a query without its collection's key goes
to every shard, so one per job would make the shards no help.
"""

import asyncio
import time

import pytest

from devkit.commands import shard_keys, unfit_indexes
from executor.store.executions import MongoExecutions
from executor.store.migrations import indexes

KEYS = shard_keys("executor")
JOBS = 12

BY_WORKERS = {
    "find executions(open, owner, status)",  # orphans, own jobs, what is not settled
    "find executions(created_at, open, status, workspace_id)",  # queued jobs, by turn
    "find executions(open, owner, status, workspace_id)",  # jobs that wait for a person
    "distinct executions(open, owner)",
    "distinct executions(open, owner, status)",  # workspaces with queued jobs
}
"""What workers look for, so often a second and worker, whatever the jobs: by lot (domain/worker/lookout.py) but
for each worker's own."""
BY_LISTS = {
    "find executions(created_at, open, status, workspace_id)",
    "find executions(open, status, workspace_id)",
    "find counters(workspace_id)",
}
"""What a list of executions or an analysis of a workspace reads, once a request."""
BY_QUOTAS = {
    "aggregate executions(open, status, workspace_id)",
    "find counters(workspace_id)",
}
"""When a workspace's first job comes to a process; then after half as many as it may still have, and
after half a minute."""
BY_MIGRATIONS = {"find executions()"}
"""Once, before anything else."""
BY_SWEEPS = {"delete receipts(until)"}
"""Every ten minutes and api process."""
BY_CENSUS = {"aggregate executions(open, owner, status)"}
"""Every 15 s and api process."""


@pytest.fixture
async def call(commands, executor_app, served, make_token):
    async with served(executor_app) as running:

        async def ask(method, path, body=None, key=None):
            headers = {"Authorization": f"Bearer {make_token()}"}
            headers |= {"Idempotency-Key": f'"{key}"'} if key else {}
            async with running.http.request(method, path, json=body, headers=headers) as answer:
                assert answer.status < 300, await answer.text()
                return await answer.json()

        yield ask


@pytest.fixture
async def ran(call, workers, make_runner, eventually, store_database):
    """The ids of jobs that were posted, watched and run to their end."""
    await workers.start(make_runner())
    executions = MongoExecutions(store_database("executor"))
    body = {"crew_id": "crew_abc123", "inputs": {"topic": "bees"}}
    made = [call("POST", "/executions", body, f"key-{n}") for n in range(JOBS)]
    job_ids = [told["job_id"] for told in await asyncio.gather(*made)]

    async def closed():
        heads = [await executions.head(job_id) for job_id in job_ids]
        return all(head is not None and not head.open for head in heads)

    await eventually(closed)
    for job_id in job_ids:
        await call("GET", f"/executions/{job_id}")
        await call("GET", f"/executions/{job_id}/traces?limit=200")
    return job_ids


async def test_a_jobs_way_asks_only_the_shards_that_have_it(ran, commands):
    scattered = commands.count_scattered(KEYS)
    assert (
        scattered.keys()
        <= BY_WORKERS | BY_SWEEPS | BY_CENSUS | BY_LISTS | BY_MIGRATIONS | BY_QUOTAS
    ), scattered
    lists = sum(
        count for shape, count in scattered.items() if shape in BY_LISTS - BY_WORKERS - BY_QUOTAS
    )
    quotas = sum(count for shape, count in scattered.items() if shape in BY_QUOTAS)
    assert quotas <= 2
    assert lists == 0, "a job needs no list"
    kinds = {(one.command, one.collection) for one in commands.sent}
    for needed in ("insert executions", "update executions", "find executions", "update counters"):
        assert tuple(needed.split()) in kinds, "or this has looked at nothing"


async def test_a_list_asks_all_shards_so_many_times_a_request(ran, call, commands, workers):
    await workers.close()
    workers._running.clear()
    commands.clear()
    found = await call("GET", "/executions?limit=20")
    assert len(found["executions"]) == JOBS
    scattered = commands.count_scattered(KEYS)
    assert scattered.keys() - BY_SWEEPS - BY_CENSUS <= BY_LISTS
    assert sum(scattered.values()) <= 16


async def test_unique_indexes_begin_with_the_shard_key(store_database):
    database = store_database("executor")
    await indexes(database)
    names = set(await database.list_collection_names())
    assert KEYS.keys() <= names | {"counters"}
    found = {name: await database[name].index_information() for name in names}
    assert unfit_indexes(KEYS, found) == set()


async def test_the_rule_for_unique_indexes_finds_what_does_not_fit(store_database):
    things = store_database("executor")["things"]
    await things.create_index([("key", 1), ("n", 1)], unique=True)
    found = {"things": await things.index_information()}
    assert unfit_indexes({"things": "key"}, found) == set()
    assert unfit_indexes({"things": "_id"}, found) == {"things.key_1_n_1"}


async def test_an_idle_worker_asks_so_often_a_second(commands, workers, make_runner, settings):
    """What docs/how-to/scale.md reckons with, at the usual pace of a beat each half a second."""
    await workers.start(make_runner(), lease_beat=0.5, lease_silence=2.0)
    await beaten(commands, 2)
    commands.clear()
    began = time.monotonic()
    await beaten(commands, 8)
    seconds = time.monotonic() - began
    own = commands.counted["update workers"] + commands.counted["find workers"]
    looks = sum(commands.counted.values()) - own
    assert own / seconds < 5.2
    assert looks / seconds < 14


async def beaten(commands, times):
    while commands.counted["update workers"] < times:  # noqa: ASYNC110 - a database tells nobody
        await asyncio.sleep(0.02)
