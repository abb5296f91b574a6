"""Crews as Python describes them, and as files.

Covers: kasal_client.descriptions, kasal_client.yaml_words
"""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kasal_client import Agent, Crew, Task, UsageError
from kasal_client.models import ConfigurationDraft

CREW = Crew(
    name="Tea",
    agents=[Agent(name="ada", role="no", goal="Find\nthings", model="offline")],
    tasks=[
        Task(name="find", description="Find 2024-01-15", agent="ada"),
        Task(description="Report", context=["find"], timeout=60),
    ],
    configuration=ConfigurationDraft(max_items=5),
)


def test_a_crew_comes_back_from_its_file(tmp_path: Path):
    path = tmp_path / "crew.yaml"
    path.write_text(CREW.to_yaml())
    assert Crew.from_yaml(path) == CREW
    assert Crew.from_yaml(str(path)) == CREW
    assert Crew.from_yaml(CREW.to_yaml()).to_yaml() == CREW.to_yaml()


def test_a_file_has_what_was_set_and_no_more():
    assert CREW.to_dict() == {
        "kasal": 1,
        "name": "Tea",
        "agents": [{"name": "ada", "role": "no", "goal": "Find\nthings", "model": "offline"}],
        "tasks": [
            {"name": "find", "description": "Find 2024-01-15", "agent": "ada"},
            {"description": "Report", "context": ["find"], "timeout": 60},
        ],
        "configuration": {"max_items": 5},
    }


def test_plain_words_are_texts():
    crew = Crew.from_yaml("name: no\nagents:\n- role: yes\n  goal: 2024-01-15\n  model: 1e3\n")
    assert crew.name == "no"
    assert (crew.agents[0].role, crew.agents[0].goal, crew.agents[0].model) == (
        "yes",
        "2024-01-15",
        "1e3",
    )


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=40))
def test_any_text_comes_back(text: str):
    assert Crew.from_yaml(Crew(name=text).to_yaml() + "\n").name == text


def test_fields_of_a_newer_platform_are_passed_on():
    assert Crew.from_yaml("name: Tea\ncolour: green\n").to_dict()["colour"] == "green"


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [\n", "a: !!python/name:os.system\nb: 1\n"])
def test_what_is_no_crew_file_is_refused(text: str):
    with pytest.raises(UsageError):
        Crew.from_yaml(text)


def test_a_fault_of_yaml_is_told_in_one_line_with_the_place_where_it_is():
    with pytest.raises(UsageError) as refused:
        Crew.from_yaml("name: Tea\nagents:\n  - role: Cook\n - role: Waiter\n")
    told = str(refused.value)
    assert told.startswith("This is no YAML: line 4, column 2: ")
    assert "\n" not in told
    assert "unicode string" not in told
