"""CPU per crew of three tasks on a model that answers at once, ours beside the peers'.

Our side keeps its data in SQLite within its process, as `make run` does, and once more in SecantusDB beside it, which
stands in for MongoDB. CrewAI does the same work and stores nothing; LangGraph and DBOS store three steps in SQLite and
do little else.
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
    theirs: list[Found] = []
    ours: dict[str, list[Found]] = {"sqlite": [], "secantus": [], "library": []}
    durable: dict[str, list[Found]] = {"LangGraph": [], "DBOS": []}
    for _ in range(rounds):
        theirs.append(run_module(crewai_python(), "bench.peers.crewai", "cpu", str(_THEIR_CREWS)))
        ours["sqlite"].append(_ours("cpu", "sqlite"))
        ours["library"].append(_ours("library", "sqlite"))
        ours["secantus"].append(_ours("cpu", "secantus"))
        durable["LangGraph"].append(
            run_module(langgraph_python(), "bench.peers.langgraph", str(_RUNS))
        )
        durable["DBOS"].append(run_module(dbos_python(), "bench.peers.dbos", str(_RUNS)))
    _tell_ours(report, ours)
    _beside_crewai(report, ours["sqlite"], theirs)
    _beside_what_is_durable(report, ours["sqlite"], durable)
    report.notes.append("CrewAI: `kickoff` alone, crews made before, nothing stored or published.")
    report.notes.append(
        "LangGraph, DBOS: three steps, each stored in SQLite before the next; no prompts of their own, "
        "no events, nothing published."
    )
    return report


def _ours(what: str, kind: str) -> Found:
    found: Found = run_module(sys.executable, "bench.harness.worker", what, str(_CREWS), kind)
    return found


def _cpu(one: Found) -> float:
    """The CPU of our process and of the database's, if it has one."""
    return one["cpu_ms_per_crew"] + one["database_cpu_ms_per_crew"]


def _tell_ours(report: Report, ours: Mapping[str, Sequence[Found]]) -> None:
    sqlite, secantus = ours["sqlite"], ours["secantus"]
    report.row("Kasal on SecantusDB: CPU of our process", "ms", *_each(secantus, "cpu"))
    report.row("Kasal on SecantusDB: CPU of the database", "ms", *_each(secantus, "database_cpu"))
    report.row("Kasal on SecantusDB: wall", "ms", *_each(secantus, "wall"))
    library = [_cpu(one) for one in ours["library"]]
    report.row("Kasal on SQLite: CPU, model behind pydantic-ai", "ms", *library)
    report.at_most(
        "Kasal on SQLite: CPU per crew, store included", 8, *map(_cpu, sqlite), unit="ms"
    )
    report.at_most("Kasal on SQLite: wall per crew", 8, *_each(sqlite, "wall"), unit="ms")


def _each(found: Sequence[Found], what: str) -> list[float]:
    return [one[f"{what}_ms_per_crew"] for one in found]


def _beside_crewai(report: Report, ours: Sequence[Found], theirs: Sequence[Found]) -> None:
    report.row("CrewAI: CPU per crew", "ms", *_each(theirs, "cpu"))
    report.row("CrewAI: wall per crew", "ms", *_each(theirs, "wall"))
    report.row("CrewAI: import", "s", *(one["import_s"] for one in theirs))
    report.row("CrewAI: peak memory", "MB", *(one["peak_mb"] for one in theirs))
    report.row("CrewAI: environment", "MB", crewai_mb())
    ratios = [_cpu(o) / t["cpu_ms_per_crew"] for o, t in zip(ours, theirs, strict=True)]
    report.at_most("our CPU per crew, store included / CrewAI's", 1 / 8, *ratios)


def _beside_what_is_durable(
    report: Report, ours: Sequence[Found], durable: Mapping[str, Sequence[Found]]
) -> None:
    for peer, found in durable.items():
        for what in ("cpu", "wall"):
            title = f"{peer}: {what.replace('cpu', 'CPU')} per run of three steps"
            report.row(title, "ms", *(one[f"{what}_ms_per_run"] for one in found))
        ratios = [_cpu(o) / t["cpu_ms_per_run"] for o, t in zip(ours, found, strict=True)]
        if peer == "LangGraph":
            report.at_most("our CPU per crew, store included / LangGraph's", 1.0, *ratios)
        else:
            report.row(f"our CPU per crew, store included / {peer}'s", "", *ratios)
