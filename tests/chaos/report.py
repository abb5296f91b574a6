"""What the journey has found, as figures and as a list of what should not be."""

import json
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from chaos.faults import BACKENDS, KILL, PAUSE, PLATFORM, STOP, Happened


@dataclass
class Report:
    """`problems` is empty when the platform kept all its promises."""

    seed: int
    sent: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    """Jobs by how they ended: `completed`, `stopped`, `failed: OUTCOME_UNKNOWN`."""
    tasks_twice: list[str] = field(default_factory=list)
    effected_twice: list[str] = field(default_factory=list)
    broken_streams: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """Whatever else should not have happened."""
    faults: list[Happened] = field(default_factory=list)
    resumed: dict[str, list[float]] = field(default_factory=dict)
    """Seconds from a fault to the first event of the next attempt, by kind of fault."""
    notes: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def kept(self) -> bool:
        """Whether nothing was lost, done twice or shown wrongly."""
        return not (
            self.tasks_twice or self.effected_twice or self.broken_streams or self.problems
        ) and self.sent == sum(self.ended.values())

    def text(self) -> str:
        """Return the report as it is printed."""
        counted = Counter(f"{fault.how} {fault.name.split('-')[0]}" for fault in self.faults)
        lines = [
            f"seed                  {self.seed}",
            f"took                  {self.seconds:.0f} s",
            f"faults                {len(self.faults)}: {_listed(counted)}",
            f"jobs ended of sent    {sum(self.ended.values())} of {self.sent}: {_listed(self.ended)}",
            f"tasks run twice       {len(self.tasks_twice)}",
            f"effects had twice     {len(self.effected_twice)}",
            f"streams with a fault  {len(self.broken_streams)}",
            f"other problems        {len(self.problems)}",
        ]
        lines += [f"{name:<22}{_figures(seconds)}" for name, seconds in self.resumed.items()]
        stops = [f.down for f in self.faults if f.how == STOP and f.name not in BACKENDS]
        lines += [f"{'SIGTERM to the end':<22}{_figures(stops)}"]
        starts = [
            f.over - f.began - f.down for f in self.faults if f.name == PLATFORM and f.how != PAUSE
        ]
        lines += [f"{'start to readiness':<22}{_figures(starts)}"] if starts else []
        lines += [f"{name:<22}{value}" for name, value in self.notes.items()]
        for title in ("tasks_twice", "effected_twice", "broken_streams", "problems"):
            lines += [f"  {title}: {line}" for line in getattr(self, title)]
        return "\n".join(lines)


def _listed(counted: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counted.items()))


def _figures(seconds: Sequence[float]) -> str:
    if not seconds:
        return "none"
    return (
        f"median {statistics.median(seconds):.2f} s, worst {max(seconds):.2f} s, of {len(seconds)}"
    )


def log_lines(folder: Path) -> Iterable[tuple[str, dict[str, Any]]]:
    """Return the log lines of all processes, each with the process's name."""
    for path in sorted(folder.glob("*.log")):
        for line in path.read_text(errors="replace").splitlines():
            if line.startswith("{"):
                try:
                    yield path.stem, json.loads(line)
                except json.JSONDecodeError:
                    continue  # the process was killed while it wrote it


def errors_in(folder: Path) -> Counter[str]:
    """Return how often each event was logged as an error, by process kind."""
    counted: Counter[str] = Counter()
    for name, line in log_lines(folder):
        if line.get("level") in {"error", "critical"}:
            counted[f"{name.split('-')[0]}: {str(line.get('event'))[:100]}"] += 1
    return counted


def resume_times(
    folder: Path, streams: Sequence[Sequence[dict[str, Any]]], faults: Sequence[Happened]
) -> dict[str, list[float]]:
    """Return the seconds from each worker's fault to the first event of its jobs' next attempts.

    Without such a fault they are those since the attempt began.

    Which process ran which attempt is told by the logs. What happened while a backend was
    away as well is counted apart.
    """
    ran = {
        (line["job_id"], line["attempt"]): (name, _seconds(line["timestamp"]))
        for name, line in log_lines(folder)
        if line.get("event") == "a job runs"
    }
    found: dict[str, list[float]] = {kind: [] for kind in _KINDS.values()}
    found |= {_NO_FAULT: [], _BACKEND_AWAY: []}
    for events in streams:
        for event in events:
            if event["type"] != "execution_resumed":
                continue
            if (event["job_id"], event["attempt"] - 1) not in ran:
                continue  # it was killed before it wrote the line
            name, since = ran[event["job_id"], event["attempt"] - 1]
            at = _seconds(event["timestamp"])
            mine = [f for f in faults if f.name == name and since - 0.5 < f.began < at]
            fault = min(mine, key=_order, default=None)
            kind = _NO_FAULT if fault is None else _kind(fault, at, faults)
            found[kind].append(at - (since if fault is None else fault.began))
    return found


_KINDS = {KILL: "resumed after SIGKILL", PAUSE: "  after SIGSTOP", STOP: "  after SIGTERM"}
_BACKEND_AWAY = "  a backend away too"
_NO_FAULT = "  with no fault seen"


def _order(fault: Happened) -> tuple[bool, float]:
    # Nobody else takes over while the only process is paused: its jobs go on with it.
    return fault.how == PAUSE and fault.name == PLATFORM, fault.began


def _kind(fault: Happened, until: float, faults: Sequence[Happened]) -> str:
    backends = (other for other in faults if other.name in BACKENDS)
    if any(other.began < until and other.over > fault.began for other in backends):
        return _BACKEND_AWAY
    return _KINDS[fault.how]


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
