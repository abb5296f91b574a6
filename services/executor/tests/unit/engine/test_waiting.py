"""A run that waits for its model says so before it waits, and asks once more after a crash.

Covers: executor.engine.asking
"""

import asyncio

from executor.models.dialogue import Reply, Tokens


def warnings(events):
    return [event for event in events if event.type == "warning"]


async def test_each_wait_is_told_before_it(stage, kit):
    told = []

    def say(_model, dialogue, _tools):
        listener = stage.script.listeners[-1]
        for n in range(3):
            listener.on_wait(f"The model m answered 503 ({n}).", 2.0 + n)
            told.append(len(stage.script.listeners))
            listener.on_request()
        return Reply("done", tokens=Tokens(10, 5, 0.001))

    stage.script.say = say
    events = await stage.run(kit.crew(1))
    told = [event.body for event in warnings(events)]
    assert [one.code for one in told] == ["MODEL_WAITING"] * 3
    assert told[0].message == "The model m answered 503 (0). It is asked again in 2.0 s."
    call = next(event for event in events if event.type == "llm_call")
    assert call.body.usage.requests == 4
    assert kit.types(events).index("warning") < kit.types(events).index("llm_call")


async def test_waits_do_not_fill_a_log(stage, kit):
    def say(*_):
        for n in range(500):
            stage.script.listeners[-1].on_wait("The model m answered 503.", 0.5 + n)
        return Reply("done", tokens=Tokens(10, 5, 0.001))

    stage.script.say = say
    events = await stage.run(kit.crew(3))
    told = [event.body.message for event in warnings(events)]
    assert len(told) == 51
    assert "not reported" in told[-1]


async def test_a_run_that_lost_its_worker_while_it_waited_asks_once(stage, kit):
    waiting = asyncio.Event()

    async def wait():
        stage.script.listeners[-1].on_wait("The model m answered 503.", 30.0)
        waiting.set()
        await asyncio.sleep(30)

    stage.script.say = lambda *_: wait()
    crew = kit.crew(1)
    job = stage.job(crew)
    ledger = kit.Ledger(job.history, job.attempt)
    run = asyncio.create_task(stage.engine().run(job, ledger))
    await waiting.wait()
    run.cancel()
    await asyncio.wait({run})
    assert [event.type for event in ledger.events][-1] == "warning"
    stage.script.requests.clear()
    stage.script.say = lambda *_: "done"
    events = await stage.run(crew, ledger.events)
    assert kit.types(events)[-1] == "execution_complete"
    assert len(stage.script.requests) == 1
    assert sum(event.type == "llm_call" for event in events) == 1


async def test_a_tasks_time_limit_ends_a_wait(stage, kit):
    async def wait():
        stage.script.listeners[-1].on_wait("The model m answered 503.", 30.0)
        await asyncio.sleep(30)

    stage.script.say = lambda *_: wait()
    events = await stage.run(kit.crew(1, task={"timeout": 2.0}))
    assert events[-1].body.code == "TIMEOUT"
    cut = [event for event in events if event.type == "llm_call"]
    assert [event.body.usage.requests for event in cut] == [1]
