"""CPU per crew of three tasks on a model that answers at once, ours beside the peers'.

CrewAI does the same work and stores nothing; LangGraph and DBOS store three steps and do little else.
"""

import sys
from collections.abc import Mapping, Sequence

from bench.harness.processes import run_module
from bench.harness.report import Report
from bench.peers.environments import crewai_mb, crewai_python, dbos_python, langgraph_python

_CREWS, _THEIR_CREWS, _RUNS = 150, 20, 200

Found = Mapping[str, float]


def run(rounds: int) -> Report:
    report = Report("engine", "CPU per crew of 3 tasks, zero-latency model, one crew at a time")
    theirs_python = crewai_python()
    ours, theirs, behind = [], [], []
    durable: dict[str, list[Found]] = {"LangGraph": [], "DBOS": []}
    for _ in range(rounds):
        theirs.append(run_module(theirs_python, "bench.peers.crewai", "cpu", str(_THEIR_CREWS)))
        ours.append(run_module(sys.executable, "bench.harness.worker", "cpu", str(_CREWS)))
        behind.append(run_module(sys.executable, "bench.harness.worker", "library", str(_CREWS)))
        durable["LangGraph"].append(
            run_module(langgraph_python(), "bench.peers.langgraph", str(_RUNS))
        )
        durable["DBOS"].append(run_module(dbos_python(), "bench.peers.dbos", str(_RUNS)))
    for name, unit in (("cpu_ms_per_crew", "ms"), ("wall_ms_per_crew", "ms")):
        what = name.split("_")[0].replace("cpu", "CPU")
        report.row(f"CrewAI: {what} per crew", unit, *(one[name] for one in theirs))
        report.row(f"Kasal: {what} per crew, stored and published", unit, *(o[name] for o in ours))
    through = (one["cpu_ms_per_crew"] for one in behind)
    report.row("Kasal: CPU per crew, model behind pydantic-ai", "ms", *through)
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
    _beside_what_is_durable(report, ours, durable)
    report.notes.append("CrewAI: `kickoff` alone, crews made before, nothing stored or published.")
    report.notes.append(
        "LangGraph, DBOS: three steps, each stored in SQLite before the next; no prompts of their own, "
        "no events, nothing published."
    )
    return report


def _beside_what_is_durable(
    report: Report, ours: Sequence[Found], durable: Mapping[str, Sequence[Found]]
) -> None:
    for peer, found in durable.items():
        for what in ("cpu", "wall"):
            title = f"{peer}: {what.replace('cpu', 'CPU')} per run of three steps"
            report.row(title, "ms", *(one[f"{what}_ms_per_run"] for one in found))
        ratios = [
            o["cpu_ms_per_crew"] / t["cpu_ms_per_run"] for o, t in zip(ours, found, strict=True)
        ]
        if peer == "LangGraph":
            report.at_most("our process' CPU per crew / LangGraph's", 1.0, *ratios)
        else:
            report.row(f"our process' CPU per crew / {peer}'s", "", *ratios)
    database = [one["database_cpu_ms_per_crew"] for one in ours]
    report.at_most("Kasal's database: CPU per crew", 6.0, *database, unit="ms")
    wall = [one["wall_ms_per_crew"] for one in ours]
    report.at_most("Kasal: wall per crew", 10.0, *wall, unit="ms")
