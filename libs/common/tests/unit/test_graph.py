"""The graph of a crew's tasks."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.contracts.crew import TaskSnapshot
from common.contracts.graph import Circular, edges, run_order

BESIDE = {"async_execution": True}


def task(number, **given_fields):
    return TaskSnapshot(id=f"t{number}", description="", expected_output="", **given_fields)


def shown(*tasks):
    return [(edge.source, edge.target, edge.kind) for edge in edges(tasks)]


def test_tasks_in_sequence_build_on_each_other():
    assert shown(task(1), task(2), task(3)) == [("t1", "t2", "sequence"), ("t2", "t3", "sequence")]


def test_the_task_after_parallel_ones_joins_them_once():
    made = shown(task(1, **BESIDE), task(2, **BESIDE), task(3), task(4))
    assert made == [("t1", "t3", "join"), ("t2", "t3", "join"), ("t3", "t4", "sequence")]


def test_a_join_gets_what_came_before_the_parallel_ones_too():
    made = shown(task(1), task(2, **BESIDE), task(3))
    assert made == [("t1", "t2", "sequence"), ("t2", "t3", "join"), ("t1", "t3", "sequence")]


def test_a_named_context_waits_for_no_other_parallel_task():
    made = shown(task(1, **BESIDE), task(2, **BESIDE), task(3, context=["t1"]), task(4))
    assert made == [("t1", "t3", "context"), ("t2", "t4", "join"), ("t3", "t4", "sequence")]


def test_a_task_waits_for_the_synchronous_one_that_it_does_not_name():
    made = shown(task(1), task(2), task(3, context=["t1"]))
    assert made[1:] == [("t1", "t3", "context"), ("t2", "t3", "order")]


def test_every_way_of_naming_a_task_is_an_edge():
    first = {"name": "first", "output_schema": {"type": "array"}}
    made = shown(
        task(1, **first), task(2, condition="outputs.first == 1 or outputs.t1 == 2", context=["x"]),
        task(3, for_each="t1", context=["x"]), task(4, depends_on=["t1"], context=["x"]),
    )  # fmt: skip
    assert made == [
        ("t1", "t2", "condition"), ("t1", "t3", "for_each"), ("t2", "t3", "order"),
        ("t1", "t4", "depends_on"), ("t3", "t4", "order"),
    ]  # fmt: skip


def test_a_parallel_task_may_depend_on_one_that_is_listed_later():
    tasks = [task(1, depends_on=["t2"], **BESIDE), task(2, **BESIDE), task(3)]
    assert run_order(tasks, edges(tasks)) == ["t2", "t1", "t3"]


def test_a_circle_is_told_with_its_path():
    tasks = [task(1, depends_on=["t3"]), task(2), task(3)]
    with pytest.raises(Circular, match="t1 → t2 → t3 → t1"):
        run_order(tasks, edges(tasks))


def test_a_task_that_waits_for_itself_is_a_circle():
    tasks = [task(1, depends_on=["t1"])]
    with pytest.raises(Circular, match="t1 → t1"):
        run_order(tasks, edges(tasks))


def order_or_path(tasks, found):
    try:
        return run_order(tasks, found), ()
    except Circular as fault:
        return [], fault.path


@given(st.data())
def test_an_order_has_every_task_after_those_that_it_waits_for(data):
    count = data.draw(st.integers(1, 8))
    ids = [f"t{n}" for n in range(count)]
    tasks = [
        task(
            n,
            async_execution=data.draw(st.booleans()),
            depends_on=data.draw(st.lists(st.sampled_from(ids), max_size=2, unique=True)),
            context=data.draw(
                st.lists(st.sampled_from([*ids[:n], "a text"]), max_size=2, unique=True)
            ),
        )
        for n in range(count)
    ]
    found = edges(tasks)
    order, path = order_or_path(tasks, found)
    if path:
        waits = {(edge.source, edge.target) for edge in found}
        assert path[0] == path[-1]
        assert all(pair in waits for pair in pairwise(path))
        return
    assert sorted(order) == sorted(ids)
    assert all(order.index(edge.source) < order.index(edge.target) for edge in found)
    if not any(one.depends_on for one in tasks):
        assert order == ids
