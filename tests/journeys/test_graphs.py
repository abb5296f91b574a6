"""Crews with a graph of tasks, as a user runs them; also while a worker is killed."""

import asyncio
import signal
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

AGENT = {"role": "Analyst", "goal": "Know", "model": "gpt-4"}


async def made(user: Any, *tasks: Any, **configuration: Any) -> str:
    body = {"name": "Crew", "agents": [AGENT], "tasks": tasks, "configuration": configuration}
    return str((await user.call("POST", "/crews", body, expect=201))["id"])


async def test_a_list_that_does_not_fit_is_refused_when_the_job_is_sent(user: Any) -> None:
    task = {"description": "Look at {item}", "for_each": "{shops}", "condition": "inputs.deep"}
    crew_id = await made(user, task, max_items=2)
    for inputs, field in (
        ({"deep": True}, "inputs.shops"),
        ({"deep": True, "shops": "Anna"}, "inputs.shops"),
        ({"deep": True, "shops": ["a", "b", "c"]}, "inputs.shops"),
        ({"shops": []}, "inputs.deep"),
    ):
        body = {"crew_id": crew_id, "inputs": inputs}
        answer = await user.call("POST", "/executions", body, expect=400)
        assert answer["error"]["details"]["field"] == field
    job_id = await user.start(crew_id, deep=True, shops=["Anna", "Bert"])
    done = await user.watch(job_id)
    assert done[-1]["result"] == ["The answer is ready."] * 2


async def test_every_end_of_a_job_is_told(user: Any) -> None:
    crew_id = await made(
        user,
        {"name": "first", "description": "Think"},
        {"description": "One", "context": ["first"]},
        {"description": "Other", "context": ["first"]},
        {"description": "Never", "context": ["first"], "condition": "'no' in outputs.first"},
    )
    job_id = await user.start(crew_id)
    events = await user.watch(job_id)
    job = await user.call("GET", f"/executions/{job_id}", expect=200)
    ids = [task["task_id"] for task in job["tasks"]]
    assert [task["status"] for task in job["tasks"]] == ["completed"] * 3 + ["skipped"]
    assert list(job["outputs"]) == events[-1]["ends"] == ids[1:3]
    assert job["result"] == job["outputs"][ids[2]]
    tasks = {task["id"]: task["status"] for task in await tasks_of(user, crew_id)}
    assert tasks[ids[3]] == "skipped"


async def tasks_of(user: Any, crew_id: str) -> Any:
    """Return the crew's tasks once the bus has told crews that one was skipped."""
    found: Any = []
    async with asyncio.timeout(60):
        while not any(task["status"] == "skipped" for task in found):
            found = (await user.call("GET", f"/tasks?crew_id={crew_id}", expect=200))["tasks"]
    return found


@pytest.mark.parametrize("form", ["stack"], indirect=True, scope="session")
async def test_a_killed_workers_entries_are_not_done_again(user: Any, platform: Any) -> None:
    crew_id = await made(
        user,
        {"name": "each", "description": "Look at {item}", "for_each": "{shops}"},
        {"description": "Sum up", "condition": "len(outputs.each) == 3"},
        items_at_once=1,
    )
    shops = ["the first shop", "hold:killed_in_a_list", "the last shop"]
    job_id = await user.start(crew_id, shops=shops)
    watching = asyncio.create_task(user.watch(job_id))
    await platform.model.held("killed_in_a_list")
    for name in platform.workers:
        await platform.stack.signal(name, signal.SIGKILL)
    platform.model.release("killed_in_a_list")
    for name in platform.workers:
        await platform.stack.start(name)
    events = await watching
    assert events[-1]["type"] == "execution_complete"
    starts = [event["task_id"] for event in events if event["type"] == "task_start"]
    assert len(starts) == len(set(starts)) == 5
    asked = [str(call["messages"]) for call in platform.model.calls]
    assert sum("Look at the first shop" in text for text in asked) == 1
    assert "execution_resumed" in [event["type"] for event in events]
