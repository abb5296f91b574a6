"""The console draws the graph of a crew that is not saved by its own rules: they are the platform's.

Covers: common.contracts.graph
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from common.contracts.graph import edges

ROOT = Path(__file__).parents[4]
CASES = json.loads((ROOT / "console/src/pages/crews/graphs.json").read_text())


@dataclass
class Written:
    """A task of a file, with ids in place of names."""

    id: str
    name: str | None = None
    context: list[str] = field(default_factory=list)
    depends_on: list[str] = field(default_factory=list)
    condition: str | None = None
    for_each: str | None = None
    async_execution: bool = False


def tasks_of(case: dict[str, Any]) -> list[Written]:
    ids = {task["name"]: str(at) for at, task in enumerate(case["tasks"]) if "name" in task}
    tasks = [Written(id=str(at), **task) for at, task in enumerate(case["tasks"])]
    for task in tasks:
        task.context = [ids.get(name, name) for name in task.context]
        task.depends_on = [ids[name] for name in task.depends_on]
        task.for_each = ids.get(task.for_each or "", task.for_each)
    return tasks


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["why"]))
def test_the_console_draws_the_platforms_graph(case: dict[str, Any]) -> None:
    found = [f"{edge.source}-{edge.kind}-{edge.target}" for edge in edges(tasks_of(case))]
    assert found == case["edges"]
