"""Whatever a model says, the loop that all jobs share is not held for long."""

import pytest

from devkit.loop_lag import loop_lag

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
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
        {"human_input": True},
        {},
    ],
    ids=["schema", "guardrail", "review", "plain"],
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
