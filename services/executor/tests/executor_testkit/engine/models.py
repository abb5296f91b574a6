"""Models that answer by script."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from executor.models.dialogue import Dialogue, Reply, Tokens, ToolRequest
from executor.models.model import Listener, ModelFault
from executor.models.offline import OfflineModel
from executor.tools.spec import ToolSpec


@dataclass
class Script:
    """Models that say what a function of (model, dialogue, tools) returns; it counts requests."""

    say: Callable[[str, Dialogue, Sequence[ToolSpec]], Any]
    requests: list[tuple[str, str]] = field(default_factory=list)
    dialogues: list[Dialogue] = field(default_factory=list)
    price: float | None = 0.001
    listeners: list[Listener] = field(default_factory=list)

    async def resolve(self, name: str, owner: Any = None) -> Any:
        if name == "unknown":
            raise ModelFault("MODEL_UNAVAILABLE", "The model unknown is not known.")
        if name == "keyless":
            return OfflineModel("keyless")
        return OfflineModel() if name == "offline" else Scripted(name, self)


class Scripted:
    provider = "scripted"
    server = "models.test:443"
    stands_for = None

    def __init__(self, name: str, script: Script) -> None:
        self.label = name
        self._script = script

    async def request(
        self, dialogue: Dialogue, tools: Sequence[ToolSpec], listener: Listener
    ) -> Reply:
        self._script.listeners.append(listener)
        listener.on_request()
        self._script.requests.append((self.label, dialogue.opening))
        self._script.dialogues.append(dialogue)
        said = self._script.say(self.label, dialogue, tools)
        if asyncio.iscoroutine(said):
            said = await said
        if isinstance(said, Reply):
            return said
        await asyncio.sleep(0)
        return Reply(str(said), tokens=Tokens(10, 5, 0.001))

    def price(self, tokens: Tokens) -> float | None:
        return self._script.price


def calls(*wanted: tuple[str, Mapping[str, Any] | None], text: str = "") -> Reply:
    requests = [ToolRequest(f"c{n}", name, args) for n, (name, args) in enumerate(wanted)]
    return Reply(text, tuple(requests), Tokens(10, 5, 0.001))
