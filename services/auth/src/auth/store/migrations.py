"""The schema of auth's database; see docs/reference/schema.md before you change it."""

from common.idempotency import receipts
from common.migrations import Schema, Step
from common.mongo import Database, ensure_index


async def indexes(database: Database) -> None:
    """Make the indexes that are missing."""
    await ensure_index(database["users"], "account", unique=True)
    await ensure_index(database["workspaces"], "members.user_id")
    await ensure_index(database["workspaces"], "shut_outs.until")
    await ensure_index(database["sessions"], "expires_at", expireAfterSeconds=0)
    await ensure_index(database["sessions"], "revoked_until", sparse=True)
    await ensure_index(database["api_keys"], "secret_hash", unique=True)
    await ensure_index(database["api_keys"], "workspace_id")
    await ensure_index(database["api_keys"], "revoked_until", expireAfterSeconds=0)
    await ensure_index(database["signing_keys"], "number", unique=True)
    for created in ("users", "workspaces", "api_keys"):
        await receipts.indexes(database[created])


SCHEMA = Schema(
    "auth", indexes, (Step("the first indexes"), Step("indexes of idempotency receipts"))
)
