"""The schema of the executor's database; see docs/reference/schema.md before you change it."""

from common.migrations import Schema, Step
from common.mongo import Database, ensure_index
from executor.store import receipts


async def indexes(database: Database) -> None:
    """Make the indexes that are missing."""
    executions = database["executions"]
    await ensure_index(
        executions,
        [("open", 1), ("owner", 1), ("status", 1), ("created_at", 1)],
        name="care",
        partialFilterExpression={"open": True},
    )
    await ensure_index(
        executions, [("workspace_id", 1), ("open", 1), ("created_at", 1)], name="workspace"
    )
    await ensure_index(database["traces"], [("job_id", 1), ("seq", 1)], name="log", unique=True)
    await ensure_index(database["counters"], [("workspace_id", 1)], name="workspace")
    await receipts.indexes(database)


async def _one_index_for_lists(database: Database) -> None:
    """Drop the two that `workspace` takes the place of: each costs every write of every job."""
    await indexes(database)  # the lists must not be without one meanwhile
    executions = database["executions"]
    known = await executions.index_information()
    for name in {"open", "lists"} & known.keys():
        await executions.drop_index(name)


SCHEMA = Schema(
    "executor",
    indexes,
    (
        Step("the first indexes"),
        Step("indexes of idempotency receipts"),
        Step("one index for all lists of a workspace", _one_index_for_lists),
        Step("receipts in a collection of their own", receipts.moved),
    ),
)
