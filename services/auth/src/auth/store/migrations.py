"""The schema of auth's database; see docs/reference/schema.md before you change it."""

from auth.domain.accounts.users import account_of
from common.idempotency import receipts
from common.storage.migrations import MigrationStep, Schema
from common.storage.mongo import ensure_index
from common.storage.ports import Database


async def indexes(database: Database) -> None:
    """Make the indexes that are missing."""
    await ensure_index(database["users"], "account", unique=True)
    await ensure_index(database["workspaces"], "members.user_id")
    await ensure_index(database["workspaces"], "shut_outs.until")
    await ensure_index(database["sessions"], "expires_at", expireAfterSeconds=0)
    await ensure_index(database["sessions"], "revoked_until", sparse=True)
    await ensure_index(database["sessions"], "user_id")
    await ensure_index(database["api_keys"], "secret_hash", unique=True)
    await ensure_index(database["api_keys"], "workspace_id")
    await ensure_index(database["api_keys"], "revoked_until", expireAfterSeconds=0)
    await ensure_index(database["signing_keys"], "number", unique=True)
    for created in ("users", "workspaces", "api_keys"):
        await receipts.indexes(database[created])


async def accounts_by_lower_case(database: Database) -> None:
    """Identify accounts by lower case, where casefolding had replaced letters."""
    beyond_ascii = {"account": {"$ne": None}, "email": {"$regex": "[^\\x00-\\x7f]"}}
    async for user in database["users"].find(beyond_ascii, {"email": 1, "account": 1}):
        account = account_of(user["email"])
        if account != user["account"]:
            await database["users"].update_one({"_id": user["_id"]}, {"$set": {"account": account}})


SCHEMA = Schema(
    "auth",
    indexes,
    (
        MigrationStep("the first indexes"),
        MigrationStep("indexes of idempotency receipts"),
        MigrationStep(
            "an index of sessions by user; accounts by lower case", accounts_by_lower_case
        ),
    ),
)
