"""A load of jobs on a running stack, so many under way at any time, and what its processes take."""

import asyncio
import itertools
import secrets
from collections.abc import Awaitable, Callable, Sequence

import aio_pika
import aiohttp
import orjson
from aio_pika.abc import AbstractIncomingMessage

from bench.harness.client import User
from bench.harness.processes import cpu_seconds, pss_mb, tree
from bench.harness.workload import INPUTS
from common.contracts.events import EventType
from common.contracts.topology import CREWS_EVENTS_QUEUE, EVENTS, JOBS_QUEUE
from kasal_platform.stack import Stack

SETTINGS = {
    "KASAL_MODEL_FALLBACK": "offline",
    "KASAL_PLAN_CHANGES": "true",
    "KASAL_OPEN_ROUTE_LIMIT": "100000",
    "KASAL_LOG_FORMAT": "json",
}
"""The offline model answers at once, and the same each time."""

_PATIENCE = 60.0
_BACKENDS = {"mongo": "database", "amqp": "RabbitMQ", "redis": "Redis"}


def process_trees(stack: Stack) -> dict[str, list[int]]:
    """The process ids of each service's process, and of each backend that the stack started."""
    found = {
        name: [process.child.pid] for name, process in stack.processes.items() if process.child
    }
    for name, backend in stack.backends.items():
        found[_BACKENDS[name]] = tree(backend.program.pid or 0)
    return found


def cpu_by_process(stack: Stack) -> dict[str, float]:
    trees = process_trees(stack)
    return {name: sum(cpu_seconds(pid) for pid in pids) for name, pids in trees.items()}


def memory_by_process(stack: Stack) -> dict[str, float]:
    trees = process_trees(stack)
    return {name: sum(pss_mb(pid) for pid in pids) for name, pids in trees.items()}


class Load:
    """Someone who sends jobs by POST or straight to the queue, and learns from the bus when they end."""

    def __init__(self, stack: Stack, http: aiohttp.ClientSession) -> None:
        self._stack = stack
        self._http = http
        self._ended: dict[str, asyncio.Event] = {}
        self.user = User(stack.urls["KASAL_GATEWAY_URL"] + "/api/v1", http)

    async def open(self) -> None:
        await self.user.register(self._stack.urls["KASAL_AUTH_URL"])
        self._workspace = (await self.user.call("GET", "/auth/me"))["workspace"]["id"]
        self._crew = await self.user.crew()
        self._connection = await aio_pika.connect(self._stack.urls["KASAL_AMQP_URL"])
        self._channel = await self._connection.channel()
        ends = await self._channel.declare_queue(exclusive=True)
        for kind in (EventType.EXECUTION_COMPLETE, EventType.ERROR):
            await ends.bind(EVENTS.name, f"{self._workspace}.*.{kind}")
        await ends.consume(self._hear, no_ack=True)

    async def close(self) -> None:
        await self._connection.close()

    async def post(self) -> str:
        return await self.user.start(self._crew)

    async def publish(self) -> str:
        """Send a job as another service of the same company would."""
        job_id = f"job_{secrets.token_hex(12)}"
        job = {
            "job_id": job_id,
            "workspace_id": self._workspace,
            "crew_id": self._crew,
            "inputs": INPUTS,
            "requested_by": "bench",
        }
        message = aio_pika.Message(
            orjson.dumps(job),
            type="job.submitted.v1",
            content_type="application/json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            message_id=job_id,
            correlation_id=job_id,
        )
        await self._channel.default_exchange.publish(message, JOBS_QUEUE.name)
        return job_id

    async def run(
        self,
        count: int,
        outstanding: int,
        ways: Sequence[Callable[[], Awaitable[str]]],
        also: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        """Run `count` jobs, at most `outstanding` at a time; each is sent the next of the `ways`.

        `also` is done with each job that has ended.
        """
        numbers = iter(zip(range(count), itertools.cycle(ways), strict=False))

        async def one_after_another() -> None:
            for _, send in numbers:
                job_id = await send()
                await self._until_ended(job_id)
                if also is not None:
                    await also(job_id)

        await asyncio.gather(*(one_after_another() for _ in range(outstanding)))

    async def wait_for_crews(self) -> None:
        """Wait until crews has consumed every event."""
        async with asyncio.timeout(_PATIENCE):
            while True:
                queue = await self._channel.declare_queue(CREWS_EVENTS_QUEUE.name, passive=True)
                if not queue.declaration_result.message_count:
                    return
                await asyncio.sleep(0.05)

    async def _until_ended(self, job_id: str) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._end_of(job_id).wait()
        except TimeoutError:
            raise SystemExit(f"{job_id} has not ended within {_PATIENCE:.0f} s") from None
        del self._ended[job_id]

    def _end_of(self, job_id: str) -> asyncio.Event:
        return self._ended.setdefault(job_id, asyncio.Event())

    async def _hear(self, message: AbstractIncomingMessage) -> None:
        event = orjson.loads(message.body)
        if event["type"] != EventType.EXECUTION_COMPLETE:
            raise SystemExit(f"a job did not end as it should: {event}")
        self._end_of(event["job_id"]).set()
