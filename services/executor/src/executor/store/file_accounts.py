"""How many files and bytes each workspace has, in MongoDB: the collection `file_accounts`.

A workspace's account is one document: `bytes` and `count`, what uploads in progress `hold` of them, and which files
are being `removed`, so that a removal that is repeated counts once.
"""

import contextlib

from pymongo.errors import DuplicateKeyError

from common.storage.ports import Database, Document
from common.storage.stores import mongo_store

_REMEMBERED = 10_000
"""More removals at once than any process makes."""


@mongo_store
class MongoFileAccounts:
    """Fulfils `Accounts`. 0 is no limit."""

    def __init__(self, database: Database, *, most_bytes: int, most_files: int) -> None:
        self._accounts = database["file_accounts"]
        self._most_bytes = most_bytes
        self._most_files = most_files

    async def hold(self, workspace_id: str, content: str, size: int) -> bool:
        await self._open(workspace_id)
        query = {"_id": workspace_id, **self._room(size)}
        if self._most_files:
            query["count"] = {"$lt": self._most_files}
        change = {"$inc": {"bytes": size, "count": 1}, "$set": {f"hold.{content}": size}}
        return (await self._accounts.update_one(query, change)).matched_count == 1

    async def _open(self, workspace_id: str) -> None:
        if await self._accounts.find_one({"_id": workspace_id}, {"_id": 1}) is None:
            with contextlib.suppress(DuplicateKeyError):
                await self._accounts.insert_one({"_id": workspace_id, "bytes": 0, "count": 0})

    def _room(self, size: int) -> Document:
        return {"bytes": {"$lte": self._most_bytes - size}} if self._most_bytes and size > 0 else {}

    async def resize(self, workspace_id: str, content: str, before: int, after: int) -> bool | None:
        grown = after - before
        query = {"_id": workspace_id, f"hold.{content}": before, **self._room(grown)}
        change = {"$inc": {"bytes": grown}, "$set": {f"hold.{content}": after}}
        if (await self._accounts.update_one(query, change)).matched_count:
            return True
        return None if await self._size_of_hold(workspace_id, content) is None else False

    async def _size_of_hold(self, workspace_id: str, content: str) -> int | None:
        found = await self._accounts.find_one({"_id": workspace_id}, {f"hold.{content}": 1})
        held: int | None = (found or {}).get("hold", {}).get(content)
        return held

    async def settle(self, workspace_id: str, content: str) -> None:
        await self._accounts.update_one({"_id": workspace_id}, {"$unset": {f"hold.{content}": ""}})

    async def release(self, workspace_id: str, content: str) -> None:
        while True:
            held = await self._size_of_hold(workspace_id, content)
            if held is None:
                return
            query = {"_id": workspace_id, f"hold.{content}": held}
            change = {
                "$inc": {"bytes": -held, "count": -1},
                "$unset": {f"hold.{content}": ""},
            }
            if (await self._accounts.update_one(query, change)).matched_count:
                return

    async def remove(self, workspace_id: str, content: str, size: int) -> None:
        query = {"_id": workspace_id, "removed": {"$ne": content}}
        change = {
            "$inc": {"bytes": -size, "count": -1},
            "$push": {"removed": {"$each": [content], "$slice": -_REMEMBERED}},
            "$unset": {f"hold.{content}": ""},
        }
        await self._accounts.update_one(query, change)

    async def forget(self, workspace_id: str, content: str) -> None:
        await self._accounts.update_one({"_id": workspace_id}, {"$pull": {"removed": content}})

    async def usage(self, workspace_id: str) -> tuple[int, int]:
        found = await self._accounts.find_one({"_id": workspace_id}, {"bytes": 1, "count": 1})
        return (0, 0) if found is None else (found["bytes"], found["count"])
