"""What a step of the schema leaves of earlier releases."""

from common.times import utc_now
from executor.store.migrations import SCHEMA, indexes


async def test_the_marks_of_earlier_releases_are_dropped_with_their_index(store_database):
    database = store_database("executor")
    await indexes(database)
    await database["marks"].insert_one({"_id": "job_1", "workspace_id": "ws_1"})
    job = {"_id": "job_1", "workspace_id": "ws_1", "created_at": utc_now()}
    await database["executions"].insert_one(job)
    steps = [one for one in SCHEMA.steps if "marks" in one.title]
    for _ in range(2):  # a step may be cut off, and is done again then
        for step in steps:
            await step.change(database)
    names = await database.list_collection_names()
    assert "marks" not in names
    assert "executions" in names
