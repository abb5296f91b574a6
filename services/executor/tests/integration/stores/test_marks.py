"""Marks of executions: made with the job, and for those that were there before."""

from common.times import utc_now
from executor.domain.log.execution import Execution
from executor.store.executions import MongoExecutions
from executor.store.marks import is_marked
from executor.store.migrations import SCHEMA, indexes

MADE = utc_now()
IDS = [f"job_{n}" for n in range(400)]
WANTED = {job_id for job_id in IDS if is_marked(job_id)}


async def marks(database):
    rows = await database["marks"].find({}).to_list()
    assert {row["workspace_id"] for row in rows} <= {"ws_1"}
    return {row["_id"] for row in rows}


async def test_one_job_in_some_hundred_is_marked_when_it_is_stored(store_database):
    database = store_database("executor")
    await indexes(database)
    executions = MongoExecutions(database)
    for job_id in [*WANTED, "job_a"]:
        assert await executions.insert(Execution(job_id, "ws_1", "crew_1", MADE))
    assert 1 <= len(WANTED) <= 12
    found = await marks(database)
    assert found == (WANTED if await executions._marks.needed() else set())


async def test_jobs_of_an_older_release_are_marked_by_the_step_that_drops_the_index(store_database):
    database = store_database("executor")
    await database["executions"].create_index([("workspace_id", 1), ("mark", 1)], name="marks")
    rows = [{"_id": job_id, "workspace_id": "ws_1", "created_at": MADE} for job_id in IDS]
    await database["executions"].insert_many(rows)
    for _ in range(2):  # it may be cut off, and is done again then
        await SCHEMA.steps[5].change(database)
        assert await marks(database) == WANTED
    assert "marks" not in await database["executions"].index_information()
