"""Conditions, lists that are worked through, and what a run's ends make.

Covers: executor.engine.conditions, executor.engine.entries, executor.engine.plan, executor.engine.run,
common.contracts.task_events
"""

import asyncio

import pytest
from msgspec import UNSET

BESIDE = {"async_execution": True}
NUMBERS = {"output_schema": {"type": "array", "items": {"type": "integer"}}}


def named(stage, **told):
    """Let each task answer with what `told` has for its description, else with its description."""
    stage.script.say = lambda _m, dialogue, _t: told.get(
        dialogue.topic.description.replace(" ", ""), f"<{dialogue.topic.description}>"
    )


def bodies(events, kind):
    return [event.body for event in events if event.type == kind]


def opening(stage, start):
    return next(text for _, text in stage.script.requests if text.startswith(f"Your task: {start}"))


async def test_a_task_whose_condition_does_not_hold_is_skipped_with_the_reason(stage, kit):
    named(stage)
    crew = kit.crew(3, task_2={"condition": "inputs.deep"})
    events = await stage.run(crew, deep=False)
    (skipped,) = bodies(events, "task_skipped")
    assert (skipped.task_id, skipped.reason) == ("task_2", "condition")
    assert "inputs.deep" in skipped.message
    assert "<Work 1>" in opening(stage, "Work 3"), "it builds on what the skipped task would have"
    assert [body.progress for body in bodies(events, "progress")] == [33, 66, 100]
    assert events[-1].body.result == "<Work 3>"


async def test_a_condition_reads_outputs_by_name_and_by_id(stage, kit):
    named(stage, Work1='{"score": 8}')
    schema = {"type": "object", "properties": {"score": {"type": "integer"}}}
    crew = kit.crew(
        3,
        task_1={"name": "research", "output_schema": schema},
        task_2={"condition": "outputs.research.score >= 8"},
        task_3={"condition": "outputs.task_1.score > 8"},
    )
    events = await stage.run(crew)
    assert [body.task_id for body in bodies(events, "task_skipped")] == ["task_3"]
    assert events[-1].body.result == "<Work 2>", "the last task that was not skipped"


async def test_a_condition_that_cannot_be_evaluated_ends_the_run_and_says_why(stage, kit):
    named(stage)
    events = await stage.run(kit.crew(2, task_2={"condition": "outputs.task_1.score > 3"}))
    assert events[-1].body.code == "CONDITION_FAILED"
    assert events[-1].body.task_id == "task_2"
    assert "output_schema" in events[-1].body.message


async def test_what_builds_only_on_skipped_tasks_is_skipped_too(stage, kit):
    named(stage)
    crew = kit.crew(
        4,
        task_1={"condition": "false"},
        task_2={"context": ["task_1", "a text"]},
        task_3={"context": ["task_1", "task_2"]},
        task_4={"depends_on": ["task_3"], "context": ["on its own"]},
    )
    events = await stage.run(crew)
    told = {body.task_id: body.reason for body in bodies(events, "task_skipped")}
    assert told == {
        "task_1": "condition", "task_2": "context_skipped", "task_3": "context_skipped"
    }  # fmt: skip
    assert events[-1].body.result == "<Work 4>"


async def test_a_join_goes_on_with_the_branch_that_was_taken(stage, kit):
    named(stage)
    crew = kit.crew(
        4,
        task_2={"condition": "inputs.kind == 'a'", "context": ["task_1"]},
        task_3={"condition": "inputs.kind == 'b'", "context": ["task_1"]},
        task_4={"context": ["task_2", "task_3"]},
    )
    await stage.run(crew, kind="b")
    assert "<Work 3>" in opening(stage, "Work 4")
    assert "<Work 2>" not in opening(stage, "Work 4")


async def test_a_run_that_skips_everything_completes_without_a_result(stage, kit):
    events = await stage.run(kit.crew(2, task={"condition": "false"}))
    assert (events[-1].type, events[-1].body.result) == ("execution_complete", None)


async def test_an_order_is_no_text(stage, kit):
    named(stage)
    await stage.run(kit.crew(2, task_1=BESIDE, task_2={"depends_on": ["task_1"], "context": ["x"]}))
    assert [text.split("\n")[0] for _, text in stage.script.requests] == [
        "Your task: Work 1", "Your task: Work 2"
    ]  # fmt: skip
    assert "<Work 1>" not in opening(stage, "Work 2")


async def test_a_task_is_done_for_each_entry_and_its_outputs_are_in_order(stage, kit):
    last = asyncio.Event()

    async def say(dialogue):
        if dialogue.topic.description.endswith("tea"):
            await last.wait()  # the first entry ends last
        if dialogue.topic.description.endswith("wine"):
            last.set()
        return f"<{dialogue.topic.description}>"

    stage.script.say = lambda _m, dialogue, _t: say(dialogue)
    crew = kit.crew(2, task_1={"for_each": "{drinks}", "description": "On {item}"})
    events = await stage.run(crew, drinks=["tea", "{drinks}", "wine"])
    starts = bodies(events, "task_start")
    assert (starts[0].task_id, starts[0].items) == ("task_1", 3)
    assert [(one.task_id, one.item_of, one.description) for one in starts[1:4]] == [
        ("task_1-0", "task_1", "On tea"), ("task_1-1", "task_1", "On {drinks}"),
        ("task_1-2", "task_1", "On wine"),
    ]  # fmt: skip
    joined = next(body for body in bodies(events, "task_complete") if body.task_id == "task_1")
    assert joined.result == ["<On tea>", "<On {drinks}>", "<On wine>"]
    assert "<On tea>" in opening(stage, "Work 2")
    assert [body.progress for body in bodies(events, "progress")] == [16, 33, 50, 50, 100]


async def test_a_list_may_be_the_output_of_an_earlier_task(stage, kit):
    named(stage, Work1="[4, 5]")
    crew = kit.crew(
        2, task_1=NUMBERS, task_2={"for_each": "task_1", "description": "Double {item}"}
    )
    events = await stage.run(crew)
    assert events[-1].body.result == ["<Double 4>", "<Double 5>"]
    assert "What you know already" not in opening(stage, "Double 4")


async def test_at_most_so_many_entries_are_worked_on_at_once(stage, kit):
    inside, most = 0, 0

    async def say():
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        for _ in range(5):
            await asyncio.sleep(0)
        inside -= 1
        return "done"

    stage.script.say = lambda *_: say()
    crew = kit.crew(1, task_1={"for_each": "{x}"}, configuration={"items_at_once": 3})
    events = await stage.run(crew, x=list(range(20)))
    assert most == 3
    assert events[-1].body.result == ["done"] * 20


@pytest.mark.parametrize("value", ["tea", None, 7, {"a": 1}, ["x"] * 101])
async def test_what_is_no_list_or_too_long_ends_the_run(stage, kit, value):
    events = await stage.run(kit.crew(1, task_1={"for_each": "{x}"}), x=value)
    assert events[-1].body.code == "FOR_EACH_INVALID"


async def test_an_empty_list_is_done_at_once(stage, kit):
    events = await stage.run(kit.crew(1, task_1={"for_each": "{x}"}), x=[])
    assert events[-1].body.result == []
    assert not stage.script.requests


async def test_an_entry_has_retries_of_its_own(stage, kit):
    said = {"a": ["no", "1"], "b": ["no", "no", "2"]}
    stage.script.say = lambda _m, dialogue, _t: said[dialogue.topic.description].pop(0)
    crew = kit.crew(
        1, task_1={"for_each": "{x}", "description": "{item}", "output_schema": {"type": "integer"}}
    )
    events = await stage.run(crew, x=["a", "b"])
    assert events[-1].body.result == [1, 2]
    rejected = [
        (body.task_id, body.answer, body.left) for body in bodies(events, "answer_rejected")
    ]
    assert sorted(rejected) == [("task_1-0", 1, 2), ("task_1-1", 1, 2), ("task_1-1", 2, 1)]


async def test_a_person_reviews_an_entry_and_the_others_go_on(stage, kit):
    named(stage)
    crew = kit.crew(1, task_1={"for_each": "{x}", "description": "{item}", "human_input": True})
    asked = await stage.run(crew, x=["a", "b"])
    assert asked[-1].type == "input_required"
    questions = {body.task_id for body in bodies(asked, "input_required")}
    assert questions == {"task_1-0", "task_1-1"}
    assert {body.task_id for body in bodies(asked, "llm_call")} == {"task_1-0", "task_1-1"}


async def test_a_manager_works_on_each_entry(stage, kit):
    stage.script.say = lambda _m, dialogue, _t: f"managed {dialogue.topic.description}"
    crew = kit.crew(
        2,
        process="hierarchical",
        task_1={"for_each": "{x}", "description": "{item}"},
        task_2={"condition": "len(outputs.task_1) > 2"},
    )
    events = await stage.run(crew, x=["a", "b"])
    assert events[-1].body.result == ["managed a", "managed b"]
    assert [body.task_id for body in bodies(events, "task_skipped")] == ["task_2"]


async def test_the_ends_of_a_run_are_told_if_there_is_more_than_the_last(stage, kit):
    crew = kit.crew(3, task_2={"context": ["task_1"]}, task_3={"context": ["task_1"]})
    assert (await stage.run(crew))[-1].body.ends == ["task_2", "task_3"]
    assert (await stage.run(kit.crew(3)))[-1].body.ends is UNSET


async def test_what_only_a_skipped_task_would_have_read_is_an_end(stage, kit):
    crew = kit.crew(
        3, task_2={"condition": "false", "context": ["task_1"]}, task_3={"context": ["x"]}
    )
    assert (await stage.run(crew))[-1].body.ends == ["task_1", "task_3"]


async def test_tasks_in_a_circle_end_the_run(stage, kit):
    events = await stage.run(kit.crew(2, task_1={"depends_on": ["task_2"]}))
    assert events[-1].body.code == "CREW_INVALID"
    assert "task_1 → task_2 → task_1" in events[-1].body.message
