"""`python -m bench [names...]`: each bench's table, beside the peers, as ratios of one run.

A missed target is printed and fails nothing: these figures depend on the machine.
"""

import argparse
import importlib
import os
import platform
import subprocess
from datetime import UTC, datetime
from typing import Any

from bench.harness.processes import ROOT

BENCHES = (
    "engine",
    "concurrency",
    "gateway",
    "first_event",
    "relay",
    "deltas",
    "pages",
    "sockets",
    "backlog",
    "footprint",
    "throughput",
    "growth",
    "resume",
    "approvals",
    "mcp_calls",
    "files",
    "broker",
    "unit_costs",
    "stack_costs",
)
"""Each is a module of `bench.cases`."""


def circumstances() -> dict[str, Any]:
    commit = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip() or None,
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(BENCHES))
    parser.add_argument("--rounds", type=int, default=5, help="alternating runs of each side")
    given = parser.parse_args()
    unknown = set(given.names) - set(BENCHES)
    if unknown:
        parser.error(
            f"no bench is called {', '.join(sorted(unknown))}: there are {', '.join(BENCHES)}"
        )
    missed = 0
    for name in given.names or BENCHES:
        around = circumstances()
        print(f"\n... {name} (load average {around['load_average'][0]})", flush=True)
        report = importlib.import_module(f"bench.cases.{name}").run(given.rounds)
        print(report.text(), flush=True)
        report.save(ROOT / "bench" / "results", around)
        missed += sum(not target.met for target in report.targets)
    print(f"\n{missed} target(s) missed." if missed else "\nEvery target is met.")


if __name__ == "__main__":
    main()
