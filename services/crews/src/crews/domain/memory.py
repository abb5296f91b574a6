"""What a crew remembers between its runs: bounded, idempotent, clearable by kind."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from common.contracts.crew import Insight, MemorySnapshot
from common.contracts.messages import MemoryRemembered

MOST_SHORT_TERM, MOST_CATEGORIES, MOST_INSIGHTS = 100, 50, 50
_LONGEST = 2_000
_IN_SNAPSHOT = 10

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
    """All a crew remembers, oldest first; `version` rises with every change."""

    crew_id: str
    workspace_id: str
    short_term: tuple[Entry, ...] = ()
    long_term: tuple[Entry, ...] = ()
    short_cleared_at: datetime | None = None
    long_cleared_at: datetime | None = None
    version: int = 0

    def with_entry(self, message: MemoryRemembered) -> "Memory":
        """Return the memory with what a run wants remembered.

        It stays as it is when the entry is there already or is older than the last clear.
        """
        short = message.kind == "short_term"
        held = self.short_term if short else self.long_term
        cleared = self.short_cleared_at if short else self.long_cleared_at
        if cleared is not None and message.timestamp <= cleared:
            return self
        if any(entry.id == message.memory_id for entry in held):
            return self
        content = message.content[:_LONGEST]
        category = "" if short else message.category
        entry = Entry(message.memory_id, message.timestamp, content, category)
        entries = sorted((*held, entry), key=lambda one: (one.timestamp, one.id))
        kept = entries[-MOST_SHORT_TERM:] if short else _bounded(entries)
        name = "short_term" if short else "long_term"
        return replace(self, version=self.version + 1, **{name: tuple(kept)})  # type: ignore[arg-type]

    def cleared(self, kind: MemoryKind, now: datetime) -> "Memory":
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
        """Return what a run is told: the newest few of each."""
        newest = [entry.content for entry in reversed(self.short_term)]
        insights = [
            Insight(category=one.category, insights=one.insights[:_IN_SNAPSHOT])
            for one in self.insights()[:_IN_SNAPSHOT]
        ]
        return MemorySnapshot(short_term=newest[:_IN_SNAPSHOT], long_term=insights)


def _bounded(entries: list[Entry]) -> list[Entry]:
    """Keep the newest categories, and the newest insights of each."""
    counts: dict[str, int] = {}
    kept: list[Entry] = []
    for entry in reversed(entries):
        if entry.category not in counts and len(counts) == MOST_CATEGORIES:
            continue
        counts[entry.category] = counts.get(entry.category, 0) + 1
        if counts[entry.category] <= MOST_INSIGHTS:
            kept.append(entry)
    return kept[::-1]
