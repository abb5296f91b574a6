"""The schema of crews' database; see docs/reference/schema.md before you change it."""

from common.idempotency import receipts
from common.storage.migrations import MigrationStep, Schema
from common.storage.mongo import ensure_index
from common.storage.ports import Database
from crews.store.documents import crew_of
from crews.store.totals import mark_for_recount


async def indexes(database: Database) -> None:
    """Make the indexes that are missing."""
    crews = database["crews"]
    await ensure_index(crews, [("workspace_id", 1), ("number", 1)])
    await ensure_index(crews, [("workspace_id", 1), ("status", 1), ("number", 1)])
    await ensure_index(crews, [("workspace_id", 1), ("agents.tools", 1)])
    await ensure_index(crews, [("workspace_id", 1), ("tasks.tools", 1)])
    await ensure_index(crews, [("workspace_id", 1), ("published_tools", 1)])
    await ensure_index(crews, [("workspace_id", 1), ("agents.number", 1)])
    await ensure_index(crews, [("workspace_id", 1), ("tasks.number", 1)])
    await ensure_index(crews, "agents.id", unique=True)
    await ensure_index(crews, "task_ids", unique=True, sparse=True)
    await ensure_index(database["crew_versions"], [("crew", 1), ("number", 1)])
    await ensure_index(database["activities"], [("workspace_id", 1), ("shows", 1)])
    await ensure_index(
        database["memories"],
        [("keyed", 1), ("used_at", 1)],
        partialFilterExpression={"keyed": {"$exists": True}},
    )
    await ensure_index(database["tools"], [("workspace_id", 1), ("name", 1)], unique=True)
    await ensure_index(database["model_access"], [("workspace_id", 1), ("kind", 1)])
    servers = database["mcp_servers"]
    await ensure_index(servers, [("workspace_id", 1), ("name", 1)], unique=True)
    for created in (crews, database["tools"], servers):
        await ensure_index(created, "gone_until", expireAfterSeconds=0)
        await receipts.indexes(created)


async def _managed_without_agents(database: Database) -> None:
    """Give hierarchical crews with unassigned tasks the status they have now, and recount."""
    fields = {"idempotency": 0}
    waiting = {"process": "hierarchical", "status": "configuring", "task_ids": {"$exists": True}}
    async for document in database["crews"].find(waiting, fields):
        status = crew_of(document).status
        if status != document["status"]:
            read_with = {"_id": document["_id"], "version": document["version"]}
            await mark_for_recount(database, document["workspace_id"])
            await database["crews"].update_one(read_with, {"$set": {"status": status}})


SCHEMA = Schema(
    "crews",
    indexes,
    (
        MigrationStep("the first indexes"),
        MigrationStep("indexes of idempotency receipts"),
        MigrationStep("hierarchical crews whose tasks need no agent", _managed_without_agents),
        MigrationStep("an index of the memories that are kept apart by a key"),
        MigrationStep("indexes of crews by status, and by the tools they use"),
        MigrationStep("an index of workspaces' own keys and endpoints of models"),
        MigrationStep("indexes of crews' versions, and of the tools that published ones use"),
        MigrationStep("indexes of MCP servers"),
    ),
)
