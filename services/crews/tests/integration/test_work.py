"""No list reads more of a workspace the more there is in it, whatever its filters."""

from typing import Any

import pytest

from common.storage.cursors import cursor_at
from common.times import utc_now
from crews.domain.activity import Activity
from crews.domain.composition import new_crew
from crews.domain.crew import Crew
from crews.domain.drafts import CrewDraft
from crews.store.activities import _document
from crews.store.documents import crew_document
from crews.store.totals import MongoTotals
from devkit.events import make_event
from devkit.work import Work

SIZES = (300, 2_400)
RARE = 7
"""The crew whose only task has failed; every second has one that is completed, each fifth has none."""
ASKED = [
    ("/crews", {}),
    ("/crews", {"page": "5"}),
    ("/crews", {"status": "active"}),
    ("/crews", {"status": "configuring"}),
    ("/crews", {"name": "crew"}),
    ("/crews", {"name": f"crew {RARE}!"}),
    ("/crews", {"name": "crew", "status": "configuring"}),
    ("/agents", {}),
    ("/agents", {"page": "5"}),
    ("/agents", {"crew_id": "{rare}"}),
    ("/tasks", {}),
    ("/tasks", {"status": "failed"}),
    ("/tasks", {"status": "completed"}),
    ("/tasks", {"status": "created"}),
    ("/tasks", {"status": "running"}),
    ("/tasks", {"crew_id": "{rare}", "status": "failed"}),
    ("/tasks", {"agent_id": "{rare_agent}"}),
    ("/tools", {}),
    ("/tools/mcp", {}),
    ("/crews/{crew_id}/versions", {}),
]
_SHORT = {"/tools", "/tools/mcp", "/crews/{crew_id}/versions"}
"""Lists that are bounded whatever else a workspace has."""
_PAGING = {"page", "page_size", "limit", "after"}


def _crew(workspace_id: str, number: int) -> Crew:
    agent = {"role": "Writer", "goal": "Write", "model": "gpt-4"}
    task = {"description": "Write it down", "expected_output": "A text", "agent": 0}
    draft = {
        "name": f"Crew {number}!",
        "process": "sequential",
        "agents": [agent],
        "tasks": [task] if number % 5 else [],
    }
    crew = new_crew(CrewDraft.model_validate(draft), workspace_id, utc_now())
    return crew.model_copy(
        update={
            "number": number,
            "agents": tuple(one.model_copy(update={"number": number}) for one in crew.agents),
            "tasks": tuple(one.model_copy(update={"number": number}) for one in crew.tasks),
        }
    )


def _activity(crew: Crew) -> Activity:
    fresh = Activity(crew_id=crew.id, workspace_id=crew.workspace_id)
    if not crew.tasks or (crew.number % 2 and crew.number != RARE):
        return fresh
    task_id, now = crew.tasks[0].id, utc_now()
    kinds = ["task_start", "error" if crew.number == RARE else "task_complete"]
    return fresh.after(
        make_event(kind, "job_1", seq, now, task_id=task_id) for seq, kind in enumerate(kinds, 1)
    )


async def _fill(database: Any, size: int) -> dict[str, str]:
    workspace_id = f"ws_{size}"
    crews = [_crew(workspace_id, number) for number in range(1, size + 1)]
    for first in range(0, size, 300):
        some = crews[first : first + 300]
        await database["crews"].insert_many([crew_document(crew) for crew in some])
        await database["activities"].insert_many([_document(_activity(crew)) for crew in some])
    totals = MongoTotals(database)
    announced = await totals.announce(workspace_id, {"crews": size, "agents": size, "tasks": size})
    for _ in range(2):  # counted twice, it is counted anew
        await totals.count(announced, None, None)
    assert (await totals.of(workspace_id)).counts["agents"] == size
    rare = crews[RARE - 1]
    return {"rare": rare.id, "rare_agent": rare.agents[0].id}


def _half_way(path: str, workspace_id: str, size: int, query: dict[str, str]) -> str:
    filters = {"/crews": ("name", "status"), "/agents": ("crew_id",)}.get(
        path, ("crew_id", "agent_id", "status")
    )
    scope = (path[1:], workspace_id, *(query.get(name) for name in filters))
    return cursor_at((size - 100, ""), scope)


async def test_no_list_reads_more_the_more_there_is(
    service: Any, store_database: Any, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crews.store.lists.LOOKED_AT", 50)
    monkeypatch.setattr("crews.store.lists._FEW", 20)
    known = {size: await _fill(store_database("crews"), size) for size in SIZES}
    for path, asked in ASKED:
        reads = {}
        for size in SIZES:
            query = {name: value.format(**known[size]) for name, value in asked.items()}
            if "page" not in query and path not in _SHORT:
                places = [{}, {"after": _half_way(path, f"ws_{size}", size, query)}]
            else:
                places = [{}]
            caller = service.as_(workspace_id=f"ws_{size}")
            for place in places:
                text = "&".join(f"{name}={value}" for name, value in {**query, **place}.items())
                read_by = work.read_by()
                address = path.format(crew_id=known[size]["rare"])
                await caller.call("GET", f"{address}?{text}", expect=200)
                reads[size, bool(place)] = read_by()
        for (size, further), read in reads.items():
            smaller = reads[SIZES[0], further]
            assert not read.grown_from(smaller), (path, asked, size, further, reads)


async def test_every_list_and_filter_is_looked_at(service: Any) -> None:
    """A list or a filter that comes has to be added to those whose work is counted."""
    document = service.app.openapi()
    there = set()
    for path, route in document["paths"].items():
        parameters = route.get("get", {}).get("parameters", ())
        names = {one["name"] for one in parameters if one["in"] == "query"}
        if "page_size" in names:
            there |= {(path, name) for name in names - _PAGING} | {(path, "")}
    known = {(path, name) for path, query in ASKED for name in query.keys() - _PAGING}
    assert there == known | {(path, "") for path, _ in ASKED}
