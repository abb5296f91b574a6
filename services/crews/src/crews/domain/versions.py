"""The versions of a crew: what each was made of, kept after later changes.

The crew's own document is its newest version; the ones before it are kept beside it. A version's number is the
crew's `version` of that time, which its ETag shows too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crews.domain.crew import Crew, CrewStatus, Entry

MOST_KEPT = 100
"""How many versions of a crew are kept that were never published; the oldest go."""
MOST_PUBLISHED = 100
"""How many are kept that were; the oldest go, but never the one that is published now."""
MOST_KEPT_BYTES = 10_000_000
"""What the versions of either sort may take together, as they are stored."""
_LEFT_OUT: Any = {
    **dict.fromkeys(("id", "workspace_id", "created_at", "updated_at", "version", "number"), True),
    "published_version": True,
    "agents": {"__all__": {"number"}},
    "tasks": {"__all__": {"number"}},
}
"""What is of the crew, or of the store, and not of a version."""


@dataclass(frozen=True, slots=True)
class VersionRow:
    """What lists show of a version. `size` is in bytes as stored, 0 for the newest, which is not kept beside."""

    number: int
    created_at: datetime
    name: str
    status: CrewStatus
    agents_count: int
    tasks_count: int
    published_at: datetime | None = None
    size: int = 0


def row_of(crew: Crew, published_at: datetime | None = None, size: int = 0) -> VersionRow:
    """Return the row of the version that `crew` is."""
    return VersionRow(
        number=crew.version,
        created_at=crew.updated_at,
        name=crew.name,
        status=crew.status,
        agents_count=len(crew.agents),
        tasks_count=len(crew.tasks),
        published_at=published_at,
        size=size,
    )


def content_of(crew: Crew) -> dict[str, Any]:
    """Return what a version is made of, as JSON: what two versions are compared by."""
    return crew.model_dump(mode="json", exclude=_LEFT_OUT)


def same_content(one: Crew, other: Crew) -> bool:
    """Say whether two states of a crew are made of the same."""
    return one.model_dump_json(exclude=_LEFT_OUT) == other.model_dump_json(exclude=_LEFT_OUT)


def with_content(crew: Crew, old: Crew) -> dict[str, Any]:
    """Return the fields that make `crew` what `old` was. Entries that are gone get new numbers."""
    return {
        "name": old.name,
        "description": old.description,
        "process": old.process,
        "configuration": old.configuration,
        "agents": _with_numbers(old.agents, crew.agents),
        "tasks": _with_numbers(old.tasks, crew.tasks),
    }


def _with_numbers(old: Sequence[Entry], held: Sequence[Entry]) -> tuple[Entry, ...]:
    numbers = {entry.id: entry.number for entry in held}
    return tuple(entry.model_copy(update={"number": numbers.get(entry.id, 0)}) for entry in old)


def too_many(rows: Sequence[VersionRow], published: int | None) -> list[VersionRow]:
    """Return those of a crew's kept versions that go. `published` is the one that is published now."""
    unpublished = [row for row in rows if row.published_at is None]
    by_time = [(row.published_at, row) for row in rows if row.published_at is not None]
    both = (
        (MOST_KEPT, sorted(unpublished, key=lambda row: -row.number)),
        (MOST_PUBLISHED, [row for _, row in sorted(by_time, key=lambda pair: pair[0])][::-1]),
    )
    gone: list[VersionRow] = []
    for most, newest_first in both:
        taken = 0
        for place, row in enumerate(newest_first):
            taken += row.size
            if place >= most or taken > MOST_KEPT_BYTES:
                gone.append(row)
    return [row for row in gone if row.number != published]
