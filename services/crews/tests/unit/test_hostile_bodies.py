"""A body of a megabyte that is wrong everywhere is refused without holding the event loop."""

import pytest
from pydantic import ValidationError

from common.errors import InvalidRequest
from common.times import utc_now
from crews.domain.composition import new_crew
from crews.domain.drafts import CrewDraft
from crews.domain.graph_rules import graph_of
from devkit.loop_lag import loop_lag

AGENT = {"role": "r", "goal": "g"}
BODIES = {
    "empty agents": {"name": "c", "agents": [{}] * 330_000},
    "numbers for tasks": {"name": "c", "tasks": [1] * 480_000},
    "unknown fields": {f"k{number}": 1 for number in range(90_000)},
    "unknown fields of an agent": {"agents": [{f"k{n}": 1 for n in range(90_000)}]},
    "an unknown configuration": {"configuration": {f"k{n}": 1 for n in range(90_000)}},
    "numbers for tools": {"agents": [{**AGENT, "tools": [1] * 480_000}]},
    "conditions": {
        "tasks": [{"description": "d", "condition": f"{n} " + "not " * 120} for n in range(240)]
    },
    "guardrails": {"tasks": [{"description": "d", "guardrail": [{"kind": "regex"}] * 230}] * 240},
    "kinds of guardrails": {
        "tasks": [{"description": "d", "guardrail": [{"kind": n} for n in range(230)]}] * 240
    },
    "tasks to depend on": {"tasks": [{"description": "d", "depends_on": [[]] * 230}] * 240},
    "tools of many agents": {"agents": [{**AGENT, "tools": [1] * 240}] * 240},
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_faults_without_number_are_not_all_named(body):
    with pytest.raises(ValidationError):
        CrewDraft.model_validate({})
    async with loop_lag():
        with pytest.raises(ValidationError) as told:
            CrewDraft.model_validate(body)
        assert len(told.value.errors()) < 2_000


NAMES = [f"t{number}" for number in range(200)]
LARGE = {
    "waits": [
        {"async_execution": True, "depends_on": NAMES[max(0, number - 50) : number]}
        for number in range(200)
    ],
    "circles": [{"depends_on": NAMES[:50]}] * 200,
    "conditions": [
        {"condition": " or ".join(["outputs.t1"] * 30) + f" or {number} == 1"}
        for number in range(200)
    ],
    "names of no task": [
        {"condition": " or ".join(f"outputs.zz{n}" for n in range(30))} for _ in range(200)
    ],
    "unknown names": [{"depends_on": [f"zz{n}" for n in range(50)]}] * 200,
}


@pytest.mark.parametrize("tasks", LARGE.values(), ids=LARGE)
async def test_no_graph_holds_the_loop(tasks):
    named = [
        {"name": name, "description": "d", **task} for name, task in zip(NAMES, tasks, strict=True)
    ]
    draft = CrewDraft.model_validate(
        {"name": "c", "agents": [{**AGENT, "model": "offline"}], "tasks": named}
    )
    async with loop_lag():
        try:
            graph = graph_of(new_crew(draft, "ws_1", utc_now()).tasks)
        except InvalidRequest as fault:
            assert len(fault.details.get("errors", ())) <= 20  # noqa: PT017 - some of them are sound
        else:
            assert len(graph.tasks) == 200
