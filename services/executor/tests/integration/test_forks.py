"""Forks over HTTP, against a real store.

Covers: common.contracts.fork_events, executor.routes.fork_bodies, executor.domain.api.forks.plan, executor.domain.api.forks.outputs
"""

import pytest

from executor.domain.api.forks import forking

pytestmark = pytest.mark.parametrize("store_kind", ["sqlite"], indirect=True)

START = {"crew_id": "crew_abc123", "inputs": {"topic": "bees"}}


@pytest.fixture
async def ask(executor_app, served, make_token):
    async with served(executor_app) as running:

        async def send(method, path, body=None, key=None, **token):
            headers = {"Authorization": f"Bearer {make_token(**token)}"}
            headers |= {"Idempotency-Key": key} if key else {}
            async with running.http.request(method, path, json=body, headers=headers) as answer:
                return answer.status, await answer.json()

        yield send


@pytest.fixture
async def finished(ask, eventually):
    async def wait(job_id):
        async def over():
            _, told = await ask("GET", f"/executions/{job_id}")
            return told if told["finished_at"] else None

        return await eventually(over)

    return wait


@pytest.fixture
async def runner(make_runner, workers):
    made = make_runner()
    await workers.start(made)
    return made


@pytest.fixture
async def job(ask, runner, finished):
    _, told = await ask("POST", "/executions", START)
    return await finished(told["job_id"])


async def traces(ask, job_id):
    _, told = await ask("GET", f"/executions/{job_id}/traces?limit=500")
    return told["traces"]


@pytest.mark.parametrize("short", [200, 0])
async def test_a_fork_does_only_what_follows(ask, job, finished, monkeypatch, short):
    monkeypatch.setattr(forking, "_SHORT", short)
    path = f"/executions/{job['job_id']}/fork"
    status, told = await ask("POST", path, {"from_task": "task_2"})
    assert status == 202
    assert told == {
        "job_id": told["job_id"],
        "status": "queued",
        "estimated_duration": told["estimated_duration"],
        "forked_from": {"job_id": job["job_id"], "seq": job["last_seq"]},
    }
    fork = await finished(told["job_id"])
    assert (fork["status"], fork["result"]) == ("completed", "all ok")
    assert fork["forked_from"] == told["forked_from"]
    assert fork["usage"]["input_tokens"] == 20  # of two tasks: the first one is paid for
    events = await traces(ask, told["job_id"])
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    place = [event["type"] for event in events].index("execution_forked")
    assert {event["task_id"] for event in events[:place]} == {None, "task_1"}
    assert [event["task_id"] for event in events if event["type"] == "task_start"] == [
        "task_1",
        "task_2",
        "task_3",
    ]
    assert events[place + 1]["result"] == "forked"
    assert fork["started_at"] > job["started_at"]


async def test_a_given_output_stands_and_what_builds_on_it_is_done_anew(ask, job, finished):
    path = f"/executions/{job['job_id']}/fork"
    _, told = await ask("POST", path, {"outputs": {"task_2": "Mended"}})
    fork = await finished(told["job_id"])
    outputs = {task["task_id"]: task["output"] for task in fork["tasks"]}
    assert outputs == {"task_1": "ok", "task_2": "Mended", "task_3": "ok"}
    assert fork["usage"]["requests"] == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "from_task"),
        ({"from_task": "task_9"}, "from_task"),
        ({"after_seq": 10_000}, "after_seq"),
        ({"after_seq": 1, "from_task": "task_1"}, "after_seq"),
        ({"inputs": {"topik": "x"}, "from_task": "task_1"}, "inputs.topik"),
        ({"outputs": {"task_9": "x"}}, "outputs.task_9"),
        ({"outputs": {"task_2": 7}}, "outputs.task_2"),
        ({"replies": {"1": "x"}}, "replies.1"),
        ({"replies": {"one": "x"}}, "replies"),
        ({"version": "x"}, "version"),
    ],
)
async def test_a_wish_that_cannot_be_met_is_refused_with_its_path(ask, job, body, field):
    status, told = await ask("POST", f"/executions/{job['job_id']}/fork", body)
    assert (status, told["error"]["code"]) == (400, "VALIDATION_ERROR")
    assert told["error"]["details"].get("field", "") == field


async def test_a_reply_is_replaced(ask, job, finished):
    events = await traces(ask, job["job_id"])
    seq = next(e["seq"] for e in events if e["type"] == "llm_call" and e["task_id"] == "task_2")
    path = f"/executions/{job['job_id']}/fork"
    _, told = await ask("POST", path, {"replies": {str(seq): "Another"}})
    fork = await finished(told["job_id"])
    assert fork["status"] == "completed"
    events = await traces(ask, told["job_id"])
    assert [e["result"] for e in events if e["type"] == "llm_call"][1] == "Another"


async def test_the_same_key_is_the_same_fork_and_nobody_else_sees_it(ask, job):
    path, body = f"/executions/{job['job_id']}/fork", {"from_task": "task_1"}
    status, first = await ask("POST", path, body, key='"a"')
    assert (status, await ask("POST", path, body, key='"a"')) == (202, (202, first))
    _, other = await ask("POST", path, body, key='"b"')
    assert other["job_id"] != first["job_id"]
    assert (await ask("POST", path, body, workspace_id="ws_other"))[0] == 404
    assert (await ask("POST", path, body, role="viewer"))[0] == 403
    assert (await ask("POST", path, {"from_task": "task_2"}, key='"a"'))[0] == 422


async def test_another_version_of_the_crew_goes_on(ask, job, finished, peers):
    """What both have and is done stays done; what is new is done, what is gone is gone."""
    crew = peers.crews["crew_abc123"]
    second, third = crew.tasks[1], crew.tasks[2]
    added = third.model_copy(update={"id": "task_4"})
    tasks = [second, third, added]
    peers.crews["crew_abc123"] = crew.model_copy(update={"tasks": tasks, "version": 2})
    _, told = await ask("POST", f"/executions/{job['job_id']}/fork", {"version": 2})
    fork = await finished(told["job_id"])
    assert (fork["status"], fork["version"]) == ("completed", 2)
    assert [task["task_id"] for task in fork["tasks"]] == ["task_2", "task_3", "task_4"]
    assert fork["usage"]["requests"] == 1
