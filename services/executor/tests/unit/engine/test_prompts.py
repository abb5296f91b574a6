"""The words a model is asked with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.contracts.crew import MemorySnapshot, MemorySwitches
from devkit.cpu_time import cpu_limit
from executor.domain.inputs.placeholders import fill_placeholders
from executor.engine.prompts import fit_context, memory_lines
from executor.engine.shares import fit


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("About {topic}.", "About tea."),
        ("{topic}{topic}", "teatea"),
        ("{_a-1} {9a} {} { topic } {a b}", "under {9a} {} { topic } {a b}"),
        ('{"topic": 1}', '{"topic": 1}'),
        ("{missing}", "{missing}"),
        ("{list}", '["a", 1]'),
        ("{{topic}}", "{topic}"),
        ("{{{topic}}}", "{tea}"),
        (r"\frac{{topic}}{{b}}", r"\frac{topic}{b}"),
        ('{{"a": {topic}}}', '{"a": tea}'),
        ('{{"a": {"b": {}}, "c": {topic}}}', '{"a": {"b": {}}, "c": tea}'),
        ('{"a": {"b": 1}} {topic}', '{"a": {"b": 1}} tea'),
        ("}} {{ {topic}", "}} {{ tea"),
        ("{{topic}", "{{topic}"),
        ("{trap}", "{topic}"),
    ],
)
def test_inputs_fill_in_placeholders_once_and_leave_other_braces(text, expected):
    inputs = {"topic": "tea", "_a-1": "under", "list": ["a", 1], "trap": "{topic}"}
    assert fill_placeholders(text, inputs) == expected


@given(st.text(), st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3))
def test_filling_in_never_fails(text, inputs):
    assert isinstance(fill_placeholders(text, inputs), str)


def test_memory_is_read_as_the_switches_say():
    memory = MemorySnapshot.model_validate(
        {"short_term": ["likes mail"], "long_term": [{"category": "taste", "insights": ["green"]}]}
    )
    both = MemorySwitches(short_term=True, long_term=True)
    assert memory_lines(memory, both) == "- taste: green\n- likes mail"
    assert memory_lines(memory, MemorySwitches(long_term=True)) == "- taste: green"
    assert memory_lines(memory, MemorySwitches(short_term=True)) == "- likes mail"
    assert memory_lines(memory, MemorySwitches()) == ""


@given(st.text("ab{}", max_size=60), st.text("ab{}", max_size=8))
def test_a_text_without_names_only_loses_escapes(text, value):
    assert fill_placeholders(text, {"ab": value}).count("a") >= text.count("a") - text.count("{ab}")
    escaped = text.replace("{", "").replace("}", "")
    assert fill_placeholders(f"{{{{{escaped}}}}}", {escaped: value}) == f"{{{escaped}}}"


@pytest.mark.parametrize(
    "text", ["{{" * 10_000, "{{a}}" * 4_000, "{a}{{" * 4_000, "{" * 20_000, "}}{{" * 5_000]
)
def test_filling_in_takes_little_time(text):
    with cpu_limit(0.05):
        fill_placeholders(text, {"a": "x" * 100})


def test_each_entry_of_a_context_gets_its_share_with_a_mark():
    entries, cut = fit_context(["a" * 59_990, "b" * 30, "c" * 90_000])
    assert cut
    assert entries[1] == "b" * 30
    for entry in (entries[0], entries[2]):
        assert len(entry) == 29_985
        assert entry.endswith("characters in all]")
    assert fit_context(["a" * 59_000, "b" * 999]) == (["a" * 59_000, "b" * 999], False)


@given(st.lists(st.integers(0, 5_000), max_size=12), st.integers(100, 20_000))
def test_shares_are_fair_and_leave_no_room_that_is_needed(sizes, room):
    texts = ["x" * size for size in sizes]
    kept = [len(text) for text in fit(texts, room)]
    assert sum(kept) <= max(room, 50 * len(sizes))
    share = room // max(1, len(sizes))
    assert all(
        size == min(size, had) or had >= min(share, 50)
        for size, had in zip(sizes, kept, strict=True)
    )
    if sum(sizes) <= room:
        assert kept == sizes


def test_both_kinds_of_memory_have_their_share_and_no_line_is_there_twice():
    insights = [f"insight {n} " + "x" * 280 for n in range(36)]
    memory = MemorySnapshot.model_validate(
        {
            "short_term": ["the same"] * 10 + [f"entry {n} " + "y" * 700 for n in range(20)],
            "long_term": [{"category": "Role", "insights": [*insights, insights[0]]}],
        }
    )
    lines = memory_lines(memory, MemorySwitches(short_term=True, long_term=True)).split("\n")
    assert sum(map(len, lines)) < 8_000
    assert sum("insight" in line for line in lines) >= 12
    assert sum("entry" in line for line in lines) >= 5
    assert lines.count("- the same") == 1
    assert len(lines) == len(set(lines))
    assert sum("left out" in line for line in lines) == 2


async def test_a_cut_context_is_warned_of(stage, kit):
    stage.script.say = lambda _, dialogue, __: "z" * 50_000
    crew = kit.crew(3, task_3={"context": ["task_1", "task_2"]})
    events = await stage.run(crew)
    warnings = [e.body for e in events if e.type == "warning"]
    assert [w.code for w in warnings] == ["CONTEXT_CUT"]
    assert "task_3" in warnings[0].message
    assert stage.script.dialogues[2].opening.count("[cut: 50,000 characters in all]") == 2


async def test_a_run_whose_inputs_would_fill_in_too_much_ends_at_once(stage, kit):
    crew = kit.crew(1, task_1={"description": "{a}" * 6_000})
    events = await stage.run(crew, a="x" * 150_000)
    assert events[-1].body.code == "INPUTS_TOO_LARGE"
    assert stage.script.requests == []


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
