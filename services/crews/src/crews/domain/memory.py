"""What a crew remembers between its runs: bounded, idempotent, clearable by kind."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from common.contracts.crew import Insight, MemorySnapshot
from common.contracts.memory import CREW, WORKSPACE
from common.contracts.messages import MemoryRemembered

MOST_SHORT_TERM, MOST_CATEGORIES, MOST_INSIGHTS = 100, 20, 20
"""A memory is read and written whole for every run that adds to it, so it is kept small."""
_LONGEST = 1_000
_IN_SNAPSHOT = 10
FOR_SNAPSHOT = (_IN_SNAPSHOT, 10 * _IN_SNAPSHOT)
"""How many of the newest short-term and long-term entries a snapshot is made from."""

MemoryKind = Literal["short_term", "long_term", "all"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing remembered. `category` is empty for short-term entries."""

    id: str
    timestamp: datetime
    content: str
    category: str = ""


@dataclass(frozen=True, slots=True)
class Memory:
    """What lies on one shelf, oldest first; `version` rises with every change.

    A crew's own memory exists as long as the crew; other shelves are made on first use.
    """

    crew_id: str
    workspace_id: str
    short_term: tuple[Entry, ...] = ()
    long_term: tuple[Entry, ...] = ()
    short_cleared_at: datetime | None = None
    long_cleared_at: datetime | None = None
    version: int = 0
    shelf: str = CREW

    @property
    def id(self) -> str:
        return memory_id(self.workspace_id, self.crew_id, self.shelf)

    def with_entries(self, messages: Iterable[MemoryRemembered]) -> "Memory":
        """Return the memory with what runs want to keep, or itself when none of it is new.

        Repetition and order make no difference; what is older than the last clear is dropped.
        """
        short, long = set(self.short_term), set(self.long_term)
        for message in messages:
            if message.kind == "short_term":
                _take(short, _entry(message, ""), self.short_cleared_at)
            else:
                _take(long, _entry(message, message.category), self.long_cleared_at)
        short_term = tuple(_in_order(short)[-MOST_SHORT_TERM:])
        long_term = tuple(_entries_to_keep(_in_order(long)))
        if (short_term, long_term) == (self.short_term, self.long_term):
            return self
        return replace(self, version=self.version + 1, short_term=short_term, long_term=long_term)

    def without(self, kind: MemoryKind, now: datetime) -> "Memory":
        """Return the memory without what `kind` names."""
        after = replace(self, version=self.version + 1)
        if kind in {"short_term", "all"}:
            after = replace(after, short_term=(), short_cleared_at=now)
        if kind in {"long_term", "all"}:
            after = replace(after, long_term=(), long_cleared_at=now)
        return after

    def insights(self) -> list[Insight]:
        """Return the long-term memory by category, the newest category first, newest first."""
        grouped: dict[str, list[str]] = {}
        for entry in reversed(self.long_term):
            grouped.setdefault(entry.category, []).append(entry.content)
        return [Insight(category=name, insights=texts) for name, texts in grouped.items()]

    def snapshot(self) -> MemorySnapshot:
        """Return what a run gets: the newest few of each."""
        newest = [entry.content for entry in reversed(self.short_term)]
        insights = [
            Insight(category=insight.category, insights=insight.insights[:_IN_SNAPSHOT])
            for insight in self.insights()[:_IN_SNAPSHOT]
        ]
        return MemorySnapshot(
            shelf=self.shelf, short_term=newest[:_IN_SNAPSHOT], long_term=insights
        )


def memory_id(workspace_id: str, crew_id: str, shelf: str) -> str:
    """Return the id a memory is stored under; no two crews, workspaces or keys share one."""
    if shelf == WORKSPACE:
        return f"workspace/{workspace_id}"
    return crew_id if shelf == CREW else f"{crew_id}/{shelf}"


def _take(entries: set[Entry], entry: Entry, cleared_at: datetime | None) -> None:
    if cleared_at is None or entry.timestamp > cleared_at:
        entries.add(entry)


def _entry(message: MemoryRemembered, category: str) -> Entry:
    moment = message.timestamp.astimezone(UTC)
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)  # as the store keeps it
    return Entry(message.memory_id, moment, message.content[:_LONGEST], category)


def _in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries oldest first; of several under one id, only the oldest."""
    ordered = sorted(
        entries, key=lambda entry: (entry.timestamp, entry.id, entry.category, entry.content)
    )
    by_id: dict[str, Entry] = {}
    for entry in ordered:
        by_id.setdefault(entry.id, entry)
    return list(by_id.values())


def _entries_to_keep(entries: list[Entry]) -> list[Entry]:
    """Keep the newest categories, the newest insights of each, and each insight once."""
    kept: dict[str, dict[str, Entry]] = {}
    for entry in reversed(entries):
        if entry.category in kept or len(kept) < MOST_CATEGORIES:
            insights = kept.setdefault(entry.category, {})
            if len(insights) < MOST_INSIGHTS:
                insights.setdefault(entry.content, entry)
    return _in_order(entry for insights in kept.values() for entry in insights.values())
