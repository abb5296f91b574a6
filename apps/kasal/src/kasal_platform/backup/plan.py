"""In what order a running platform's collections are saved, and what is set right in them.

Collections are read one after the other while the services write, so a copy would show them at
different moments. Each is put where a crash may leave it, which the services mend by themselves:
docs/how-to/backup.md tells how, and what each of the rules here is for.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo.database import Database

from kasal_platform.services import keeping_services

Document = dict[str, Any]
Mend = Callable[[Document], Document | None]
"""Takes a document and returns what is saved of it, or None to leave it out."""

SERVICES = keeping_services()
_ORDER = {
    # A registration stores the workspace, then the user: the other way round nobody lacks one.
    "auth": ("users", "workspaces"),
    "crews": ("crews", "activities", "memories"),
    "executor": ("executions", "traces"),
}
LEFT_OUT = frozenset({"workers"})
"""Leases of workers that will not be there any more."""
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(minutes=10)
"""How far the clocks of those who make jobs may be apart, as executor.store.lists has it."""


@dataclass
class Beginning:
    """What is known of the executor's jobs when the backup begins: read before anything is saved."""

    recent: datetime
    open: frozenset[str]
    known: frozenset[str]
    counters: list[Document]
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
            counters=list(executor["counters"].find()),
        )

    def execution(self, job: Document) -> Document:
        """Have a job that moved since be settled and told again; nobody runs an open one."""
        self.seqs[job["_id"]] = job["seq"]
        new = job["created_at"] > self.recent and job["_id"] not in self.known
        if new or job["_id"] in self.open or job.get("open"):
            job |= {"open": True, "owner": None, "published": 0}
        return job

    def trace(self, row: Document) -> Document | None:
        """Leave out what came after its job was saved: another attempt will number it anew."""
        return row if row["seq"] <= self.seqs.get(row["job_id"], 0) else None


def _total(row: Document) -> Document:
    """Announce a change that nobody will count: so a workspace is counted anew when it is read."""
    return {**row, "open": [*row.get("open", ()), {"key": "backup", "at": _LONG_AGO}]}


def _schema(row: Document) -> Document:
    row.pop("lock", None)
    return row


def collections_in_order(service: str, names: Iterator[str] | list[str]) -> list[str]:
    """Return the collections of a service in the order in which they are saved."""
    first = _ORDER.get(service, ())
    rest = sorted(set(names) - set(first) - LEFT_OUT)
    return [name for name in (*first, *rest) if name not in LEFT_OUT]


def mends(beginning: Beginning) -> Mapping[tuple[str, str], Mend]:
    """Return what is set right, by service and collection."""
    return {
        ("crews", "totals"): _total,
        ("executor", "executions"): beginning.execution,
        ("executor", "traces"): beginning.trace,
        **{(service, "schema"): _schema for service in SERVICES},
    }
