"""The order in which a running platform's collections are saved, and the repairs to them.

Collections are read one after the other while the services write, so they are saved as of different
moments. These rules bring each into a state that a crash might leave, from which the services recover by
themselves; docs/how-to/backup.md explains each rule.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import bson
from pymongo.database import Database

from kasal_platform.backup.sources import BackupSource, Document, MongoSource
from kasal_platform.services import keeping_services

Mend = Callable[[Document], Document | None]
"""Takes a document and returns the one to save, or None to leave it out."""

SERVICES = keeping_services()
_ORDER = {
    # A registration stores the workspace, then the user. Saved the other way round, no user lacks one.
    "auth": ("users", "workspaces"),
    "crews": ("crews", "activities", "memories"),
    "executor": ("executions", "traces"),
}
LEFT_OUT = frozenset({"workers"})
"""Leases of workers that will be gone."""
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(minutes=10)
"""How far the clocks of processes that create jobs may differ, as in executor.store.lists."""


@dataclass
class Beginning:
    """The executor's jobs at the start of the backup, read before anything is saved."""

    recent: datetime
    open: frozenset[str]
    known: frozenset[str]
    counters: Sequence[bytes]
    seqs: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, executor: Database[Document]) -> "Beginning":
        recent = datetime.now(UTC) - _AHEAD
        jobs = executor["executions"]
        return cls(
            recent=recent,
            open=frozenset(row["_id"] for row in jobs.find({"open": True}, {"_id": 1})),
            known=frozenset(
                row["_id"] for row in jobs.find({"created_at": {"$gt": recent}}, {"_id": 1})
            ),
            counters=list(MongoSource(executor).documents("counters")),
        )

    @classmethod
    def of_snapshot(cls, executor: BackupSource) -> "Beginning":
        """Return the beginning of a backup of databases that stand still.

        That of crews may be a moment older than the executor's. What crews had not received by then belongs
        to jobs that are open or have been counted lately, and those cannot be counted twice.
        """
        counters = list(executor.documents("counters"))
        lately = (entry for row in counters for entry in bson.decode(row).get("counted", ()))
        return cls(
            recent=_NEVER,
            open=frozenset(entry["job"] for entry in lately),
            known=frozenset(),
            counters=counters,
        )

    def execution(self, job: Document) -> Document:
        """Make a job that changed since then be settled and published again; nobody runs an open one."""
        self.seqs[job["_id"]] = job["seq"]
        new = job["created_at"] > self.recent and job["_id"] not in self.known
        if new or job["_id"] in self.open or job.get("open"):
            job |= {"open": True, "owner": None, "published": 0}
        return job

    def trace(self, row: Document) -> Document | None:
        """Leave out events after the job was saved: another attempt will number them again."""
        return row if row["seq"] <= self.seqs.get(row["job_id"], 0) else None


def _total(row: Document) -> Document:
    """Add a pending change that nobody will count, so that the workspace is recounted when it is read."""
    return {**row, "open": [*row.get("open", ()), {"key": "backup", "at": _LONG_AGO}]}


def _schema(row: Document) -> Document:
    row.pop("lock", None)
    return row


def collections_in_order(service: str, names: Iterable[str]) -> list[str]:
    """Return the collections of a service in the order in which to save them."""
    first = _ORDER.get(service, ())
    rest = sorted(set(names) - set(first) - LEFT_OUT)
    return [name for name in (*first, *rest) if name not in LEFT_OUT]


def mends(beginning: Beginning) -> Mapping[tuple[str, str], Mend]:
    """Return the repairs, by service and collection."""
    return {
        ("crews", "totals"): _total,
        ("executor", "executions"): beginning.execution,
        ("executor", "traces"): beginning.trace,
        **{(service, "schema"): _schema for service in SERVICES},
    }
