"""A peer: the same three steps as a LangGraph graph that keeps a checkpoint of each in SQLite.

Runs in LangGraph's own environment. `-m bench.peers.langgraph N` runs N graphs one after another, each a thread of
its own, with `durability="sync"`: a step's checkpoint is stored before the next step begins. Prints one
JSON line.
"""

import json
import operator
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph

from bench.harness.workload import ANSWER, INPUTS, PARTS, Part, prompt

_WARM_UP = 10


class Report(TypedDict):
    """What the steps share: each adds its answer."""

    topic: str
    answers: Annotated[list[str], operator.add]


def step(part: Part) -> Callable[[Report], dict[str, list[str]]]:
    def answer(state: Report) -> dict[str, list[str]]:
        asked = prompt(part, state["topic"], state["answers"])
        return {"answers": [ANSWER if asked else ""]}

    return answer


def graph(saver: SqliteSaver) -> Any:
    built = StateGraph(Report)
    names = [part.role for part in PARTS]
    for part in PARTS:
        built.add_node(part.role, step(part))
    for before, after in zip([START, *names], [*names, END], strict=True):
        built.add_edge(before, after)
    return built.compile(checkpointer=saver)


def run_one(compiled: Any, number: int) -> None:
    thread = {"configurable": {"thread_id": f"run-{number}"}}
    state = {"topic": INPUTS["topic"], "answers": []}
    found = compiled.invoke(state, thread, durability="sync")
    if found["answers"] != [ANSWER] * len(PARTS):
        raise SystemExit(f"LangGraph did not answer as the model did: {found}")


def main() -> None:
    count = int(sys.argv[1])
    with (
        tempfile.TemporaryDirectory() as folder,
        SqliteSaver.from_conn_string(str(Path(folder) / "checkpoints.sqlite")) as saver,
    ):
        compiled = graph(saver)
        for number in range(_WARM_UP):
            run_one(compiled, number)
        cpu, wall = time.process_time(), time.perf_counter()
        for number in range(_WARM_UP, _WARM_UP + count):
            run_one(compiled, number)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    told = {"cpu_ms_per_run": cpu * 1000 / count, "wall_ms_per_run": wall * 1000 / count}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
