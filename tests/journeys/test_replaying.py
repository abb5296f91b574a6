"""Jobs of all kinds are replayed: the events are the same but for ids and times, and nobody is asked.

Covers: executor.engine.playing, executor.engine.recording, executor.engine.tape
"""

import asyncio
import json
from dataclasses import replace
from difflib import unified_diff
from functools import partial
from typing import Any

import pytest
from journeys.cases_of_crews import CASES, Case, agent
from journeys.users import User, read_events

from common.contracts.events import TERMINAL_EVENTS
from kasal_platform.api_client import subscribe

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.alike_in_every_form,
    pytest.mark.own_platform,
]

Event = dict[str, Any]
TASK = {"description": "Write"}
LEFT_OUT = {
    *("job_id", "timestamp", "duration", "attempt", "seq", "question_id", "expires_at", "recorded")
}
CLAIMS = {"execution_start", "execution_resumed", "execution_waiting"}
"""A person's answer brings about a claim; the recorded one does not, so `goes_on` is another too."""


async def test_a_replay_of_any_job_gives_the_same_events(user: User) -> None:
    await tools_of(user)
    async with asyncio.timeout(120):
        lived = await asyncio.gather(*(run_of(user, case) for case in CASES))
        assert {
            case.name: events[-1]
            for case, events in zip(CASES, lived, strict=True)
            if events[-1]["type"] != case.end
        } == {}
        model = user.platform.model
        asked = len(model.calls), len(model.done)
        replays = await asyncio.gather(*map(partial(replay_of, user), CASES, lived))
        again = await asyncio.gather(*map(partial(replay_of, user), CASES, replays))
    assert (len(model.calls), len(model.done)) == asked
    compared = zip(CASES, lived, replays, again, strict=True)
    unlike = {case.name: differences(case, *runs) for case, *runs in compared}
    assert {name: told for name, told in unlike.items() if told} == {}


async def test_a_job_that_the_workspaces_budget_ended_is_replayed_though_that_is_used_up(
    stranger: User,
) -> None:
    case = Case("Writers", {"name": "Writers", "agents": [agent()], "tasks": [TASK, TASK]})
    await stranger.call("PUT", "/workspace/budget", {"max_tokens": 100_000}, expect=200)
    await run_of(stranger, case)
    spent = await spent_tokens(stranger)
    await stranger.call("PUT", "/workspace/budget", {"max_tokens": spent + 1}, expect=200)
    lived = await run_of(stranger, case)
    assert lived[-1]["code"] == "BUDGET_EXCEEDED"
    await stranger.call("PUT", "/workspace/budget", {"max_tokens": spent}, expect=200)
    await stranger.call("POST", "/executions", {"crew_id": case.crew_id}, expect=402)
    replay = await replay_of(stranger, case, lived)
    assert differences(case, lived, replay, await replay_of(stranger, case, replay)) == []


async def spent_tokens(user: User) -> int:
    """Return what the workspace has spent once its job is settled."""
    async with asyncio.timeout(60):
        while True:
            told = await user.call("GET", "/workspace/budget", expect=200)
            if told["spent"]["tokens"] and not told["reserved"]["tokens"]:
                return int(told["spent"]["tokens"])
            await asyncio.sleep(0.05)


async def tools_of(user: User) -> None:
    model = user.platform.model
    for name in ("note", "pay"):
        tool = {"name": name, "description": "Does it", "endpoint": model.url + "/tool"}
        fields = {"auth_type": "none", "parameters": {"type": "object"}}
        await user.call("POST", "/tools/custom", {**tool, **fields}, expect=201)
    server = {"name": "time", "transport": "stdio", "command": "mcp-server-time"}
    await user.call("POST", "/tools/mcp", server, expect=201)


async def replay_of(user: User, case: Case, events: list[Event]) -> list[Event]:
    return await run_of(user, replace(case, answers=[]), replay_of=events[0]["job_id"])


async def run_of(user: User, case: Case, **given: str) -> list[Event]:
    """Run a crew, answer what it asks, and return the events."""
    if not case.crew_id:
        case.crew_id = (await user.call("POST", "/crews", case.crew, expect=201))["id"]
    body = given or {"inputs": case.inputs}
    told = await user.call("POST", "/executions", {"crew_id": case.crew_id, **body}, expect=202)
    answers, events = [*case.answers], list[Event]()
    async with user.connect() as socket:
        await subscribe(socket, told["job_id"], 0)
        while not events or events[-1]["type"] not in TERMINAL_EVENTS:
            events += await read_events(socket, {"input_required", *TERMINAL_EVENTS})
            if events[-1]["type"] == "input_required" and answers:
                said = {**answers.pop(0), "question_id": events[-1]["question_id"]}
                await user.call("POST", f"/executions/{told['job_id']}/input", said, expect=200)
    return events


def differences(
    case: Case, lived: list[Event], replay: list[Event], again: list[Event]
) -> list[str]:
    """Return what is not the same. Where things ran beside one another, their order was open."""
    ours, theirs = (steps(events, "goes_on") for events in (lived, replay))
    if case.beside:
        ours, theirs = (
            sorted(line for line in one if '"progress"' not in line) for one in (ours, theirs)
        )
    return [*unified_diff(ours, theirs, n=0), *unified_diff(steps(replay), steps(again), n=0)]


def steps(events: list[Event], *without: str) -> list[str]:
    """Return what a run did, without ids, times and claims."""
    left_out = LEFT_OUT | {*without}
    seen = [event for event in events if event["type"] not in CLAIMS]
    left = [{name: v for name, v in event.items() if name not in left_out} for event in seen]
    return [json.dumps(event, sort_keys=True) for event in left]
