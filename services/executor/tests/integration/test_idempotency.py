"""Idempotency-Key on executions: the same key is the same job, which runs once.

Covers: common.idempotency.header
"""

import asyncio
from datetime import timedelta

import pytest

from common.bus import encode
from common.contracts.events import EventType
from common.contracts.messages import JobSubmitted
from common.contracts.topology import JOBS
from common.errors import Unavailable
from common.times import utc_now
from executor.domain.log.journal import TooLarge
from executor.store.receipts import move_receipts

KEY = '"8e03978e-40d5-43e8-bc93-6894a57f9324"'
BODY = {"crew_id": "crew_abc123", "inputs": {"topic": "bees", "deadline": "2024-12-31"}}


@pytest.fixture
async def post(executor_app, served, make_token):
    """Return the app and a function that returns status, body and whether it was replayed."""
    async with served(executor_app) as running:

        async def send(body=BODY, key=KEY, **token):
            headers = {"Authorization": f"Bearer {make_token(**token)}"}
            headers |= {"Idempotency-Key": key} if key else {}
            async with running.http.post("/executions", json=body, headers=headers) as answer:
                return (
                    answer.status,
                    await answer.json(),
                    "Idempotency-Replayed" in answer.headers,
                )

        yield send


@pytest.fixture
def jobs(store_database):
    return store_database("executor")["executions"]


@pytest.fixture
def receipts(store_database):
    return store_database("executor")["receipts"]


async def test_the_same_key_is_the_same_job(post, jobs):
    status, first, replayed = await post()
    assert (status, replayed) == (202, False)
    assert await post() == (202, first, True)
    assert await jobs.count_documents({}) == 1
    status, told, _ = await post({**BODY, "inputs": {"topic": "wasps"}})
    assert (status, told["error"]["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    for elsewhere in ({"workspace_id": "ws_other"}, {"key": "another"}, {"key": ""}):
        status, other, replayed = await post(**elsewhere)
        assert (status, replayed) == (202, False)
        assert other["job_id"] != first["job_id"]


async def test_of_many_requests_at_once_one_starts_a_job(post, jobs):
    answers = await asyncio.gather(*(post() for _ in range(16)))
    assert {status for status, _, _ in answers} == {202}
    assert len({told["job_id"] for _, told, _ in answers}) == 1
    assert [replayed for _, _, replayed in answers].count(False) == 1
    assert await jobs.count_documents({}) == 1


async def test_a_request_that_was_lost_before_its_answer_runs_once(
    post, executor_app, workers, make_runner, eventually, jobs, monkeypatch
):
    """As when the process dies after the write: nobody has published the job, nobody has answered."""
    executions = executor_app.state.use_cases.submission._intake.executions
    insert = executions.insert

    async def cut_off(*given):
        await insert(*given)
        monkeypatch.undo()
        raise Unavailable

    monkeypatch.setattr(executions, "insert", cut_off)
    assert (await post())[0] == 503
    status, told, replayed = await post()
    assert (status, replayed) == (202, True)
    await workers.start(make_runner())

    async def done():
        return await jobs.find_one({"_id": told["job_id"], "status": "completed"})

    job = await eventually(done)
    assert await post() == (202, told, True)
    assert (await jobs.count_documents({}), job["attempt"]) == (1, 1)


async def test_a_crew_that_is_gone_does_not_matter_to_a_replay(post, peers):
    _, first, _ = await post()
    peers.crews.clear()
    assert await post() == (202, first, True)
    assert (await post(key="another"))[0] == 404


async def test_a_refused_start_leaves_its_key_free(post):
    assert (await post({**BODY, "crew_id": "crew_nothing"}))[0] == 404
    assert (await post())[0] == 202


async def test_a_day_later_the_key_starts_a_job(post, receipts):
    _, first, _ = await post()
    ran_out = {"$set": {"until": utc_now()}}
    assert (await receipts.update_one({"job_id": first["job_id"]}, ran_out)).modified_count == 1
    other = {**BODY, "inputs": {"topic": "wasps"}}
    status, second, replayed = await post(other)
    assert (status, replayed) == (202, False)
    assert second["job_id"] != first["job_id"]
    assert await post(other) == (202, second, True)
    assert [entry["job_id"] async for entry in receipts.find()] == [second["job_id"]]


async def test_a_request_that_died_before_its_job_was_stored_is_taken_up_under_the_same_id(
    post, executor_app, jobs, receipts, monkeypatch
):
    """Nobody may make a second job, though the first may only be slow."""
    store = executor_app.state.use_cases.submission._intake.executions
    inserting, late = store._inserting, []

    async def cut_off(document):
        late.append(document)
        raise Unavailable

    monkeypatch.setattr(store, "_inserting", cut_off)
    assert (await post())[0] == 503
    monkeypatch.undo()
    assert await jobs.count_documents({}) == 0
    status, told, _ = await post()
    assert (status, told["job_id"]) == (202, late[0]["_id"])
    assert not await inserting(late[0]), "as when it was only slow"
    assert [job["_id"] async for job in jobs.find()] == [told["job_id"]]
    assert await post() == (202, told, True)
    assert (await post({**BODY, "inputs": {"topic": "wasps"}}))[0] == 422


async def test_a_job_that_is_too_large_leaves_its_key_free(
    post, executor_app, receipts, monkeypatch
):
    async def refused(_):
        raise TooLarge

    store = executor_app.state.use_cases.submission._intake.executions
    monkeypatch.setattr(store, "_inserting", refused)
    assert (await post())[0] == 400
    assert await receipts.count_documents({}) == 0
    monkeypatch.undo()
    assert (await post())[0] == 202


async def test_one_job_by_key_and_by_the_bus_runs_once(
    post, executor_app, workers, make_runner, eventually, jobs
):
    runner = make_runner()
    _, told, _ = await post()
    message = JobSubmitted(
        job_id=told["job_id"], workspace_id="ws_test", crew_id=BODY["crew_id"], inputs={}
    )
    bus = executor_app.state.bus
    for _ in range(3):
        await bus.publish(JOBS, JobSubmitted.message_type, encode(message))
    await workers.start(runner)
    await workers.start(runner)

    async def done():
        return await jobs.find_one({"status": "completed"})

    job = await eventually(done)
    await bus.publish(JOBS, JobSubmitted.message_type, encode(message))
    assert await post() == (202, told, True)
    assert (job["_id"], job["attempt"]) == (told["job_id"], 1)
    assert await jobs.count_documents({}) == 1
    starts = [one for one in job["tail"] if one["type"] == EventType.EXECUTION_START.value]
    assert len(starts) == 1


async def test_a_malformed_key_is_a_400(post, jobs):
    status, told, _ = await post(key="two words")
    assert (status, told["error"]["details"]["field"]) == (400, "Idempotency-Key")
    assert await jobs.count_documents({}) == 0


async def test_receipts_that_executions_held_are_moved_to_their_collection(
    store_database, receipts
):
    """By the step that lets executions be sharded: the unique index on them is gone."""
    database = store_database("executor")
    executions, until = database["executions"], utc_now() + timedelta(hours=1)
    held = [{"key": f"k{n}", "body": "b", "answer": b"{}", "until": until} for n in (1, 2)]
    await executions.insert_one({"_id": "job_1", "idempotency": held})
    await executions.insert_one({"_id": "job_2"})
    await executions.create_index("idempotency.key", unique=True, sparse=True)
    await executions.create_index("idempotency.until", sparse=True)
    for _ in range(2):
        await move_receipts(database)
    assert {e["_id"]: e["job_id"] async for e in receipts.find()} == {"k1": "job_1", "k2": "job_1"}
    assert await executions.index_information() == {"_id_": {"key": [("_id", 1)], "v": 2}}
