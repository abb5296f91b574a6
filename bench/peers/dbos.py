"""A peer: the same three steps as a DBOS workflow that records each of them in SQLite.

Runs in DBOS' own environment. `-m bench.peers.dbos N` runs N workflows one after another and prints one JSON line.
"""

import contextlib
import json
import sys
import tempfile
import time
from pathlib import Path

from dbos import DBOS, DBOSConfig

from bench.harness.workload import ANSWER, INPUTS, PARTS, prompt

_WARM_UP = 10


@DBOS.step()
def answer(number: int, topic: str, answers: list[str]) -> str:
    return ANSWER if prompt(PARTS[number], topic, answers) else ""


@DBOS.workflow()
def report(topic: str) -> list[str]:
    answers: list[str] = []
    for number in range(len(PARTS)):
        answers.append(answer(number, topic, answers))
    return answers


def run_one() -> None:
    found = report(INPUTS["topic"])
    if found != [ANSWER] * len(PARTS):
        raise SystemExit(f"DBOS did not answer as the model did: {found}")


def costs_of(count: int) -> dict[str, float]:
    for _ in range(_WARM_UP):
        run_one()
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(count):
        run_one()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {"cpu_ms_per_run": cpu * 1000 / count, "wall_ms_per_run": wall * 1000 / count}


def main() -> None:
    # DBOS logs to standard output, where the result alone is expected.
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        config: DBOSConfig = {
            "name": "bench",
            "system_database_url": f"sqlite:///{Path(folder) / 'dbos.sqlite'}",
            "log_level": "WARNING",
            "enable_otlp": False,
        }
        DBOS(config=config)
        DBOS.launch()
        found = costs_of(int(sys.argv[1]))
        DBOS.destroy()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
