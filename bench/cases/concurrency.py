"""Many crews at once on one worker process, each model call taking 0.3 s, beside CrewAI's 50."""

import sys
from typing import Any

from bench.harness.processes import run_module
from bench.harness.report import Report
from bench.harness.workload import LATENCY
from bench.peers.environments import crewai_python

_OURS, _THEIRS = "200", "50"
_WAYS = {
    "kickoff_async": "as_is",
    "kickoff_async, a thread a crew": "threads",
    "akickoff": "native",
}
"""The first is CrewAI as it comes, with six threads on two cores; the others are its best here."""


def run(rounds: int) -> Report:
    report = Report(
        "concurrency", f"crews of 3 tasks at once, {LATENCY} s a model call, one process"
    )
    python = crewai_python()
    ours: list[Any] = []
    other: list[Any] = []
    theirs: dict[str, list[Any]] = {name: [] for name in _WAYS}
    for _ in range(rounds):
        ours.append(run_module(sys.executable, "bench.harness.worker", "crowd", _OURS, "sqlite"))
        other.append(run_module(sys.executable, "bench.harness.worker", "crowd", _OURS, "secantus"))
        for name, way in _WAYS.items():
            theirs[name].append(run_module(python, "bench.peers.crewai", "crowd", _THEIRS, way))
    sides = {f"CrewAI, {_THEIRS} by {name}": found for name, found in theirs.items()}
    sides |= {f"Kasal, {_OURS} on SecantusDB": other, f"Kasal, {_OURS} on SQLite": ours}
    for side, found in sides.items():
        report.row(f"{side}: all done after", "s", *(one["wall_s"] for one in found))
        report.row(f"{side}: rate", "crews/s", *(one["crews_per_s"] for one in found))
    wall = [one["wall_s"] for one in ours]
    report.at_most(f"{_OURS} crews of {3 * LATENCY} s at once, on SQLite", 1.4, *wall, unit="s")
    for name, found in theirs.items():
        pairs = zip(ours, found, strict=True)
        ratios = [o["crews_per_s"] / t["crews_per_s"] for o, t in pairs]
        report.at_least(f"our crews/s / CrewAI's by {name}", 8, *ratios)
    return report
