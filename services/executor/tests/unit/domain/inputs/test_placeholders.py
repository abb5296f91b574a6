import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor.domain.inputs.checks import placeholders
from executor.domain.inputs.placeholders import names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("about {topic} by {dead-line}", ["topic", "dead-line"]),
        ("{_a1} and {_a1}", ["_a1"]),
        ('{"json": 1} {} { topic } {1} {a.b} {ä}', []),
        ("{{topic}} {a}", ["a"]),
        (r"\frac{a}{b} or \frac{{a}}{{b}}", ["a", "b"]),
        ('{"a": {"b": 1}}', []),
        ("{{{topic}}}", ["topic"]),
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


@given(st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]*", fullmatch=True))
def test_any_well_formed_name_is_found(name):
    assert names(f"x {{{name}}} y") == [name]
    assert names(f"x {{{{{name}}}}} y") == []
