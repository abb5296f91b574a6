"""Emptying a real broker between tests: its queues are durable and their names are fixed."""

import aio_pika

from common.bus.rabbitmq_link import declare_topology
from common.contracts.topology import QUEUES


async def purge(url: str) -> None:
    """Leave every queue of the platform declared and empty."""
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        await declare_topology(channel)
        for queue in QUEUES:
            await (await channel.get_queue(queue.name, ensure=False)).purge()
