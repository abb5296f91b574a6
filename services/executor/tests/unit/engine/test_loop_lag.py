"""Whatever a model says, the loop that all jobs share is not held for long."""

import pytest

from devkit.loop_lag import loop_lag

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
RULES = [
    {"kind": "regex", "pattern": "(a|aa)+$"},
    {"kind": "regex", "pattern": "^(?=(a+)+b)"},
    {"kind": "length", "min": 2_000_000, "unit": "words"},
    {"kind": "contains", "all": ["aaaaaaaaab"] * 100, "ignore_case": True},
    {"kind": "json_schema", "schema": SCHEMA},
    {"kind": "no_personal_data", "allow": ["x"]},
    {"kind": "max_tokens", "max": 1},
]
HOSTILE = [
    "```" + "\n" * 2_000 + "x",
    "```" + "\n" * 1_000_000 + "x",
    "```" * 80_000,
    "[" * 250_000,
    '["' * 120_000,
    '{"' * 120_000,
    "[1," * 80_000,
    "[" + "[]," * 80_000 + "1]",
    "9" * 250_000,
    '"' + "\\ud800" * 40_000 + '"',
    '{"n": "' + "x" * 200_000 + '"}',
    "a " * 900_000,
    "PASS " * 100_000,
    "a." * 500_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize(
    "task",
    [
        {"output_schema": SCHEMA, "max_retries": 1},
        {"guardrail": "Be kind.", "max_retries": 0},
        *({"guardrail": rule, "max_retries": 0} for rule in RULES),
        {"human_input": True},
        {},
    ],
    ids=["schema", "guardrail", *(rule["kind"] for rule in RULES), "review", "plain"],
)
async def test_no_answer_holds_the_loop(stage, kit, task, text):
    stage.script.say = lambda *_: '{"n": 1}'
    memory = {"memory": {"short_term": True, "long_term": True}}
    await stage.run(kit.crew(1, task_1=task))  # what is imported late is not what is measured
    stage.script.say = lambda *_: text
    async with loop_lag():
        events = await stage.run(kit.crew(2, task_1=task, configuration=memory))
    assert events[-1].type in {"error", "execution_complete", "input_required"}


@pytest.mark.parametrize(
    "description",
    ["{a}" * 6_000, "{{" * 9_000, "{{a}}" * 4_000, "{" * 20_000, "{a}{{" * 4_000, "}}" * 10_000],
    ids=range(6),
)
async def test_no_text_holds_the_loop_when_it_is_filled_in(stage, kit, description):
    await stage.run(kit.crew(1))
    async with loop_lag():
        await stage.run(kit.crew(1, task_1={"description": description}), a="x" * 300)
        await stage.run(kit.crew(1, task_1={"description": description}), a="x" * 150_000)


async def test_no_condition_holds_the_loop(stage, kit):
    large = [["x" * 40, {"a": number}] for number in range(20_000)]
    text = " or ".join(f"inputs.a == inputs.b and {number} == 1" for number in range(9))
    crew = kit.crew(2, task_2={"condition": text})
    await stage.run(crew, a=1, b=1)
    async with loop_lag():
        events = await stage.run(crew, a=large, b=[*large])
    assert events[-1].type == "execution_complete"


async def test_a_long_list_does_not_hold_the_loop(stage, kit):
    crew = kit.crew(1, task_1={"for_each": "{x}"}, configuration={"max_items": 1_000})
    await stage.run(crew, x=[1])
    async with loop_lag():
        events = await stage.run(crew, x=list(range(1_000)))
    assert len(events[-1].body.result) == 1_000
