"""A toolbox of doubles."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from common.contracts.crew import ToolSnapshot
from executor.tools.arguments import fit_arguments
from executor.tools.call import Call, Heard
from executor.tools.spec import ToolSpec


@dataclass
class Drawer:
    """A toolbox of doubles: each tool is a function of its arguments."""

    tools: Mapping[str, Callable[[Mapping[str, Any]], Any]] = field(default_factory=dict)
    unsafe: frozenset[str] = frozenset()
    writing: frozenset[str] = frozenset()
    calls: list[tuple[str, str]] = field(default_factory=list)
    heard: list[Heard | None] = field(default_factory=list)
    """What a person had said to each call's tool."""

    def tool(self, snapshot: ToolSnapshot) -> "Double | None":
        return Double(snapshot.name, self) if snapshot.name in self.tools else None


class Double:
    def __init__(self, name: str, drawer: Drawer) -> None:
        self.spec = ToolSpec(
            name, name, {"type": "object", "properties": {"x": {"type": "integer"}}}
        )
        self.safe = name not in drawer.unsafe
        self.asks = name == "ask_person"
        self.reads = self.safe and name not in drawer.writing
        self._drawer = drawer

    async def fit_arguments(self, arguments: Mapping[str, Any] | None) -> Mapping[str, Any] | str:
        return await fit_arguments(self.spec.parameters, arguments)

    async def call(self, arguments: Mapping[str, Any], call: Call) -> str:
        self._drawer.calls.append((self.spec.name, call.key))
        self._drawer.heard.append(call.heard)
        made = self._drawer.tools[self.spec.name](arguments)
        if asyncio.iscoroutine(made):
            made = await made
        return made if isinstance(made, str) else str(made)
