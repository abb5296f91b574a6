"""Worker leases in MongoDB: one counter per worker process."""

from collections.abc import Mapping

from common.storage.ports import Database
from common.times import utc_now
from executor.domain.leases import Signs
from executor.store.reach import reaching


class MongoLeases:
    """Fulfils `Leases`."""

    def __init__(self, database: Database) -> None:
        self._workers = database["workers"]

    async def beat(self, worker_id: str, counter: int, *, full: bool = False) -> Signs:
        # `seen` is for people who look; nobody decides by it.
        change = {"counter": counter, "full": full, "seen": utc_now()}
        with reaching():
            await self._workers.update_one({"_id": worker_id}, {"$set": change}, upsert=True)
            leases = await self._workers.find({}, {"counter": 1, "full": 1}).to_list()
        return Signs(
            {lease["_id"]: lease["counter"] for lease in leases},
            frozenset(lease["_id"] for lease in leases if lease.get("full")),
        )

    async def counters(self) -> Mapping[str, int]:
        with reaching():
            cursor = self._workers.find({}, {"counter": 1})
            return {document["_id"]: document["counter"] async for document in cursor}

    async def leave(self, worker_id: str) -> None:
        with reaching():
            await self._workers.delete_one({"_id": worker_id})
