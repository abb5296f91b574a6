"""The graph of a crew's tasks, as it is saved.

Covers: crews.domain.references
"""

from typing import Any

import pytest
from crews_testkit.faults import refused
from pydantic import ValidationError

from common.errors import Conflict
from crews.domain.drafts import CrewChanges, CrewDraft, TaskChanges, TaskRequest
from crews.domain.graph_rules import graph_of

WS = "ws_1"


def with_tasks(crew_body: Any, *tasks: Any) -> CrewDraft:
    return CrewDraft(**{**crew_body, "tasks": [{"description": "Work", **task} for task in tasks]})


async def made(world: Any, crew_body: Any, *tasks: Any) -> Any:
    return await world.catalog.create(WS, with_tasks(crew_body, *tasks))


async def test_tasks_are_named_by_name_index_and_id(world: Any, crew_body: Any) -> None:
    numbers = {"name": "numbers", "output_schema": {"type": "array"}}
    crew = await made(
        world,
        crew_body,
        numbers,
        {"depends_on": [0, "numbers"], "for_each": "numbers"},
        {"condition": "len(outputs.numbers) > 2"},
    )
    first = crew.tasks[0].id
    assert (crew.tasks[1].depends_on, crew.tasks[1].for_each) == ([first], first)
    request = TaskRequest(
        crew_id=crew.id,
        description="x",
        expected_output="y",
        depends_on=["numbers"],
        for_each="numbers",
    )
    added = await world.tasks.add(WS, request)
    held = (await world.catalog.find(WS, crew.id)).task(added.id)
    assert (held.depends_on, held.for_each) == ([first], first)


@pytest.mark.parametrize(
    ("tasks", "field", "told"),
    [
        ([{"name": "one"}, {"depends_on": ["on"]}], "tasks.1.depends_on.0", "did you mean one"),
        ([{"depends_on": [7]}], "tasks.0.depends_on.0", "not the index"),
        ([{"name": "one"}, {"condition": "outputs.won == 1"}], "tasks.1.condition", "one"),
        ([{"name": "one"}, {"for_each": "one"}], "tasks.1.for_each", "array"),
        ([{"for_each": "shops"}], "tasks.0.for_each", "{shops}"),
        ([{"for_each": "{two words}"}], "tasks.0.for_each", "not an input"),
        ([{"name": "a", "depends_on": ["a"]}], "tasks.0.depends_on.0", "a → a"),
        ([{"name": "a", "depends_on": ["c"]}, {"name": "b"}, {"name": "c"}], "tasks.0.depends_on.0", "a → b → c → a"),
        ([{"name": "a", "condition": "outputs.b == 1"}, {"name": "b"}], "tasks.0.condition", "a → b → a"),
        ([{"guardrail": [{"kind": "regex", "pattern": "("}]}], "tasks.0.guardrail.0.pattern", "cannot be used"),
        ([{"guardrail": {"kind": "json_schema", "schema": {"type": "strin"}}}], "tasks.0.guardrail.schema.type", "JSON Schema"),
    ],
)  # fmt: skip
async def test_faults_are_named_by_path(
    world: Any, crew_body: Any, tasks: Any, field: str, told: str
) -> None:
    found = await refused(made(world, crew_body, *tasks))
    assert found["field"] == field
    assert told in found["reason"]
    assert world.crews.held == {}


@pytest.mark.parametrize(
    ("task", "place", "told"),
    [
        ({"condition": "outputs.a = 1"}, ("condition",), "`==` compares"),
        ({"condition": "open('x')"}, ("condition",), "can only call"),
        ({"guardrail": {"kind": "regexp"}}, ("guardrail",), "one of regex"),
        ({"guardrail": []}, ("guardrail",), "at least 1"),
    ],
)
def test_what_cannot_be_read_is_refused_at_once(
    crew_body: Any, task: Any, place: tuple[str, ...], told: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        with_tasks(crew_body, task)
    (fault,) = caught.value.errors()
    assert fault["loc"][:3] == ("tasks", 0, *place)
    assert told in fault["msg"]


async def test_a_task_that_others_name_stays(world: Any, crew_body: Any) -> None:
    array = {"name": "first", "output_schema": {"type": "array"}}
    for naming in ({"depends_on": [0]}, {"condition": "outputs.first == 1"}, {"for_each": "first"}):
        crew = await made(world, crew_body, array, naming)
        with pytest.raises(Conflict):
            await world.tasks.delete(WS, crew.tasks[0].id)
        await world.tasks.delete(WS, crew.tasks[1].id)


async def test_a_name_that_a_condition_uses_cannot_go(world: Any, crew_body: Any) -> None:
    crew = await made(world, crew_body, {"name": "first"}, {"condition": "outputs.first == 1"})
    found = await refused(world.tasks.update(WS, crew.tasks[0].id, TaskChanges(name="other")))
    assert found["field"] == "tasks.1.condition"


async def test_a_change_of_one_task_may_not_close_a_circle(world: Any, crew_body: Any) -> None:
    crew = await made(world, crew_body, {"name": "a"}, {"name": "b"})
    changes = TaskChanges(depends_on=["b"])
    found = await refused(world.tasks.update(WS, crew.tasks[0].id, changes))
    assert (found["field"], "a → b → a" in found["reason"]) == ("depends_on.0", True)


async def test_a_crew_that_was_read_can_be_sent_again_as_a_copy(world: Any, crew_body: Any) -> None:
    array = {"name": "first", "output_schema": {"type": "array"}}
    crew = await made(world, crew_body, array, {"for_each": "first"}, {"depends_on": [0]})
    first, second, third = (task.id for task in crew.tasks)
    condition = f"len(outputs.{first}) > 1"
    await world.tasks.update(WS, third, TaskChanges(condition=condition))
    crew = await world.catalog.find(WS, crew.id)
    sent = crew.model_dump(include={"name", "process", "agents", "tasks"})
    for entry in (*sent["agents"], *sent["tasks"]):
        entry.pop("number")
    await world.catalog.update(WS, crew.id, CrewChanges(tasks=sent["tasks"]))
    assert (await world.catalog.find(WS, crew.id)).tasks == crew.tasks
    copy = await world.catalog.create(WS, CrewDraft(**sent))
    own = [task.id for task in copy.tasks]
    assert not {first, second, third} & set(own)
    assert (copy.tasks[1].for_each, copy.tasks[2].depends_on) == (own[0], [own[0]])
    assert copy.tasks[2].condition == f"len(outputs.{own[0]}) > 1"


async def test_the_graph_has_the_tasks_in_the_order_in_which_they_begin(
    world: Any, crew_body: Any
) -> None:
    beside = {"async_execution": True}
    crew = await made(world, crew_body, {**beside, "depends_on": [1]}, beside, {})
    one, two, three = (task.id for task in crew.tasks)
    graph = graph_of(crew.tasks)
    assert [task.id for task in graph.tasks] == [two, one, three]
    assert [(edge.source, edge.target, edge.kind) for edge in graph.edges] == [
        (two, one, "depends_on"), (one, three, "join"), (two, three, "join")
    ]  # fmt: skip
