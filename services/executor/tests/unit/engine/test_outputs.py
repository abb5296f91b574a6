"""Output schemas, guardrails, people: what stands between an answer and a task's output."""

import pytest

from common.contracts.events import ExecutionComplete

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def answers(*texts):
    left = list(texts)
    return lambda *_: left.pop(0)


@pytest.mark.parametrize("text", ['{"n": 1}', ' ```json\n{"n": 1}\n``` '])
async def test_an_answer_that_meets_its_schema_becomes_its_value(stage, kit, text):
    stage.script.say = answers(text, "end")
    events = await stage.run(kit.crew(2, task_1={"output_schema": SCHEMA}))
    done = next(e for e in events if e.type == "task_complete")
    assert done.body.result == {"n": 1}
    assert '{"n": 1}' in stage.script.requests[1][1]


async def test_an_invalid_answer_is_asked_for_again_with_the_reason(stage, kit):
    stage.script.say = answers("no json", '{"n": "x"}', '{"n": 2}')
    events = await stage.run(kit.crew(1, task_1={"output_schema": SCHEMA}))
    assert events[-1].body.result == {"n": 2}
    told = [turn for turn in stage.script.dialogues[0].turns if isinstance(turn, str)]
    assert "not one JSON value" in told[0]
    assert "n: 'x' is not of type 'integer'" in told[1]


@pytest.mark.parametrize("retries", [0, 2])
async def test_an_answer_that_stays_invalid_ends_the_run(stage, kit, retries):
    stage.script.say = lambda *_: "no"
    crew = kit.crew(1, task_1={"output_schema": SCHEMA, "max_retries": retries})
    events = await stage.run(crew)
    assert events[-1].body.code == "OUTPUT_INVALID"
    assert len(stage.script.requests) == retries + 1


async def test_an_empty_answer_is_not_an_output(stage, kit):
    stage.script.say = answers(" ", "text")
    assert (await stage.run(kit.crew(1)))[-1].body.result == "text"


async def test_a_schema_elsewhere_is_never_fetched(stage, kit):
    stage.script.say = lambda *_: "{}"
    schema = {"$ref": "http://127.0.0.1:9/schema.json"}
    events = await stage.run(kit.crew(1, task_1={"output_schema": schema, "max_retries": 0}))
    assert events[-1].body.code == "OUTPUT_INVALID"
    assert "cannot be used" in events[-1].body.message


async def test_a_guardrail_sends_an_answer_back(stage, kit):
    stage.script.say = answers("rude", "FAIL: it is rude", "kind", "**PASS**")
    events = await stage.run(kit.crew(1, task_1={"guardrail": "Be kind."}))
    assert events[-1].body.result == "kind"
    agents = [e.body.agent for e in events if e.type == "llm_call"]
    assert agents == ["Agent 1", "Guardrail", "Agent 1", "Guardrail"]


async def test_waiting_for_a_person_does_not_use_up_the_time(stage, kit):
    stage.script.say = answers("draft", "final")
    limits = {"timeout": 30}
    crew = kit.crew(1, task_1={"human_input": True, **limits}, configuration=limits)
    waiting = await stage.run(crew)
    answer = approved(waiting, hours=5)
    stage.now = answer.timestamp
    events = await stage.run(crew, [*waiting, answer])
    assert events[-1].body == ExecutionComplete(result="draft")


async def test_what_runs_beside_a_waiting_task_is_finished_first(stage, kit):
    crew = kit.crew(
        2, task_1={"human_input": True, "async_execution": True}, task_2={"async_execution": True}
    )
    waiting = await stage.run(crew)
    assert waiting[-1].type == "input_required"
    assert [e.body.task_id for e in waiting if e.type == "task_complete"] == ["task_2"]
    events = await stage.run(crew, [*waiting, approved(waiting)])
    assert events[-1].type == "execution_complete"
    assert kit.types(events).count("task_complete") == 2


def approved(events, hours=0):
    from datetime import timedelta

    from common.contracts.events import InputReceived
    from executor.domain.log.events import LogEntry

    at = events[-1].timestamp + timedelta(hours=hours)
    return LogEntry(len(events) + 1, at, 1, InputReceived(outcome="approved"))
