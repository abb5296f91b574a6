"""Runs on a real platform, through both surfaces.

Covers: kasal_client.aio.runs, kasal_client.aio.executions, kasal_client.aio.handles, kasal_client.aio.watching
"""

import secrets
from typing import Any

import pytest

from kasal_client import Agent, Crew, RunFailed, RunStopped, RunTimeoutError, Task
from kasal_client.errors import ConflictError, InvalidRequestError
from kasal_client.events import ErrorEvent, InputRequiredEvent, TextDelta, ToolResultEvent
from kasal_client.testing import Gate, ScriptedModel


def writer(word: str, **options: Any) -> Crew:
    """A crew whose one task has `word` in it, for the scripted model to know."""
    return Crew(
        name=f"Crew {word}",
        agents=[Agent(role="Writer", goal="Write", model="gpt-4o", **options)],
        tasks=[Task(name="text", description=f"{word}: write about {{topic}}")],
    )


@pytest.fixture
def word() -> str:
    return secrets.token_hex(4)


async def test_a_run_is_watched_up_to_its_result(client: Any, scripted_model: ScriptedModel, word):
    scripted_model.reply("Tea is old.", when=word)
    crew = await client.crews.apply(writer(word))
    run = await crew.start({"topic": "tea"})

    events = [event async for event in run.events()]

    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert events[0].type == "execution_start"
    assert events[-1].type == "execution_complete"
    assert await run.result(timeout=30) == "Tea is old."
    assert await run.status() == "completed"
    assert await run.inputs() == {"topic": "tea"}
    assert [event.seq async for event in run.events(after_seq=3)] == list(range(4, len(events) + 1))
    assert [event async for event in run.events(after_seq=len(events))] == []
    assert [one.seq for one in await run.traces()] == [event.seq for event in events]


async def test_a_call_is_approved_with_other_arguments(client: Any, word):
    crew = await client.crews.apply(
        Crew(
            name=f"Till {word}",
            agents=[
                Agent(
                    role="Cashier",
                    goal="Calculate",
                    model="offline",
                    tools=["calculator"],
                    approvals=["calculator"],
                )
            ],
            tasks=[Task(description="What is 12 * 2?")],
        )
    )
    run = await crew.start()
    question = await run.wait_for_question(timeout=30)
    assert question.tool_call.arguments == {"expression": "12 * 2"}
    assert [one.job_id async for one in client.questions.list(crew_id=crew.id)] == [run.id]

    with pytest.raises(InvalidRequestError):
        await run.edit({"expression": 7}, question=question)
    await run.edit({"expression": "12 * 3"}, question=question, comment="A dozen more")

    assert "36" in await run.result(timeout=30)
    results = [event async for event in run.events() if isinstance(event, ToolResultEvent)]
    assert results[0].result == "36" or "36" in results[0].result
    with pytest.raises(ConflictError):
        await run.reject("Too late", question=question)
    assert await run.wait_for_question() is None


async def test_a_rejected_review_fails_the_run(client: Any, scripted_model: ScriptedModel, word):
    scripted_model.reply("A draft.", when=word)
    scripted_model.reply("A better draft.", when=word)
    described = writer(word)
    described.tasks[0].human_input = True
    crew = await client.crews.apply(described)
    run = await crew.start({"topic": "tea"})
    first = await run.wait_for_question(timeout=30)
    assert first.answer == "A draft."

    await run.answer("Shorter", question=first)
    second = await run.wait_for_question(timeout=30)
    while second.question_id == first.question_id:
        second = await run.wait_for_question(timeout=30)
    assert second.answer == "A better draft."
    await run.reject("The figure is wrong.")

    with pytest.raises(RunFailed) as raised:
        await run.result(timeout=30)
    assert raised.value.code == "REJECTED"
    assert raised.value.comment == "The figure is wrong."
    assert raised.value.job_id == run.id
    assert isinstance([event async for event in run.events()][-1], ErrorEvent)


async def test_a_run_is_stopped_while_its_model_is_silent(
    client: Any, scripted_model: ScriptedModel, word
):
    gate = Gate()
    scripted_model.reply("Never.", when=word, gate=gate)
    crew = await client.crews.apply(writer(word))
    run = await crew.start({"topic": "tea"})
    gate.wait()
    with pytest.raises(RunTimeoutError):
        await run.result(timeout=0.3)
    with pytest.raises(RunTimeoutError):
        [event async for event in run.events(timeout=0.3)]

    assert (await run.stop()).status == "stopped"
    assert (await run.stop()).status == "stopped"

    with pytest.raises(RunStopped):
        await run.result(timeout=30)
    gate.open()


async def test_text_comes_while_it_is_written(client: Any, scripted_model: ScriptedModel, word):
    gate = Gate()
    scripted_model.call("calculator", when=word, expression="1 + 1")
    scripted_model.reply("First. ", "Second. ", "Third.", when=word, gate=gate, gate_after=1)
    crew = await client.crews.apply(writer(word, tools=["calculator"], approvals=["calculator"]))
    run = await crew.start({"topic": "tea"})

    pieces = []
    async with run.watch(timeout=60) as items:
        async for item in items:
            if isinstance(item, InputRequiredEvent):
                await run.approve(item)  # what is asked for from now on is shown
            elif isinstance(item, TextDelta):
                pieces.append(item.text)
                gate.open()

    assert pieces[0] == "First. "
    assert "First. Second. Third.".startswith("".join(pieces))


async def test_the_chunks_of_a_text_are_the_text(client: Any, scripted_model: ScriptedModel, word):
    long = "tea 🍵 " * 200 + "."
    scripted_model.reply(long, when=word)
    crew = await client.crews.apply(writer(word))
    run = await crew.start({"topic": "tea"})

    chunks = [chunk async for chunk in run.text(timeout=60)]

    assert "".join(chunk.text for chunk in chunks) == long
    assert chunks[0].is_first
    assert chunks[-1].is_last


async def test_many_runs_end_one_by_one(client: Any, scripted_model: ScriptedModel, word):
    scripted_model.reply("Good.", when=lambda request: word in request.text, times=None)
    crew = await client.crews.apply(writer(word))
    inputs = [{"topic": "a"}, {"wrong": "b"}, {"topic": "c"}]

    outcomes = [one async for one in crew.start_many(inputs, max_parallel=2, timeout=60)]

    by_place = {one.index: one for one in outcomes}
    assert sorted(by_place) == [0, 1, 2]
    assert (by_place[0].result, by_place[2].result) == ("Good.", "Good.")
    assert isinstance(by_place[1].error, InvalidRequestError)
    assert by_place[1].run is None
    assert not by_place[1].ok


async def test_a_run_is_forked_and_replayed(client: Any, scripted_model: ScriptedModel, word):
    scripted_model.reply("Once.", when=word)
    crew = await client.crews.apply(writer(word))
    run = await crew.start({"topic": "tea"})
    assert await run.result(timeout=30) == "Once."
    asked = len(scripted_model.requests)

    replay = await run.replay()
    assert await replay.result(timeout=30) == "Once."
    assert len(scripted_model.requests) == asked
    scripted_model.reply("Twice.", when=word)
    fork = await run.fork(from_task="text", inputs={"topic": "milk"})
    assert await fork.result(timeout=30) == "Twice."
    known = await fork.get()
    assert known.forked_from.job_id == run.id
    runs = [one.job_id async for one in client.executions.list(crew_id=crew.id, page_size=1)]
    assert runs == [fork.id, replay.id, run.id]
    assert await client.executions.list(crew_id=crew.id).total() == 3

    calls = await run.calls().to_list()
    assert [call.type for call in calls] == ["llm_call"]
    assert (await run.call(calls[0].n)).reply.content == "Once."
