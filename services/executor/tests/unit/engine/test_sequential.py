"""A sequential crew, from its first event to its last.

Covers: executor.engine.conversation, executor.engine.desk, executor.engine.trace
"""

from msgspec import UNSET

from common.contracts.events import ExecutionComplete


async def test_a_crew_runs_task_by_task_to_its_end(stage, kit):
    stage.script.say = lambda _m, dialogue, _t: f"answer to: {dialogue.topic.description}"
    ledger = await stage.ledger(kit.crew(3))
    step = ["llm_call", "task_complete", "progress"]
    assert kit.types(ledger.events) == [
        "execution_start", *(["task_start", *step] * 3), "execution_complete"
    ]  # fmt: skip
    assert ledger.events[-1].body == ExecutionComplete(result="answer to: Work 3")
    assert [e.body.progress for e in ledger.events if e.type == "progress"] == [33, 66, 100]
    assert all(e.body.current_task is not UNSET for e in ledger.events if e.type == "progress")


async def test_the_end_of_a_task_and_the_start_of_the_next_are_one_write(stage, kit):
    ledger = await stage.ledger(kit.crew(2))
    groups = [kit.types(write) for write in ledger.writes]
    together = ["llm_call", "task_complete", "progress", "task_start"]
    assert any(group[: len(together)] == together for group in groups), groups


async def test_each_task_builds_on_the_one_before_it(stage, kit):
    stage.script.say = lambda _m, dialogue, _t: f"<{dialogue.topic.description}>"
    await stage.run(kit.crew(3))
    openings = [opening for _, opening in stage.script.requests]
    assert "<Work 1>" in openings[1]
    assert "<Work 2>" in openings[2]
    assert "<Work 1>" not in openings[2]


async def test_the_offline_model_names_itself(stage, kit):
    crew = kit.crew(1)
    crew = crew.model_copy(
        update={"agents": [crew.agents[0].model_copy(update={"model": "keyless"})]}
    )
    events = await stage.run(crew)
    assert kit.types(events)[2:4] == ["warning", "llm_call"]
    assert events[2].body.code == "MODEL_FALLBACK"
    assert events[3].body.action == "offline (for keyless)"
    assert events[-1].body.result.startswith("[offline]")
