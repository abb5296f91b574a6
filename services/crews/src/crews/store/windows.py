"""Reads crews by their numbers, or those of their agents or tasks, newest first."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass

from common.storage.ports import Database, Document

LOOKED_AT = 1_000
"""Entries, or a few more, that one request looks at where no index knows which of them match."""
_FIRST, _GROWTH = 64, 4
_WIDEST = 4_096
_LISTED = 1_024
"""In an array MongoDB bounds a range on one side only, so a query lists each number."""


@dataclass(frozen=True, slots=True)
class EntryRef:
    """Where an entry is found."""

    number: int
    crew_id: str


class Windows:
    """The collection `crews`, by windows of numbers."""

    def __init__(self, database: Database) -> None:
        self._crews = database["crews"]

    async def between(self, equal: Document, numbers: range, most: int) -> list[EntryRef]:
        """Return the newest crews with these fields that have one of `numbers`."""
        if not numbers:
            return []
        return [entry_ref(row, row) for row in await self._rows(equal, numbers, most)]

    async def crews(
        self, equal: Document, below: int, most: int, name: str | None = None
    ) -> tuple[list[EntryRef], int | None]:
        """Look at `most` crews below a number; return those that match, and the number to go on below."""
        places: list[EntryRef] = []
        left, width = most, _FIRST
        while below > 1:
            low = max(1, below - width)
            rows = await self._rows(equal, range(low, below), left)
            places += [entry_ref(row, row) for row in rows if _fits(row, name)]
            left -= len(rows)
            if left <= 0:
                return places, rows[-1]["number"] if rows[-1]["number"] > 1 else None
            below, width = low, min(width * _GROWTH, _WIDEST)
        return places, None

    async def _rows(self, equal: Document, numbers: range, most: int) -> list[Document]:
        query = {**equal, "number": {"$gte": numbers[0], "$lte": numbers[-1]}}
        found = self._crews.find(query, {"number": 1, "name": 1})
        return await found.sort("number", -1).limit(most).to_list()

    async def inside(
        self, workspace_id: str, array: str, below: int
    ) -> AsyncIterator[tuple[int, list[Document]]]:
        """Yield windows: the lowest number, and the crews with their entries of `array` in it."""
        width = _FIRST
        while below > 1:
            low = max(1, below - width)
            numbers = range(low, below)
            query = {"workspace_id": workspace_id, f"{array}.number": {"$in": list(numbers)}}
            rows = await self._crews.find(query, _numbers(array)).to_list()
            yield low, [_cut(row, array, numbers) for row in rows]
            below, width = low, min(width * _GROWTH, _LISTED)

    async def numbers_of(self, crew_ids: Sequence[str]) -> list[Document]:
        """Return the numbers and ids of these crews' tasks."""
        query = {"_id": {"$in": list(crew_ids)}}
        return await self._crews.find(query, _numbers("tasks")).to_list()


def newest(places: Iterable[EntryRef]) -> list[EntryRef]:
    """Return `places`, the highest number first."""
    return sorted(places, key=lambda place: place.number, reverse=True)


def entry_ref(entry: Document, crew: Document) -> EntryRef:
    """Return the place of a crew, or of an entry in it."""
    return EntryRef(entry["number"], crew["_id"])


def _numbers(array: str) -> Document:
    return {f"{array}.number": 1, f"{array}.id": 1}


def _cut(row: Document, array: str, numbers: range) -> Document:
    return {**row, array: [entry for entry in row[array] if entry["number"] in numbers]}


def _fits(row: Document, name: str | None) -> bool:
    return name is None or name.casefold() in row["name"].casefold()
