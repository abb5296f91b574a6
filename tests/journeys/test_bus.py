"""Services of the user's own publish jobs to the queue and listen to the events."""

import asyncio
import json
import secrets
from typing import Any

import aio_pika
import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("form", ["stack"], indirect=True, scope="session")
async def test_a_job_published_by_a_raw_client_runs(user: Any, platform: Any) -> None:
    crew_id = await user.crew("Write about {topic}")
    workspace_id = (await user.call("GET", "/auth/me"))["workspace"]["id"]
    job_id = f"job_{secrets.token_hex(8)}"
    body = {
        "job_id": job_id,
        "workspace_id": workspace_id,
        "crew_id": crew_id,
        "inputs": {"topic": "tea"},
        "requested_by": "journey",
    }
    connection = await aio_pika.connect(platform.amqp_url)
    async with connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange("events")
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(exchange, f"{workspace_id}.{job_id}.#")
        message = aio_pika.Message(
            json.dumps(body).encode(), content_type="application/json", type="job.submitted.v1"
        )
        await channel.default_exchange.publish(message, "jobs")
        await channel.default_exchange.publish(message, "jobs")
        seen: list[dict[str, Any]] = []
        async with asyncio.timeout(60), queue.iterator(no_ack=True) as deliveries:
            async for delivery in deliveries:
                seen.append(json.loads(delivery.body))
                assert delivery.routing_key == f"{workspace_id}.{job_id}.{seen[-1]['type']}"
                if seen[-1]["type"] == "execution_complete":
                    break
    assert await user.watch(job_id) == seen
    assert sum(event["type"] == "execution_start" for event in seen) == 1


@pytest.mark.parametrize("form", ["stack"], indirect=True, scope="session")
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("job.submitted.v1", b"{"),
        ("job.submitted.v1", b'{"job_id": "job_1"}'),
        ("job.submitted.v9", b"{}"),
    ],
)
async def test_what_cannot_be_read_is_a_dead_letter_with_its_reason(
    platform: Any, kind: str, body: bytes
) -> None:
    connection = await aio_pika.connect(platform.amqp_url)
    async with connection:
        channel = await connection.channel()
        letters = await channel.get_queue("dead-letters")
        message_id = secrets.token_hex(8)
        message = aio_pika.Message(body, message_id=message_id, type=kind)
        await channel.default_exchange.publish(message, "jobs")
        async with asyncio.timeout(60), letters.iterator() as deliveries:
            async for letter in deliveries:
                await letter.ack()
                if letter.message_id == message_id:
                    break
    assert letter.headers["x-kasal-reason"]
    assert letter.headers["x-kasal-queue"] == "jobs"
    assert letter.body == body
