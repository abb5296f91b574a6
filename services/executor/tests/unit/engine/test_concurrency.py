"""Tasks that run beside the others.

Covers: executor.engine.shared
"""

import asyncio

from common.contracts.events import ExecutionComplete


async def test_tasks_beside_each_other_overlap_and_are_awaited_where_they_are_needed(stage, kit):
    both = asyncio.Barrier(2)

    async def say(dialogue):
        if dialogue.topic.description in {"Work 1", "Work 2"}:
            await both.wait()
        return f"<{dialogue.topic.description}>"

    stage.script.say = lambda _m, dialogue, _t: say(dialogue)
    beside = {"async_execution": True}
    crew = kit.crew(3, task_1=beside, task_2=beside, task_3={"context": ["task_1", "task_2"]})
    events = await asyncio.wait_for(stage.run(crew), 60)
    assert kit.types(events)[1:3] == ["task_start", "task_start"]
    last = stage.script.requests[-1][1]
    assert "<Work 1>" in last
    assert "<Work 2>" in last
    assert events[-1].body == ExecutionComplete(result="<Work 3>")


async def test_without_context_a_task_waits_for_those_beside_it_and_builds_on_them(stage, kit):
    gate = asyncio.Event()

    async def say(dialogue):
        if dialogue.topic.description == "Work 2":
            await gate.wait()
        elif dialogue.topic.description == "Work 3":
            gate.set()
        return f"<{dialogue.topic.description}>"

    stage.script.say = lambda _m, dialogue, _t: say(dialogue)
    beside = {"async_execution": True}
    await asyncio.wait_for(stage.run(kit.crew(4, task_2=beside, task_3=beside)), 60)
    last = stage.script.requests[-1][1]
    assert last.startswith("Your task: Work 4")
    assert all(f"<Work {n}>" in last for n in (1, 2, 3))


async def test_what_a_join_has_read_is_not_read_again(stage, kit):
    stage.script.say = lambda _m, dialogue, _t: f"<{dialogue.topic.description}>"
    await stage.run(kit.crew(4, task_1={"async_execution": True}, task_2={"async_execution": True}))
    last = stage.script.requests[-1][1]
    assert "<Work 3>" in last
    assert "<Work 1>" not in last


async def test_a_failing_task_ends_what_runs_beside_it(stage, kit):
    cut = asyncio.Event()

    async def hang():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cut.set()
            raise

    def say(_m, dialogue, _t):
        return hang() if dialogue.topic.description == "Work 2" else " "

    stage.script.say = say
    beside = {"async_execution": True, "max_retries": 0}
    crew = kit.crew(2, task_1=beside, task_2={"context": ["on its own"]})
    events = await asyncio.wait_for(stage.run(crew), 60)
    assert events[-1].body.code == "OUTPUT_INVALID"
    assert cut.is_set()
