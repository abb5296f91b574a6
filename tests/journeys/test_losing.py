"""Backends go away and come back, workers are paused, everything is restarted: nothing is lost.

One stack for all of it, over backends that it started itself.
"""

import asyncio
import contextlib
import random
import signal
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from chaos.client import PatientClient, Watcher
from journeys.losing import (
    Payments,
    complete,
    misses,
    until,
    whole,
    without,
)
from journeys.model import ScriptedModel
from journeys.platforms import SETTINGS, Platform
from redis.asyncio import Redis

from common.bus.rabbitmq_link import ANSWER_WITHIN
from kasal_platform.config import Settings
from kasal_platform.local import rabbitmq
from kasal_platform.stack import stack_in

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.own_platform]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def payments() -> AsyncIterator[Payments]:
    payments = Payments()
    await payments.start()
    yield payments
    await payments.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def platform(
    payments: Payments, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Any]:
    folder = tmp_path_factory.mktemp("losing")
    model = ScriptedModel()
    await model.start()
    extra = {
        **SETTINGS,
        "KASAL_OPENAI_BASE_URL": model.url,
        "OPENAI_API_KEY": "",
        "KASAL_LOG_FORMAT": "json",
        "KASAL_TOOL_ALLOWED_HOSTS": f"127.0.0.1:{payments.port}",
        "KASAL_MONGO_TIMEOUT_MS": "1500",
        "KASAL_LEASE_SILENCE": "5",  # a live worker beats again after an outage, on a slow machine too
    }
    async with stack_in(Settings(port=0), folder, {}, extra, own_backends=True) as stack:
        base = stack.urls["KASAL_GATEWAY_URL"] + "/api/v1"
        amqp_url = stack.urls["KASAL_AMQP_URL"]
        yield Platform("stack", base, folder, model, amqp_url, stack)
    await model.close()


async def test_jobs_are_taken_while_rabbitmq_is_away(user: Any, platform: Any) -> None:
    crew_id = await user.crew("Say hello", "Then hold:rabbit", model="gpt-4")
    before = await user.start(crew_id)
    await platform.model.held("rabbit")
    async with without(platform, "amqp"):
        jobs = [await user.start(crew_id) for _ in range(3)]
        watching = [asyncio.create_task(user.watch(job)) for job in (before, *jobs)]
        platform.model.release("rabbit")
        # The bus only wakes people up: they run, and are seen, without it.
        assert whole(await watching[0])
    for events in await asyncio.gather(*watching):
        assert whole(events)
        assert events[-1]["type"] == "execution_complete"
        assert [event["type"] for event in events].count("task_start") == 2


@contextlib.asynccontextmanager
async def short_of_memory(platform: Any) -> AsyncIterator[None]:
    """Have RabbitMQ's alarm set: it keeps its connections, and reads none that publishes."""
    folder, watermark = (
        platform.stack.backends["amqp"].program.folder,
        "set_vm_memory_high_watermark",
    )
    await asyncio.to_thread(rabbitmq.run_rabbitmqctl, folder, watermark, "0.0000001")
    try:
        yield
    finally:
        await asyncio.to_thread(rabbitmq.run_rabbitmqctl, folder, watermark, "0.6")


async def test_jobs_are_taken_run_and_seen_while_rabbitmq_takes_nothing(
    user: Any, platform: Any
) -> None:
    crew_id = await user.crew("Say hello", "Then goodbye", model="gpt-4")
    loop = asyncio.get_running_loop()
    async with short_of_memory(platform):
        jobs, took = [], []
        for _ in range(3):
            began = loop.time()
            jobs.append(await user.start(crew_id))
            took.append(loop.time() - began)
        assert min(took) < ANSWER_WITHIN, "the requests waited for the broker"
        await until(lambda: misses(platform, "executor", "bus"))
        await log_line(
            platform.stack.processes["executor"].log, "memory or disk", ("accepts nothing",)
        )
        for events in await asyncio.gather(*(user.watch(job) for job in jobs)):
            assert whole(events)
            assert events[-1]["type"] == "execution_complete"
    for process in ("executor", *platform.workers):
        await until(lambda name=process: complete(platform, name))

    async def settled() -> bool:
        """Crews has heard the events that waited in the outbox."""
        tasks = (await user.call("GET", f"/tasks?crew_id={crew_id}"))["tasks"]
        return all(task["status"] == "completed" for task in tasks)

    await until(settled)


async def test_the_door_stays_open_while_redis_is_full(user: Any, platform: Any) -> None:
    crew_id = await user.crew("Say hello")
    await user.call("PUT", "/workspace/plan", {"tier": "free"}, expect=200)
    async with Redis.from_url(platform.stack.urls["KASAL_REDIS_URL"]) as redis:
        await redis.config_set("maxmemory", 1)
        try:
            for _ in range(3):
                await user.call("GET", f"/crews/{crew_id}", expect=200)
                assert user.answer.headers["X-RateLimit-Limit"] == "100"
            await until(lambda: misses(platform, "gateway", "redis"))
            wrong = {"email": user.email, "password": "not the password"}
            await user.call("POST", "/auth/login", wrong, expect=401)
            assert (await user.watch(await user.start(crew_id)))[-1]["type"] == "execution_complete"
        finally:
            await redis.config_set("maxmemory", 0)
    for process in ("gateway", "auth"):
        await until(lambda name=process: complete(platform, name))
    await user.call("GET", f"/crews/{crew_id}", expect=200)


async def test_the_door_stays_open_while_redis_is_away(user: Any, platform: Any) -> None:
    crew_id = await user.crew("Say hello")
    await user.call("PUT", "/workspace/plan", {"tier": "free"}, expect=200)
    await user.call("GET", f"/crews/{crew_id}", expect=200)
    async with without(platform, "redis"):
        await user.call("GET", f"/crews/{crew_id}", expect=200)
        limits = user.answer.headers
        assert limits["X-RateLimit-Limit"] == "100"
        await user.call("GET", f"/crews/{crew_id}", expect=200)
        left = int(user.answer.headers["X-RateLimit-Remaining"])
        assert left < int(limits["X-RateLimit-Remaining"])
        events = await user.watch(await user.start(crew_id))
        assert events[-1]["type"] == "execution_complete"
    await user.call("GET", f"/crews/{crew_id}", expect=200)


async def test_nothing_is_half_done_while_the_database_is_away(user: Any, platform: Any) -> None:
    crew_id = await user.crew("Say hello", "Then hold:database", "At last", model="gpt-4")
    job_id = await user.start(crew_id)
    await platform.model.held("database")
    asked = len(platform.model.calls)
    total = (await user.call("GET", "/executions", expect=200))["total"]
    async with without(platform, "mongo"):
        platform.model.release("database")
        for method, path, sent in (
            ("POST", "/executions", body(crew_id)),
            ("GET", f"/executions/{job_id}", None),
            ("POST", "/crews", {"name": "x", "process": "sequential", "agents": AGENTS}),
        ):
            told = await user.call(method, path, sent, expect=503)
            assert told["error"]["code"] == "SERVICE_UNAVAILABLE"
            assert int(user.answer.headers["Retry-After"]) > 0
    events = await user.watch(job_id)
    assert whole(events)
    assert events[-1]["type"] == "execution_complete"
    # Whoever ran it kept what it had and wrote it down then: no attempt, no turn was lost for it.
    assert events[-1]["attempt"] == 1
    assert len(platform.model.calls) == asked + 1
    assert (await user.call("GET", "/executions", expect=200))["total"] == total
    assert [crew["name"] for crew in (await user.call("GET", "/crews"))["crews"]] == ["A crew"]


AGENTS = [{"role": "Teller", "goal": "Tell", "model": "offline"}]


async def test_a_worker_that_was_paused_does_nothing_any_more(
    user: Any, platform: Any, payments: Payments
) -> None:
    tool = {"name": "pay", "description": "Pays", "endpoint": payments.url, "auth_type": "none"}
    await user.call("POST", "/tools/custom", tool, expect=201)
    crew_id = await user.crew('hold:zombie call:pay:{"eur": 1}', model="gpt-4", tools=["pay"])
    stack = platform.stack
    await stack.stop("worker-2")
    job_id = await user.start(crew_id)
    await platform.model.held("zombie")
    asked = len(platform.model.calls)
    await stack.start("worker-2")
    await stack.ready("worker-2")
    watching = asyncio.create_task(user.watch(job_id))
    stack.pause("worker-1")

    async def taken_over() -> bool:
        return len(platform.model.calls) > asked

    await until(taken_over)
    platform.model.release("zombie")
    events = await watching
    stack.resume("worker-1")
    # It wakes up with the model's answer at hand, which asks for the tool.
    await log_line(stack.processes["worker-1"].log, job_id, ("moved on", "no longer ours"))
    assert whole(events)
    assert events[-1]["type"] == "execution_complete"
    assert [event["attempt"] for event in events if event["type"] == "task_complete"] == [2]
    assert len(payments.keys) == 1
    told = await user.call("GET", f"/executions/{job_id}", expect=200)
    assert (told["last_seq"], told["attempt"]) == (len(events), 2)
    assert await user.watch(job_id) == events
    await stack.stop("worker-2")
    assert (await user.watch(await user.start(crew_id)))[-1]["type"] == "execution_complete"
    await stack.start("worker-2")


async def log_line(log: Any, job_id: str, words: tuple[str, ...]) -> None:
    """Wait for a line of a process's log that is about the job and has one of the words."""

    async def there() -> bool:
        lines = log.read_text().splitlines()
        return any(job_id in line and any(word in line for word in words) for line in lines)

    await until(there)


async def test_a_restart_of_everything_under_load_loses_nothing(user: Any, platform: Any) -> None:
    crew_id = await user.crew("First hold:rolling", "Second", "Third", model="gpt-4")
    jobs = [await user.start(crew_id) for _ in range(12)]
    client = PatientClient(platform.base, user.http)
    client.token = user.token
    watchers = [Watcher(client, job, random.Random(job)) for job in jobs]
    watching = [asyncio.create_task(watcher.to_end()) for watcher in watchers]
    await platform.model.held("rolling")
    async with user.connect() as socket:
        await socket.send_json({"type": "subscribe", "job_id": jobs[0]})
        assert (await socket.receive_json())["type"] == "subscribed"
        # Read meanwhile: a client that answers no close frame within five seconds is cut off (1006).
        reading = asyncio.create_task(read_to_end(socket))
        await restart(platform, "events")
        assert await reading, "nothing came before the end"
        assert socket.close_code == 1012
    releasing = asyncio.create_task(released(platform, 1.0))
    took = [await restart(platform, name) for name in platform.workers]
    assert max(took) < 60
    later = [await client.call("POST", "/executions", body(crew_id), key=f"k{n}") for n in range(3)]
    for name in ("executor", "crews", "auth", "gateway"):
        await restart(platform, name)
    await releasing
    async with asyncio.timeout(120):
        await asyncio.gather(*watching)
    for watcher in watchers:
        assert watcher.problems == []
        assert whole(watcher.events)
        assert watcher.events[-1]["type"] == "execution_complete"
        kinds = [event["type"] for event in watcher.events]
        assert (kinds.count("task_start"), kinds.count("task_complete")) == (3, 3)
    for told in later:
        assert (await user.watch(told["job_id"]))[-1]["type"] == "execution_complete"


def body(crew_id: str) -> dict[str, Any]:
    return {"crew_id": crew_id, "inputs": {}}


async def released(platform: Any, after: float) -> None:
    await asyncio.sleep(after)
    platform.model.release("rolling")


async def read_to_end(socket: Any) -> list[Any]:
    return [frame async for frame in socket]


async def restart(platform: Any, name: str) -> float:
    """Restart a process as a rolling update does; return how many seconds it took to end."""
    began = time.monotonic()
    await platform.stack.stop(name)
    took = time.monotonic() - began
    assert platform.stack.processes[name].code == 0, f"{name} had to be killed"
    await platform.stack.start(name)
    await platform.stack.ready(name)
    return took


async def test_a_drained_worker_hands_its_job_on_at_once(user: Any, platform: Any) -> None:
    stack = platform.stack
    crew_id = await user.crew("Wait for hold:handing", model="gpt-4")
    await stack.stop("worker-2")
    job_id = await user.start(crew_id)
    await platform.model.held("handing")
    await stack.start("worker-2")
    await stack.ready("worker-2")
    resumed = asyncio.create_task(until_resumed(user, job_id))
    began = time.monotonic()
    await stack.processes["worker-1"].send(signal.SIGTERM)
    assert time.monotonic() - began < 60  # 0.9 s on an idle machine; the other went on after 0.5 s
    assert await resumed - began < 60
    platform.model.release("handing")
    events = await user.watch(job_id)
    reasons = [event["reason"] for event in events if event["type"] == "execution_resumed"]
    assert reasons == ["handed_over"]
    assert events[-1]["type"] == "execution_complete"
    await stack.start("worker-1")
    await stack.ready("worker-1")


async def test_a_stopped_worker_ends_a_call_that_must_not_be_made_twice(
    user: Any, platform: Any, payments: Payments
) -> None:
    """And hands its job on with the result, so that the next worker goes on behind it."""
    stack, worker = platform.stack, platform.stack.processes["worker-1"]
    url = payments.url.replace("/pay", "/slowly")
    tool = {"name": "slow_pay", "description": "Pays", "endpoint": url, "auth_type": "none"}
    await user.call("POST", "/tools/custom", tool, expect=201)
    crew_id = await user.crew('call:slow_pay:{"eur": 1}', model="gpt-4", tools=["slow_pay"])
    await stack.stop("worker-2")
    job_id = await user.start(crew_id)
    async with asyncio.timeout(60):
        await payments.called.wait()
    before = len(payments.keys)
    stopping = asyncio.create_task(worker.stop())
    await log_line(worker.log, job_id, ("waits for calls that must not be made twice",))
    assert worker.running
    assert (await user.call("GET", f"/executions/{job_id}", expect=200))["attempt"] == 1
    payments.end.set()
    await stopping
    assert worker.code == 0
    await stack.start("worker-2")
    await stack.ready("worker-2")
    events = await user.watch(job_id)
    assert whole(events)
    assert [e["reason"] for e in events if e["type"] == "execution_resumed"] == ["handed_over"]
    assert [e["type"] for e in events].count("tool_result") == 1
    assert events[-1]["type"] == "execution_complete"
    assert events[-1]["attempt"] == 2
    assert len(payments.keys) == before + 1
    await stack.start("worker-1")


async def until_resumed(user: Any, job_id: str) -> float:
    async with user.connect() as socket:
        await socket.send_json({"type": "subscribe", "job_id": job_id})
        async with asyncio.timeout(60):
            while True:
                if (await socket.receive_json())["type"] == "execution_resumed":
                    return time.monotonic()
