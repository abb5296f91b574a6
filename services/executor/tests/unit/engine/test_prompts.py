"""The words a model is asked with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.contracts.crew import MemorySnapshot, MemorySwitches
from executor.engine.prompts import filled, remembered


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("About {topic}.", "About tea."),
        ("{topic}{topic}", "teatea"),
        ("{_a-1} {9a} {} { topic } {a b}", "under {9a} {} { topic } {a b}"),
        ('{"topic": 1}', '{"topic": 1}'),
        ("{missing}", "{missing}"),
        ("{list}", '["a", 1]'),
        ("{{topic}}", "{tea}"),
        ("{trap}", "{topic}"),
    ],
)
def test_inputs_fill_in_placeholders_once_and_leave_other_braces(text, expected):
    inputs = {"topic": "tea", "_a-1": "under", "list": ["a", 1], "trap": "{topic}"}
    assert filled(text, inputs) == expected


@given(st.text(), st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3))
def test_filling_in_never_fails(text, inputs):
    assert isinstance(filled(text, inputs), str)


def test_memory_is_read_as_the_switches_say():
    memory = MemorySnapshot.model_validate(
        {"short_term": ["likes mail"], "long_term": [{"category": "taste", "insights": ["green"]}]}
    )
    both = MemorySwitches(short_term=True, long_term=True)
    assert remembered(memory, both) == "- taste: green\n- likes mail"
    assert remembered(memory, MemorySwitches(long_term=True)) == "- taste: green"
    assert remembered(memory, MemorySwitches(short_term=True)) == "- likes mail"
    assert remembered(memory, MemorySwitches()) == ""


async def test_a_prompt_holds_everything_the_agent_and_task_say(stage, kit):
    crew = kit.crew(
        1,
        task_1={"description": "Write on {topic}", "context": ["Mind the {topic}"]},
        memory={"short_term": ["Customers like mail"]},
        configuration={"memory": {"short_term": True}},
    )
    await stage.run(crew, topic="tea")
    dialogue = stage.script.dialogues[0]
    for part in ("Write on tea", "Output 1", "Mind the tea", "Customers like mail"):
        assert part in dialogue.opening
    for part in ("Role 1", "Goal 1"):
        assert part in dialogue.instructions
