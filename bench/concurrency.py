"""Many crews at once on one worker process, each model call taking 0.3 s, beside CrewAI's 50."""

import sys

from peer_environment import crewai_python
from processes import told
from report import Report
from workload import LATENCY

_OURS, _THEIRS = "200", "50"


def run(rounds: int) -> Report:
    report = Report(
        "concurrency", f"crews of 3 tasks at once, {LATENCY} s a model call, one process"
    )
    python = crewai_python()
    ours, native, threads = [], [], []
    for _ in range(rounds):
        native.append(told(python, "crewai_peer.py", "crowd", _THEIRS, "native"))
        ours.append(told(sys.executable, "kasal_side.py", "crowd", _OURS))
        threads.append(told(python, "crewai_peer.py", "crowd", _THEIRS, "threads"))
    sides = {
        f"CrewAI, {_THEIRS} by akickoff": native,
        f"CrewAI, {_THEIRS} by kickoff_async": threads,
        f"Kasal, {_OURS}": ours,
    }
    for side, found in sides.items():
        report.row(f"{side}: all done after", "s", *(one["wall_s"] for one in found))
        report.row(f"{side}: rate", "crews/s", *(one["crews_per_s"] for one in found))
    for other, found in (("akickoff", native), ("kickoff_async", threads)):
        pairs = zip(ours, found, strict=True)
        ratios = [o["crews_per_s"] / t["crews_per_s"] for o, t in pairs]
        report.at_least(f"our crews/s / CrewAI's by {other}", 8, *ratios)
    report.notes.append("kickoff_async was given a thread for each crew; its default is six here.")
    return report
