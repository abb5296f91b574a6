"""What was sent to models and tools is shown as it was sent, whoever died or meddled meanwhile.

Covers: executor.domain.api.conversations, executor.domain.log.reading, executor.domain.log.sent,
executor.engine.requests, executor.routes.call_bodies
"""

from dataclasses import replace

import pytest
from executor_testkit.engine.models import calls
from executor_testkit.engine.people import JOB, World
from executor_testkit.engine.stage import Stage, make_crew
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import NotFound
from common.times import utc_now
from devkit.stores.executions import MemoryExecutions
from executor.domain.api.calls import Calls, ModelCall
from executor.domain.log import records
from executor.domain.log.events import EventDraft
from executor.domain.log.execution import Execution
from executor.models.dialogue import Reply
from executor.routes.call_bodies import call_detail


def flat(dialogue):
    """Return a dialogue as the messages that are shown."""
    said = [("system", dialogue.instructions), ("user", dialogue.opening)]
    for turn in dialogue.turns:
        if isinstance(turn, str):
            said.append(("user", turn))
        elif isinstance(turn, Reply):
            asked = tuple((call.id, call.name, dict(call.arguments)) for call in turn.calls)
            said.append(("assistant", turn.text, asked))
        else:
            said += [("tool", one.text, one.id, one.name) for one in turn]
    return said


def shown(call):
    assert call.sent is not None, call.lost
    said = []
    for message in call.sent.messages:
        asked = tuple((one.id, one.name, one.arguments) for one in message.tool_calls)
        if message.role == "tool":
            said.append((message.role, message.content, message.tool_call_id, message.name))
        elif message.role == "assistant":
            said.append((message.role, message.content, asked))
        else:
            said.append((message.role, message.content))
    return said


class Watched(World):
    """Notes each request, as it is sent."""

    def say(self, model, dialogue, tools):
        self.sent.append((flat(dialogue), [tool.name for tool in tools]))
        reply = super().say(model, dialogue, tools)
        if isinstance(reply, Reply):  # ids that differ from reply to reply, as providers give them
            turn = len(dialogue.turns)
            reply = replace(
                reply,
                calls=tuple(replace(one, id=f"{one.id}_{turn}") for one in reply.calls),
                text="long " * 80 if turn % 4 else "",
            )
        return reply


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6), tasks=st.integers(1, 3), copied=st.booleans())
async def test_each_call_shows_what_was_sent_for_it(seed, tasks, copied):
    world = await lived_world(seed, tasks)
    if copied:
        await world.store.copy({JOB: world.job.tail})
        world.store.jobs[JOB] = replace(world.job, tail=world.job.tail[-1:])
    reading = Calls(world.store)
    listed = await all_calls(reading)
    log = {record.seq: record.entry() for record in world.all_records()}
    assert [head.n for head in listed] == [
        seq for seq, entry in log.items() if entry.type in {"llm_call", "tool_call"}
    ]
    for head in listed:
        call = await reading.call("ws_1", JOB, head.n)
        call_detail(call)  # fits what the API promises
        if isinstance(call, ModelCall):
            check_model_call(world, log, call)
        else:
            check_tool_call(world, log, call)


async def lived_world(seed, tasks):
    """Return a world whose job has come to its end, or nearly, through deaths and answers."""
    reviewed = [{"human_input": n == 1} for n in range(tasks)]
    world = Watched({"tasks": reviewed, "expiry": None, "policy": "ask"}, seed)
    world.sent = []
    await world.begin()
    for _ in range(60):
        if world.job.final:
            break
        await world.run(world.some_plan())
        await world.say_something()
    return world


def result_of(log, call_id):
    _, task_id, number = call_id.split(":")
    found = [e for e in log.values() if e.type == "tool_result" and e.body.task_id == task_id]
    return next((e for e in found if e.private.call == int(number)), None)


def check_model_call(world, log, call):
    assert (shown(call), [tool["name"] for tool in call.sent.tools]) in world.sent
    for asked in call.asked:
        if asked.call_id is None:  # the job ended, or waits, before this call
            assert (asked.n, asked.result_n) == (None, None)
            continue
        made = result_of(log, asked.call_id)
        assert asked.result_n == (None if made is None else made.seq)


def check_tool_call(world, log, call):
    made = result_of(log, call.head.call_id)
    assert (call.result is None) == (made is None)
    assert log[call.asked_in].type == "llm_call"
    paid = [told for key, told in world.made if key == call.head.call_id]
    if call.head.name == "pay" and paid and made is not None and not made.private.failed:
        assert int(call.arguments["x"]) == paid[0]["x"]


async def all_calls(reading):
    found, after = [], None
    while True:
        page = await reading.page("ws_1", JOB, limit=3, after=after)
        found += page.calls
        after = page.next
        if after is None:
            return found


async def job_of(stage, crew, **changes):
    """Run a crew and return its job in a store, with what reads its calls."""
    store, events = MemoryExecutions(), await stage.run(crew)
    made = [
        records.number([EventDraft(one.body, one.private)], JOB, one.seq - 1, 1, utc_now())[0]
        for one in events
    ]
    job = Execution(JOB, "ws_1", crew.id, utc_now(), snapshot=crew, seq=len(made))
    await store.insert(replace(job, tail=tuple(made), **changes))
    return Calls(store), events


def first(events, kind):
    return next(event.seq for event in events if event.type == kind)


async def test_a_crew_that_keeps_no_prompts_shows_none(stage_of_tools):
    crew = make_crew(1, tools_1=["look"], configuration={"keep_prompts": False})
    reading, events = await job_of(stage_of_tools, crew)
    assert b"Work 1" not in b"".join(
        records.json_bytes(event.private) for event in events if event.type == "llm_call"
    )
    for kind in ("llm_call", "tool_call"):
        with pytest.raises(NotFound, match="keep_prompts"):
            await reading.call("ws_1", JOB, first(events, kind))
    assert len((await reading.page("ws_1", JOB, limit=9, after=None)).calls) == 3


async def test_what_older_versions_did_not_keep_is_said(stage_of_tools):
    crew = make_crew(1, tools_1=["look"], configuration={"keep_prompts": False})
    reading, events = await job_of(stage_of_tools, crew, snapshot=make_crew(1))
    call = await reading.call("ws_1", JOB, first(events, "llm_call"))
    assert call.sent is None
    assert "did not keep" in call.lost
    assert call_detail(call).reply.tool_calls[0].arguments == {"x": 7}
    tool = await reading.call("ws_1", JOB, first(events, "tool_call"))
    assert (tool.arguments, tool.result.text) == ({"x": 7}, "saw 7")


async def test_a_prompt_that_is_too_large_is_left_out_and_said(stage_of_tools):
    crew = make_crew(1, task_1={"description": "x" * 1_600_000})
    reading, events = await job_of(stage_of_tools, crew)
    call = await reading.call("ws_1", JOB, first(events, "llm_call"))
    assert call.sent is None
    assert "1,6" in call.lost


async def test_what_tasks_share_is_kept_once(stage_of_tools):
    shared = "What everybody builds on. " * 50
    stage_of_tools.script.say = lambda *_: shared
    crew = make_crew(4, task={"context": []}, task_4={"context": ["task_1", "task_2", "task_3"]})
    _, events = await job_of(stage_of_tools, crew)
    kept = [event.private.sent for event in events if event.type == "llm_call"]
    blocks = [block for sent in kept if isinstance(sent.blocks, list) for block in sent.blocks]
    assert sum(shared.strip() in block for block in blocks) <= 2, "with and without the heading"


@pytest.mark.parametrize("n", [1, 99, 2])
async def test_other_events_are_no_calls(stage_of_tools, n):
    reading, _ = await job_of(stage_of_tools, make_crew(1))
    with pytest.raises(NotFound, match="event"):
        await reading.call("ws_1", JOB, n)


async def test_beside_an_event_that_cannot_be_read_a_call_is_shown_without_what_was_sent(
    stage_of_tools,
):
    reading, events = await job_of(stage_of_tools, make_crew(1, tools_1=["look"]))
    store = reading._executions
    *_, newest = (event.seq for event in events if event.type == "llm_call")
    place = first(events, "tool_result") - 1
    job, tail = store.jobs[JOB], [*store.jobs[JOB].tail]
    tail[place] = replace(tail[place], private=b'{"call": "of a newer version"}', known=None)
    store.jobs[JOB] = replace(job, tail=tuple(tail))
    call = await reading.call("ws_1", JOB, newest)
    assert call.sent is None
    assert f"The event {place + 1}" in call.lost
    assert call_detail(call).reply.content == "done"


async def test_another_workspace_has_no_such_job(stage_of_tools):
    reading, _ = await job_of(stage_of_tools, make_crew(1))
    for ask in (reading.call("ws_2", JOB, 3), reading.page("ws_2", JOB, limit=1, after=None)):
        with pytest.raises(NotFound, match="no job"):
            await ask


@pytest.fixture
def stage_of_tools():
    stage = Stage()
    stage.drawer.tools = {"look": lambda arguments: f"saw {arguments['x']}"}
    stage.script.say = lambda _m, dialogue, tools: (
        calls(("look", {"x": 7})) if tools and not dialogue.turns else "done"
    )
    return stage
