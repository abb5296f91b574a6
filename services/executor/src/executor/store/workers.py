"""Worker leases in MongoDB: one counter per worker process."""

from collections.abc import Mapping

from common.mongo import Database
from common.times import utc_now
from executor.store.reach import reaching


class MongoLeases:
    """Fulfils `Leases`."""

    def __init__(self, database: Database) -> None:
        self._workers = database["workers"]

    async def beat(self, worker_id: str, counter: int) -> Mapping[str, int]:
        with reaching():
            # `seen` is for people who look; nobody decides by it.
            await self._workers.update_one(
                {"_id": worker_id}, {"$set": {"counter": counter, "seen": utc_now()}}, upsert=True
            )
        return await self.counters()

    async def counters(self) -> Mapping[str, int]:
        with reaching():
            cursor = self._workers.find({}, {"counter": 1})
            return {document["_id"]: document["counter"] async for document in cursor}

    async def leave(self, worker_id: str) -> None:
        with reaching():
            await self._workers.delete_one({"_id": worker_id})
