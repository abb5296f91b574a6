"""A model in this process, which costs nothing but a configured delay."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from bench.harness.workload import ANSWER
from executor.models.dialogue import Dialogue, Reply, Tokens
from executor.models.model import Listener, SilentListener
from executor.models.own import Owner
from executor.tools.spec import ToolSpec

SILENT = SilentListener()


@dataclass(frozen=True)
class LocalModel:
    """Answers in this process after `latency` seconds; there are no others."""

    latency: float
    label: str = "local"
    provider: str = "local"
    stands_for: str | None = None
    server: str = ""

    async def resolve(self, name: str, owner: Owner | None = None) -> Self:
        return self

    def price(self, tokens: Tokens) -> None:
        return None

    async def request(
        self, dialogue: Dialogue, tools: Sequence[ToolSpec], listener: Listener = SILENT
    ) -> Reply:
        if self.latency:
            await asyncio.sleep(self.latency)
        return Reply(ANSWER, tokens=Tokens(200, 60))
