"""Memory in MongoDB: one bounded document per crew."""

from dataclasses import asdict

from pymongo.errors import DuplicateKeyError

from common.mongo import Database, Document
from crews.domain.memory import Entry, Memory


class MongoMemories:
    """The collection `memories`."""

    def __init__(self, database: Database) -> None:
        self._memories = database["memories"]

    async def find(self, crew_id: str) -> Memory | None:
        document = await self._memories.find_one({"_id": crew_id})
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
    fields = asdict(memory)
    return {"_id": fields.pop("crew_id"), **fields}


def _memory(document: Document) -> Memory:
    fields = {**document, "crew_id": document["_id"]}
    del fields["_id"]
    for kind in ("short_term", "long_term"):
        fields[kind] = tuple(Entry(**entry) for entry in fields[kind])
    return Memory(**fields)
