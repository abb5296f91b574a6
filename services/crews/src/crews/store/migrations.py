"""The schema of crews' database; see docs/reference/schema.md before you change it."""

from common.idempotency import receipts
from common.migrations import Schema, Step
from common.mongo import Database, ensure_index


async def indexes(database: Database) -> None:
    """Make the indexes that are missing."""
    crews = database["crews"]
    await ensure_index(crews, [("workspace_id", 1), ("number", 1)])
    await ensure_index(crews, [("workspace_id", 1), ("agents.number", 1)])
    await ensure_index(crews, [("workspace_id", 1), ("tasks.number", 1)])
    await ensure_index(crews, "agents.id", unique=True)
    await ensure_index(crews, "task_ids", unique=True, sparse=True)
    await ensure_index(database["activities"], [("workspace_id", 1), ("shows", 1)])
    await ensure_index(database["tools"], [("workspace_id", 1), ("name", 1)], unique=True)
    for created in (crews, database["tools"]):
        await ensure_index(created, "gone_until", expireAfterSeconds=0)
        await receipts.indexes(created)


SCHEMA = Schema(
    "crews", indexes, (Step("the first indexes"), Step("indexes of idempotency receipts"))
)
