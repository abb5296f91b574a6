"""Memory in MongoDB: one bounded document per shelf, found by its id alone."""

from datetime import datetime

from pymongo.errors import DuplicateKeyError

from common.contracts.memory import CREW, WORKSPACE
from common.logs import get_logger
from common.storage.formats import FIELD as FORMAT
from common.storage.formats import format_of
from common.storage.ports import Database, Document
from common.storage.stores import mongo_store
from common.times import utc_now
from crews.domain.memory import FOR_SNAPSHOT, Entry, Memory, MemoryKind

log = get_logger(__name__)

NEWEST = 1
"""The newest format of these documents that this code reads, and the one it writes."""


@mongo_store
class MongoMemories:
    """The collection `memories`. A crew has at most `key_limit` that are kept apart by a key."""

    def __init__(self, database: Database, key_limit: int = 10_000) -> None:
        self._memories = database["memories"]
        self._limit = key_limit

    async def find(self, memory_id: str) -> Memory | None:
        document = await self._memories.find_one({"_id": memory_id})
        return None if document is None else _memory(document)

    async def newest(self, memory_id: str) -> Memory | None:
        short, long = FOR_SNAPSHOT
        fields = {"short_term": {"$slice": -short}, "long_term": {"$slice": -long}}
        document = await self._memories.find_one({"_id": memory_id}, fields)
        return None if document is None else _memory(document)

    async def add(self, memory: Memory) -> None:
        try:
            await self._memories.insert_one(_document(memory))
        except DuplicateKeyError:
            return
        if _is_keyed(memory):
            await self._make_room(memory)

    async def _make_room(self, added: Memory) -> None:
        """Remove the least used of the crew's keyed memories while it has more than it may."""
        mine = {"keyed": added.crew_id}
        many = await self._memories.count_documents(mine, limit=self._limit + 1)
        if many > self._limit:
            found = await self._memories.find_one(
                {**mine, "_id": {"$ne": added.id}}, {"_id": 1}, sort=[("used_at", 1)]
            )
            if found is not None:
                await self.discard(found["_id"])
                log.warning(
                    "a memory was removed to make room for another key's", crew_id=added.crew_id
                )

    async def replace(self, memory: Memory) -> bool:
        read_with = {"_id": memory.id, "version": memory.version - 1}
        result = await self._memories.replace_one(read_with, _document(memory))
        return result.matched_count == 1

    async def clear_keyed(self, crew_id: str, kind: MemoryKind, now: datetime) -> None:
        terms = [term for term in ("short", "long") if kind in {f"{term}_term", "all"}]
        emptied: Document = {f"{term}_term": [] for term in terms}
        marked = {f"{term}_cleared_at": now for term in terms}
        await self._memories.update_many(
            {"keyed": crew_id}, {"$set": {**emptied, **marked}, "$inc": {"version": 1}}
        )

    async def discard(self, memory_id: str) -> None:
        await self._memories.delete_one({"_id": memory_id})

    async def remove(self, crew_id: str) -> None:
        await self._memories.delete_one({"_id": crew_id})
        await self._memories.delete_many({"keyed": crew_id})


def _is_keyed(memory: Memory) -> bool:
    return memory.shelf not in {CREW, WORKSPACE}


def _document(memory: Memory) -> Document:
    # By hand: `asdict` copies every value of every entry, and took forty times as long.
    keyed = {"keyed": memory.crew_id, "used_at": utc_now()} if _is_keyed(memory) else {}
    return {
        **keyed,
        "_id": memory.id,
        "crew_id": memory.crew_id,
        "shelf": memory.shelf,
        "workspace_id": memory.workspace_id,
        "short_term": [_entry(entry) for entry in memory.short_term],
        "long_term": [_entry(entry) for entry in memory.long_term],
        "short_cleared_at": memory.short_cleared_at,
        "long_cleared_at": memory.long_cleared_at,
        "version": memory.version,
        FORMAT: NEWEST,
    }


def _entry(entry: Entry) -> Document:
    return {
        "id": entry.id,
        "timestamp": entry.timestamp,
        "content": entry.content,
        "category": entry.category,
    }


def _memory(document: Document) -> Memory:
    format_of(document, NEWEST, f"The memory of {document['_id']}")
    fields = {"crew_id": document["_id"], **document}
    for name in ("_id", "keyed", "used_at", FORMAT):
        fields.pop(name, None)
    for kind in ("short_term", "long_term"):
        fields[kind] = tuple(Entry(**entry) for entry in fields[kind])
    return Memory(**fields)
