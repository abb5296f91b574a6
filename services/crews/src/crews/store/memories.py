"""Memory in MongoDB: one bounded document per crew."""

from pymongo.errors import DuplicateKeyError

from common.formats import FIELD as FORMAT
from common.formats import format_of
from common.mongo import Database, Document
from crews.domain.memory import FOR_SNAPSHOT, Entry, Memory

NEWEST = 1
"""The newest format of these documents that this code reads, and the one it writes."""


class MongoMemories:
    """The collection `memories`."""

    def __init__(self, database: Database) -> None:
        self._memories = database["memories"]

    async def find(self, crew_id: str) -> Memory | None:
        document = await self._memories.find_one({"_id": crew_id})
        return None if document is None else _memory(document)

    async def newest(self, crew_id: str) -> Memory | None:
        short, long = FOR_SNAPSHOT
        fields = {"short_term": {"$slice": -short}, "long_term": {"$slice": -long}}
        document = await self._memories.find_one({"_id": crew_id}, fields)
        return None if document is None else _memory(document)

    async def add(self, memory: Memory) -> None:
        try:
            await self._memories.insert_one(_document(memory))
        except DuplicateKeyError:
            return

    async def replace(self, memory: Memory) -> bool:
        read_with = {"_id": memory.crew_id, "version": memory.version - 1}
        result = await self._memories.replace_one(read_with, _document(memory))
        return result.matched_count == 1

    async def remove(self, crew_id: str) -> None:
        await self._memories.delete_one({"_id": crew_id})


def _document(memory: Memory) -> Document:
    # By hand: `asdict` copies every value of every entry, and took forty times as long.
    return {
        "_id": memory.crew_id,
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
    fields = {**document, "crew_id": document["_id"]}
    del fields["_id"]
    fields.pop(FORMAT, None)
    for kind in ("short_term", "long_term"):
        fields[kind] = tuple(Entry(**entry) for entry in fields[kind])
    return Memory(**fields)
