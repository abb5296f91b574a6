"""The schema of the executor's database; see docs/reference/schema.md before you change it."""

from common.idempotency import receipts
from common.migrations import Schema, Step
from common.mongo import Database, ensure_index


async def indexes(database: Database) -> None:
    """Make the indexes that are missing."""
    only_open = {"open": True}
    executions = database["executions"]
    await ensure_index(
        executions,
        [("open", 1), ("owner", 1), ("status", 1), ("created_at", 1)],
        name="care",
        partialFilterExpression=only_open,
    )
    await ensure_index(
        executions,
        [("open", 1), ("workspace_id", 1), ("status", 1)],
        name="open",
        partialFilterExpression=only_open,
    )
    await ensure_index(executions, [("workspace_id", 1), ("created_at", 1)], name="lists")
    await ensure_index(database["traces"], [("job_id", 1), ("seq", 1)], name="log", unique=True)
    await ensure_index(database["counters"], [("workspace_id", 1)], name="workspace")
    await receipts.indexes(executions)


SCHEMA = Schema(
    "executor", indexes, (Step("the first indexes"), Step("indexes of idempotency receipts"))
)
