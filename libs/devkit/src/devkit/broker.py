"""Empties a real broker between tests: its queues are durable and have fixed names."""

import aio_pika

from common.bus.rabbitmq_link import declare_topology
from common.contracts.topology import QUEUES


async def purge(url: str) -> None:
    """Declare and empty every queue of the platform."""
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        await declare_topology(channel)
        for queue in QUEUES:
            await (await channel.get_queue(queue.name, ensure=False)).purge()
