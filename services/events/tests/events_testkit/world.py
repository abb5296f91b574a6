"""A running events service and what is around it."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import orjson
from events_testkit.platform import FakePlatform
from fastapi import FastAPI
from websockets.asyncio.client import connect

from common.bus import Bus, Message
from common.contracts.events import events_key
from common.contracts.topology import EVENTS
from devkit.serving import Served


@dataclass
class World:
    """A running events service with what is around it."""

    platform: FakePlatform
    running: Served
    bus: Bus
    app: FastAPI
    token: str

    @property
    def url(self) -> str:
        return self.running.url.replace("http", "ws") + "/ws"

    def connect(self, token: str | None = None, **more: Any) -> Any:
        """Open a socket with the token in the header."""
        headers = {"Authorization": f"Bearer {token or self.token}", **more.pop("headers", {})}
        return connect(self.url, additional_headers=headers, compression=None, **more)

    async def emit(self, job_id: str, kind: str = "progress", **more: Any) -> Message:
        """Store the job's next event and publish it."""
        message = self.platform.append(job_id, kind, **more)
        await self.publish(message)
        return message

    async def publish(self, message: Message) -> None:
        kind = orjson.loads(message.body)["type"]
        key = events_key(message.headers["workspace_id"], message.correlation_id, kind)
        await self.bus.publish(EVENTS, key, message)

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that have these labels."""
        registry = self.app.state.telemetry.registry
        return sum(
            sample.value
            for family in registry.collect()
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


Worlds = Callable[..., AbstractAsyncContextManager[World]]
