"""The distributed form of a chaos journey: a stack with backends of its own."""

import asyncio
import contextlib
import os
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from chaos.faults import Chaos, Fault, Happened
from common.bus import BusUnavailable, encode
from common.bus.dead_letters import list_dead_letters
from common.bus.rabbitmq import RabbitBus
from common.contracts.messages import JobSubmitted
from common.contracts.topology import JOBS
from common.telemetry import Telemetry
from kasal_platform.config import Settings
from kasal_platform.stack import Stack, stack_in

COUNTS = {"executor": 2, "worker": 3, "events": 2, "gateway": 1}


class Distributed:
    """Fulfils `ChaosForm` with the processes and backends of a stack."""

    def __init__(self, stack: Stack, bus: RabbitBus, chance: random.Random) -> None:
        self._stack = stack
        self._bus = bus
        self._chaos = Chaos(stack, chance)
        self.base = stack.urls["KASAL_GATEWAY_URL"] + "/api/v1"

    @property
    def happened(self) -> list[Happened]:
        return self._chaos.happened

    @property
    def died(self) -> list[str]:
        return self._chaos.died

    async def carry_out(self, faults: Sequence[Fault], seconds: float) -> None:
        await self._chaos.carry_out(faults, seconds)

    async def publish(self, message: JobSubmitted) -> None:
        sent = encode(message, correlation_id=message.job_id)
        while True:
            with contextlib.suppress(BusUnavailable):
                return await self._bus.publish(JOBS, message.message_type, sent)
            await asyncio.sleep(0.3)

    async def dead_letters(self) -> list[str]:
        return [str(one) for one in await list_dead_letters(self._stack.urls["KASAL_AMQP_URL"])]


@contextlib.asynccontextmanager
async def distributed(
    folder: Path, settings: Mapping[str, str], chance: random.Random
) -> AsyncIterator[Distributed]:
    """Run a stack with its data and logs in `folder`."""
    environment = {name: value for name, value in os.environ.items() if name[:6] != "KASAL_"}
    async with stack_in(
        Settings(port=0), folder, environment, settings, COUNTS, own_backends=True
    ) as stack:
        bus = RabbitBus(stack.urls["KASAL_AMQP_URL"], Telemetry("chaos", None))
        await bus.start()
        try:
            yield Distributed(stack, bus, chance)
        finally:
            await bus.close()
