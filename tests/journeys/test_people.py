"""People in the loop: what is approved is what is executed, once, whatever dies in between.

Covers: executor.routes.question_bodies, executor.routes.questions
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from journeys.homes import Home
from journeys.platforms import ended
from journeys.users import User, read_events

from common.schemas.canonical import digest
from kasal_platform.api_client import subscribe
from kasal_platform.local.program import free_port

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.alike_in_every_form]


class Till:
    """A tool's own server, which counts the calls that really arrive."""

    def __init__(self) -> None:
        self.paid: list[tuple[str, dict[str, Any]]] = []
        self.port = free_port()
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/pay", self._pay)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _pay(self, request: web.Request) -> web.Response:
        self.paid.append((request.headers["Idempotency-Key"], await request.json()))
        return web.json_response({"paid": True})

    @property
    def tool(self) -> dict[str, Any]:
        return {
            "name": "pay",
            "description": "Pays somebody",
            "endpoint": f"http://127.0.0.1:{self.port}/pay",
            "auth_type": "none",
            "requires_approval": True,
            "parameters": {
                "type": "object",
                "properties": {"amount": {"type": "integer"}, "to": {"type": "string"}},
                "required": ["amount"],
                "additionalProperties": False,
            },
        }


@pytest_asyncio.fixture(loop_scope="session")
async def till() -> AsyncIterator[Till]:
    till = Till()
    await till.start()
    yield till
    await till.close()


async def waits(user: User, job_id: str) -> dict[str, Any]:
    """Wait until the job can do nothing more without a person; return it."""
    async with user.connect() as socket:
        await subscribe(socket, job_id, 0)
        while True:
            await read_events(socket, {"input_required", "execution_waiting"})
            told = await user.call("GET", f"/executions/{job_id}", expect=200)
            if told["status"] == "waiting_for_input":
                return dict(told)


@pytest.mark.own_platform
async def test_an_approval_outlives_everything_and_is_executed_once(home: Home, till: Till) -> None:
    reaching = {"KASAL_TOOL_ALLOWED_HOSTS": f"127.0.0.1:{till.port}"}
    await home.up(**reaching)
    async with aiohttp.ClientSession() as http:
        user = await home.user(http)
        await user.call("POST", "/tools/custom", till.tool, expect=201)
        crew_id = await user.crew('Pay call:pay:{"amount": 7}', model="gpt-4", tools=["pay"])
        job_id = await user.start(crew_id)
        asked = (await waits(user, job_id))["questions"]
    await home.kill()
    assert till.paid == []

    second = await home.up(**reaching)
    async with aiohttp.ClientSession() as http:
        await approve_what_was_asked(await home.user(http), job_id, asked)
    assert await ended(second) == 0
    ((key, paid),) = till.paid
    assert paid == asked[0]["tool_call"]["arguments"] == {"amount": 7}
    assert key.startswith(f"{job_id}:")


async def approve_what_was_asked(user: User, job_id: str, asked: list[dict[str, Any]]) -> None:
    """Find the question again, approve it twice at once from other processes, and see the job end."""
    job = await user.call("GET", f"/executions/{job_id}", expect=200)
    assert (job["status"], job["questions"]) == ("waiting_for_input", asked)
    inbox = await user.call("GET", "/questions", expect=200)
    assert [entry["question_id"] for entry in inbox["questions"]] == [asked[0]["question_id"]]
    body = json.dumps({"outcome": "approved", "question_id": asked[0]["question_id"]})
    told = await asyncio.gather(
        *(posted_by_curl(user.base, job_id, user.token, body) for _ in range(2))
    )
    assert [one.get("job_id") for one in told] == [job_id, job_id], told
    events = await user.watch(job_id)
    assert events[-1]["type"] == "execution_complete"
    await user.call("POST", f"/executions/{job_id}/input", {"outcome": "approved"}, expect=200)


async def posted_by_curl(base: str, job_id: str, token: str, body: str) -> dict[str, Any]:
    """Answer from a process that has nothing in common with the one that asked."""
    process = await asyncio.create_subprocess_exec(
        *("curl", "-sS", "-X", "POST", f"{base}/executions/{job_id}/input"),
        *("-H", f"Authorization: Bearer {token}", "-H", "Content-Type: application/json"),
        *("-d", body),
        stdout=asyncio.subprocess.PIPE,
    )
    told, _ = await process.communicate()
    return dict(json.loads(told))


async def parallel_job(user: User) -> tuple[str, str]:
    """Start a job whose three tasks ask at once; return the ids of its crew and of the job."""
    agent = {"name": "Ann", "role": "Clerk", "goal": "g", "model": "offline"}
    tools = {"tools": ["calculator"], "approvals": ["calculator"]}
    crew = {
        "name": "Parallel",
        "agents": [{**agent, **tools}, {**agent, "name": "Bob", "tools": ["ask_person"]}],
        "tasks": [
            {"description": "What is 12 * 2?", "agent": 0, "async_execution": True},
            {"description": "What is 30 + 3?", "agent": 0, "async_execution": True},
            {"description": "Which colour?", "agent": 1, "async_execution": True},
        ],
    }
    crew_id = (await user.call("POST", "/crews", crew, expect=201))["id"]
    return crew_id, await user.start(crew_id)


def by_words(questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the questions of a parallel job in the order of its tasks."""
    texts = [(json.dumps(q["tool_call"]) + q["prompt"], q) for q in questions]
    return [next(q for text, q in texts if w in text) for w in ("12 * 2", "30 + 3", "colour")]


async def test_an_inbox_has_the_open_questions_of_all_jobs_oldest_first(user: User) -> None:
    crew_id, job_id = await parallel_job(user)
    questions = (await waits(user, job_id))["questions"]
    assert sorted(q["kind"] for q in questions) == ["approval", "approval", "question"]
    inbox = await user.call("GET", f"/questions?crew_id={crew_id}", expect=200)
    listed = [entry["question_id"] for entry in inbox["questions"]]
    assert listed == [q["question_id"] for q in sorted(questions, key=_by_age)]
    assert inbox["total"] == 3
    page = await user.call("GET", "/questions?page_size=2", expect=200)
    rest = await user.call("GET", f"/questions?page_size=2&after={page['next']}", expect=200)
    assert [q["question_id"] for q in page["questions"] + rest["questions"]] == listed
    assert (await user.call("GET", "/questions?kind=approval", expect=200))["total"] == 2
    refused = await user.call("GET", "/questions?kind=nothing", expect=400)
    assert refused["error"]["details"]["field"] == "kind"
    await user.call("POST", f"/executions/{job_id}/stop", expect=200)
    assert (await user.call("GET", "/questions", expect=200))["questions"] == []


async def test_answers_that_fit_no_question_are_refused_at_their_place(user: User) -> None:
    _, job_id = await parallel_job(user)
    times, plus, colour = by_words((await waits(user, job_id))["questions"])
    bound = {**times["tool_call"], "task_id": times["task_id"]}
    assert bound.pop("digest") == digest(bound)
    await refuses(user, job_id, {"outcome": "approved"}, "question_id")
    wrong = {"outcome": "approved", "arguments": {"expression": 5}}
    await refuses(user, job_id, wrong | _of(times), "arguments.expression")
    await refuses(user, job_id, {"input": "yes"} | _of(plus), "outcome")
    await refuses(user, job_id, {"outcome": "approved"} | _of(colour), "outcome")
    assert len((await waits(user, job_id))["questions"]) == 3
    await user.call("POST", f"/executions/{job_id}/stop", expect=200)


async def test_parallel_questions_are_answered_in_any_order_each_by_itself(user: User) -> None:
    _, job_id = await parallel_job(user)
    times, plus, colour = by_words((await waits(user, job_id))["questions"])
    changed = {"outcome": "approved", "arguments": {"expression": "12 * 3"}} | _of(times)
    await says(user, job_id, changed)
    await says(user, job_id, changed)
    conflict = await says(user, job_id, changed | {"arguments": {"expression": "1"}}, expect=409)
    first = conflict["error"]["details"]["answer"]
    assert (first["outcome"], first["arguments"]) == ("approved", {"expression": "12 * 3"})
    assert first["by"].startswith("usr_")
    await says(user, job_id, {"input": "Blue"} | _of(colour))
    await says(user, job_id, {"outcome": "rejected", "comment": "Not that"} | _of(plus))
    job = await user.finished(job_id)
    assert job["status"] == "completed"
    outputs = [task["output"] for task in job["tasks"]]
    assert "36" in outputs[0]
    assert "rejected this call and said: Not that" in outputs[1]
    assert "Blue" in outputs[2]
    events = await user.watch(job_id)
    assert [e["type"] for e in events].count("tool_call") == 2, "calculator once, ask_person"


def _of(question: dict[str, Any]) -> dict[str, Any]:
    return {"question_id": question["question_id"]}


def _by_age(question: dict[str, Any]) -> tuple[str, str]:
    return question["asked_at"], question["question_id"]


async def says(user: User, job_id: str, body: dict[str, Any], expect: int = 200) -> Any:
    return await user.call("POST", f"/executions/{job_id}/input", body, expect=expect)


async def refuses(user: User, job_id: str, body: dict[str, Any], field: str) -> None:
    told = (await says(user, job_id, body, expect=400))["error"]
    assert told["details"]["field"] == field, told
    assert told["details"]["reason"]


async def test_a_question_expires_as_its_task_says_and_the_job_is_stopped_with_one_open(
    user: User,
) -> None:
    agent = {"role": "Clerk", "goal": "g", "model": "offline", "tools": ["ask_person"]}
    tasks = [{"description": "Which one?", "expires_in": 1, "on_expiry": "answer:The first"}]
    crew_id = (await user.call("POST", "/crews", {"name": "C", "agents": [agent], "tasks": tasks}))[
        "id"
    ]
    job = await user.finished(await user.start(crew_id))
    assert (job["status"], "The first" in job["result"]) == ("completed", True)
    changes = {
        "configuration": {"questions": {"answered_by": "owner"}},
        "tasks": [{"description": "?"}],
    }
    await user.call("PUT", f"/crews/{crew_id}", changes, expect=200)
    job_id = await user.start(crew_id)
    (question,) = (await waits(user, job_id))["questions"]
    assert (question["expires_at"], question["answered_by"]) == (None, "owner")
    await user.call("POST", f"/executions/{job_id}/stop", expect=200)
    late = await says(user, job_id, {"question_id": question["question_id"], "input": "x"}, 409)
    assert late["error"]["details"]["status"] == "stopped"
    assert (await user.call("GET", "/questions", expect=200))["questions"] == []


@pytest.mark.parametrize(
    ("field", "value", "place"),
    [
        ("approvals", ["calculator", "calculater"], "tasks.0.approvals.1"),
        ("expires_in", 0, "tasks.0.expires_in"),
        ("expires_in", 10**9, "tasks.0.expires_in"),
        ("on_expiry", "maybe", "tasks.0.on_expiry"),
        ("on_expiry", "answer:", "tasks.0.on_expiry"),
        ("answered_by", "viewer", "tasks.0.answered_by"),
    ],
)
async def test_bad_rules_are_refused_when_a_crew_is_saved(
    user: User, field: str, value: Any, place: str
) -> None:
    agent = {"role": "Clerk", "goal": "g", "model": "offline"}
    crew = {"name": "C", "agents": [agent], "tasks": [{"description": "?", field: value}]}
    told = (await user.call("POST", "/crews", crew, expect=400))["error"]["details"]
    assert told["field"] == place
