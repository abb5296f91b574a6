"""CPU per crew of three tasks on a model that answers at once, ours beside CrewAI's."""

import sys

from bench.harness.processes import told
from bench.harness.report import Report
from bench.peers.environments import crewai_mb, crewai_python

_CREWS, _THEIR_CREWS = 150, 20


def run(rounds: int) -> Report:
    report = Report("engine", "CPU per crew of 3 tasks, zero-latency model, one crew at a time")
    theirs_python = crewai_python()
    ours, theirs, behind = [], [], []
    for _ in range(rounds):
        theirs.append(told(theirs_python, "bench.peers.crewai", "cpu", str(_THEIR_CREWS)))
        ours.append(told(sys.executable, "bench.harness.worker", "cpu", str(_CREWS)))
        behind.append(told(sys.executable, "bench.harness.worker", "library", str(_CREWS)))
    for name, unit in (("cpu_ms_per_crew", "ms"), ("wall_ms_per_crew", "ms")):
        what = name.split("_")[0].replace("cpu", "CPU")
        report.row(f"CrewAI: {what} per crew", unit, *(one[name] for one in theirs))
        report.row(f"Kasal: {what} per crew, stored and published", unit, *(o[name] for o in ours))
    through = (one["cpu_ms_per_crew"] for one in behind)
    report.row("Kasal: CPU per crew, model behind pydantic-ai", "ms", *through)
    database = tuple(one["database_cpu_ms_per_crew"] for one in ours)
    report.row("Kasal's database: CPU per crew", "ms", *database)
    report.row("CrewAI: import", "s", *(one["import_s"] for one in theirs))
    report.row("CrewAI: peak memory", "MB", *(one["peak_mb"] for one in theirs))
    report.row("CrewAI: environment", "MB", crewai_mb())
    pairs = list(zip(ours, theirs, strict=True))
    ratios = [o["cpu_ms_per_crew"] / t["cpu_ms_per_crew"] for o, t in pairs]
    report.at_most("our CPU per crew / CrewAI's", 1 / 8, *ratios)
    with_database = [
        (o["cpu_ms_per_crew"] + o["database_cpu_ms_per_crew"]) / t["cpu_ms_per_crew"]
        for o, t in pairs
    ]
    report.row("ratio, the database's CPU counted in", "", *with_database)
    report.notes.append("CrewAI: `kickoff` alone, crews made before, nothing stored or published.")
    return report
