"""Dead letters of a RabbitMQ: listed, and sent back by operators.

Covers: kasal_platform.commands.dead_letters
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aio_pika
import pytest

from common.bus import DeadLetter, Message, decode
from common.bus.dead_letters import list_dead_letters, replay
from common.bus.rabbitmq import RabbitBus
from common.contracts.messages import JobSubmitted
from common.contracts.topology import DEAD_LETTERS, JOBS, JOBS_QUEUE
from common.telemetry import Telemetry

JOB = "job.submitted.v1"


@pytest.fixture
async def bus(amqp_url: str, telemetry: Telemetry) -> AsyncIterator[RabbitBus]:
    made = RabbitBus(amqp_url, telemetry)
    yield made
    await made.close()


async def test_dead_letters_are_shown_and_sent_back(bus, amqp_url):
    jobs, dead = asyncio.Queue(), asyncio.Event()

    async def refusing(message: Message) -> None:
        if message.body == b"2":
            dead.set()
        raise DeadLetter("not today")

    await bus.start()
    consumer = await bus.consume(JOBS_QUEUE, refusing)
    sent = Message(JOB, b"1", correlation_id="job_1", headers={"workspace_id": "ws_1"})
    await bus.publish(JOBS, JOB, sent)
    await bus.publish(JOBS, JOB, Message(JOB, b"2"))
    await asyncio.wait_for(dead.wait(), 60)
    await consumer.cancel()
    first, second = await list_dead_letters(amqp_url)
    assert (first.message_id, first.queue, first.reason) == (sent.message_id, "jobs", "not today")
    assert (first.job_id, first.attempts, first.body) == ("job_1", "1", b"1")

    assert [letter.message_id for letter in await replay(amqp_url, [sent.message_id])] == [
        sent.message_id
    ]
    await bus.consume(JOBS_QUEUE, jobs.put)
    again = await asyncio.wait_for(jobs.get(), 60)
    assert (again.message_id, again.body, again.routing_key) == (sent.message_id, b"1", JOB)
    assert dict(again.headers) == {"workspace_id": "ws_1"}
    (left,) = await list_dead_letters(amqp_url)
    assert left.message_id == second.message_id
    assert len(await replay(amqp_url)) == 1
    assert (await asyncio.wait_for(jobs.get(), 60)).body == b"2"
    assert await list_dead_letters(amqp_url) == []


async def test_a_message_whose_consumers_all_die_is_made_a_dead_letter_by_the_broker(bus, amqp_url):
    await bus.start()
    sent = Message(JOB, b"1", correlation_id="job_1")
    await bus.publish(JOBS, JOB, sent)
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue(JOBS_QUEUE.name, ensure=False)
        async with asyncio.timeout(60):
            # As of a consumer that ends without an answer: each delivery counts.
            while (incoming := await queue.get(fail=False)) is not None:
                await incoming.nack(requeue=True)
    (letter,) = await in_dead_letters(amqp_url, 1)
    assert (letter.message_id, letter.queue) == (sent.message_id, "jobs")
    assert letter.reason == "the broker: delivery_limit"
    jobs = asyncio.Queue()
    await bus.consume(JOBS_QUEUE, jobs.put)
    assert len(await replay(amqp_url)) == 1
    assert (await asyncio.wait_for(jobs.get(), 60)).message_id == sent.message_id


async def in_dead_letters(url, count):
    async with asyncio.timeout(60):
        while len(found := await list_dead_letters(url)) < count:  # noqa: ASYNC110 - the broker tells nobody
            await asyncio.sleep(0.05)
        return found


_FITS = b'{"job_id": "job_1", "workspace_id": "ws_1", "crew_id": "crew_1"}'
POISON = {
    "malformed": (JOB, b"{not json"),
    "unknown": ("job.submitted.v9", b"{}"),
    "untyped": (None, _FITS),
    "oversized": (JOB, b" " * (JOBS_QUEUE.largest + 1)),
    "failing": (JOB, _FITS),
}
"""Messages that a foreign client may send, by name: the type, and the body."""


async def send_poison(amqp_url: str) -> None:
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(JOBS.name, ensure=False)
        for name, (kind, body) in POISON.items():
            sent = aio_pika.Message(body, message_id=name, type=kind)
            await exchange.publish(sent, JOB)


async def test_make_dead_letters_lists_and_replays_them(bus, amqp_url):
    """Each kind of poison, sent by a foreign client as it likes, and seen by an operator."""

    async def broken(message: Message) -> None:
        decode(message, JobSubmitted)
        raise ValueError("it fails each time")

    await bus.start()
    consumer = await bus.consume(JOBS_QUEUE, broken)
    await send_poison(amqp_url)
    await in_dead_letters(amqp_url, len(POISON))
    await consumer.cancel()

    shown = await made("dead-letters", amqp_url)
    for name, told in (
        ("malformed", "the body is not JSON"),
        ("unknown", "the type 'job.submitted.v9' is unknown here (delivered 1 times)"),
        ("untyped", "the type '' is unknown here"),
        ("oversized", "at most 4194304 are accepted (delivered 1 times)"),
        ("failing", "ValueError('it fails each time') (delivered 5 times)"),
    ):
        told_of = shown[shown.index(f"{name}  ") :].split("\n    body", 1)[0]
        assert told in told_of, (name, shown)
        assert "from jobs" in told_of
    assert f"{len(POISON)} dead letters" in shown

    jobs = asyncio.Queue()
    assert f"{len(POISON)} sent back" in await made("dead-letters", amqp_url, "REPLAY=1")
    await bus.consume(JOBS_QUEUE, jobs.put)
    again = {
        (await asyncio.wait_for(jobs.get(), 60)).message_id,
        (await asyncio.wait_for(jobs.get(), 60)).message_id,
    }
    assert again == {"malformed", "failing"}  # what the queue refuses is no call of a handler
    left = await in_dead_letters(amqp_url, 3)
    assert {letter.message_id for letter in left} == {"unknown", "untyped", "oversized"}


async def made(target: str, amqp_url: str, *more: str) -> str:
    """Return what `make` prints."""
    ran = await asyncio.to_thread(
        subprocess.run,
        ["make", "-s", target, f"PY={sys.executable}", "-o", ".venv/installed-dev", *more],
        cwd=Path(__file__).parents[4],
        env={**os.environ, "KASAL_AMQP_URL": amqp_url},
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout


async def test_a_dead_letter_from_nowhere_is_shown_and_stays(bus, amqp_url):
    await bus.start()
    await bus.publish(DEAD_LETTERS, "", Message("odd.v1", b"text", message_id="msg_odd"))
    assert "msg_odd  odd.v1  from nowhere" in await made("dead-letters", amqp_url)
    assert "0 sent back" in await made("dead-letters", amqp_url, "REPLAY=1")
    assert "1 dead letters" in await made("dead-letters", amqp_url)


async def test_an_operator_sends_back_those_with_given_ids(bus, amqp_url):
    await bus.start()
    await send_poison(amqp_url)
    consumer = await bus.consume(JOBS_QUEUE, lambda message: asyncio.sleep(0))
    await in_dead_letters(amqp_url, 3)
    await consumer.cancel()
    command = [sys.executable, "-m", "kasal_platform", "dead-letters", "replay"]

    def replayed(*ids: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "KASAL_AMQP_URL": amqp_url}
        return subprocess.run(
            [*command, *ids], env=environment, capture_output=True, text=True, check=False
        )

    sent = await asyncio.to_thread(replayed, "unknown")
    assert (sent.returncode, "1 sent back" in sent.stdout) == (0, True), sent
    assert "unknown  job.submitted.v9  from jobs" in sent.stdout
    left = {letter.message_id for letter in await list_dead_letters(amqp_url)}
    assert left == {"untyped", "oversized"}
    missed = await asyncio.to_thread(replayed, "untyped", "nobody")
    assert (missed.returncode, "1 sent back" in missed.stdout) == (1, True), missed
    assert "Not sent back, gone or from an unknown queue: nobody" in missed.stderr
