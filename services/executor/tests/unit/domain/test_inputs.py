"""Placeholders and the inputs that fill them in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InvalidRequest
from executor.domain.inputs import check_runnable, placeholders
from executor.domain.submission import check_storable


@pytest.fixture
def crew_about(make_crew):
    def make(text: str, **changes):
        crew = make_crew(**changes)
        task = crew.tasks[0].model_copy(update={"description": text})
        return crew.model_copy(update={"tasks": [task]})

    return make


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("about {topic} by {dead-line}", ["topic", "dead-line"]),
        ("{_a1} and {_a1}", ["_a1"]),
        ('{"json": 1} {} { topic } {1} {a.b} {ä}', []),
        ("{{topic}}", ["topic"]),
    ],
)
def test_what_is_a_placeholder(crew_about, text, names):
    assert placeholders(crew_about(text)) == names


def test_every_text_of_the_crew_counts(make_crew):
    crew = make_crew()
    agent = crew.agents[0].model_copy(update={"role": "{a}", "goal": "{b}", "backstory": "{c}"})
    task = crew.tasks[0].model_copy(update={"description": "{d}", "expected_output": "{e}"})
    crew = crew.model_copy(update={"agents": [agent], "tasks": [task]})
    assert placeholders(crew) == ["a", "b", "c", "d", "e"]


def test_a_missing_input_is_named(crew_about):
    with pytest.raises(InvalidRequest) as caught:
        check_runnable(crew_about("{topic} {deadline}"), {"topic": ""})
    assert caught.value.details["field"] == "inputs.deadline"


def test_all_missing_inputs_are_named(crew_about):
    with pytest.raises(InvalidRequest) as caught:
        check_runnable(crew_about("{topic} {deadline}"), {})
    named = [fault["field"] for fault in caught.value.details["errors"]]
    assert named == ["inputs.topic", "inputs.deadline"]


def test_a_crew_that_is_not_active_is_refused(make_crew):
    with pytest.raises(InvalidRequest) as caught:
        check_runnable(make_crew(status="configuring"), {"topic": 1})
    assert caught.value.details["field"] == "crew_id"


@pytest.mark.parametrize("value", ["\ud800", 2**70, {"deep": ["\udfff"]}])
def test_inputs_that_cannot_be_stored_are_refused(value):
    with pytest.raises(InvalidRequest) as caught:
        check_storable({"topic": value})
    assert caught.value.details["field"] == "inputs"


@given(st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]*", fullmatch=True))
def test_any_well_formed_name_is_found(name):
    from executor.domain.inputs import _PLACEHOLDER

    assert _PLACEHOLDER.findall(f"x {{{name}}} y") == [name]
