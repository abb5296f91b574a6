"""The schema of the executor's database; see docs/reference/schema.md before you change it."""

from common.migrations import Schema, Step
from common.mongo import Database, ensure_index
from executor.store import receipts
from executor.store.newest import marked

_AT_ONCE = 500


async def indexes(database: Database) -> None:
    """Make the indexes that are missing. Each costs every write of every job, so they are few."""
    executions = database["executions"]
    await ensure_index(
        executions,
        [("open", 1), ("owner", 1), ("status", 1), ("workspace_id", 1), ("created_at", 1)],
        name="care_by_workspace",
        partialFilterExpression={"open": True},
    )
    order = [("status", 1), ("created_at", 1), ("_id", 1)]
    await ensure_index(
        executions, [("workspace_id", 1), ("open", 1), *order], name="list_of_workspace"
    )
    await ensure_index(
        executions,
        [("workspace_id", 1), ("open", 1), ("crew_id", 1), *order],
        name="ended_of_crew",
        partialFilterExpression={"open": None},  # closed jobs have no such field
    )
    await ensure_index(
        executions,
        [("workspace_id", 1), ("mark", 1), ("created_at", 1), ("_id", 1)],
        name="marks",
        partialFilterExpression={"mark": True},
    )
    await ensure_index(database["traces"], [("job_id", 1), ("seq", 1)], name="log", unique=True)
    await ensure_index(database["counters"], [("workspace_id", 1)], name="workspace")
    await receipts.indexes(database)


async def _one_index_for_lists(database: Database) -> None:
    """Drop the two that `workspace` took the place of."""
    await _without(database, "open", "lists")


async def _an_index_for_each_list(database: Database) -> None:
    """Drop the one that had a list read all jobs to find a few, and mark the jobs that are there."""
    await _without(database, "workspace", "care")
    executions = database["executions"]
    found: list[str] = []
    async for row in executions.find({}, {"_id": 1}):
        found += [row["_id"]] if marked(row["_id"]) else []
        if len(found) >= _AT_ONCE:
            await executions.update_many({"_id": {"$in": found}}, {"$set": {"mark": True}})
            found.clear()
    if found:
        await executions.update_many({"_id": {"$in": found}}, {"$set": {"mark": True}})


async def _without(database: Database, *names: str) -> None:
    await indexes(database)  # the lists must not be without any meanwhile
    executions = database["executions"]
    for name in set(names) & (await executions.index_information()).keys():
        await executions.drop_index(name)


SCHEMA = Schema(
    "executor",
    indexes,
    (
        Step("the first indexes"),
        Step("indexes of idempotency receipts"),
        Step("one index for all lists of a workspace", _one_index_for_lists),
        Step("receipts in a collection of their own", receipts.moved),
        Step(
            "indexes for each list of executions, and for turns of workspaces",
            _an_index_for_each_list,
        ),
    ),
)
