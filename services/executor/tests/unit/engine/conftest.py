"""A run without a store: an in-memory journal, scripted models and tools."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from common.contracts.crew import CrewSnapshot, ToolSnapshot
from common.contracts.events import TERMINAL_EVENTS, EventType
from common.contracts.messages import MemoryRemembered
from executor.domain.log.events import Draft, Event
from executor.domain.log.journal import Job
from executor.domain.log.records import json_bytes
from executor.engine.runner import Engine
from executor.models.dialogue import Dialogue, Reply, Tokens, ToolRequest
from executor.models.model import Listener, ModelFault
from executor.models.offline import OfflineModel
from executor.tools.arguments import fitted
from executor.tools.call import Call
from executor.tools.spec import ToolSpec

START = datetime(2026, 1, 1, tzinfo=UTC)


class Ledger:
    """An in-memory journal. `writes` are the groups of events that went out together."""

    def __init__(self, history: Sequence[Event], attempt: int) -> None:
        self.events = list(history)
        self.attempt = attempt
        self.writes: list[list[Event]] = []
        self.flushes = 0
        self._open: list[Event] | None = None

    def append(self, *drafts: Draft) -> None:
        loop = asyncio.get_running_loop()
        if self._open is None:
            self._open = []
            self.writes.append(self._open)
            loop.call_soon(self._close)
        for draft in drafts:
            if self.events and self.events[-1].type in TERMINAL_EVENTS | {EventType.INPUT_REQUIRED}:
                return
            fields = orjson.loads(json_bytes(dict(draft.fields)))
            private = None if draft.private is None else orjson.loads(json_bytes(draft.private))
            seq = len(self.events) + 1
            at = START + timedelta(seconds=seq)
            event = Event(seq, draft.type, at, self.attempt, fields, private)
            self.events.append(event)
            self._open.append(event)

    def _close(self) -> None:
        self._open = None

    async def flush(self) -> None:
        self.flushes += 1
        await asyncio.sleep(0)

    @asynccontextmanager
    async def effect(self) -> AsyncIterator[None]:
        await self.flush()
        yield


@dataclass
class Script:
    """Models that say what a function of (model, dialogue, tools) returns; it counts requests."""

    say: Callable[[str, Dialogue, Sequence[ToolSpec]], Any]
    requests: list[tuple[str, str]] = field(default_factory=list)
    dialogues: list[Dialogue] = field(default_factory=list)
    price: float | None = 0.001
    listeners: list[Listener] = field(default_factory=list)

    async def resolve(self, name: str) -> Any:
        if name == "unknown":
            raise ModelFault("MODEL_UNAVAILABLE", "The model unknown is not known.")
        if name == "keyless":
            return OfflineModel("keyless")
        return OfflineModel() if name == "offline" else Scripted(name, self)


class Scripted:
    provider = "scripted"
    stands_for = None

    def __init__(self, name: str, script: Script) -> None:
        self.label = name
        self._script = script

    async def request(
        self, dialogue: Dialogue, tools: Sequence[ToolSpec], listener: Listener
    ) -> Reply:
        self._script.listeners.append(listener)
        listener.asked()
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


@dataclass
class Drawer:
    """A toolbox of doubles: each tool is a function of its arguments."""

    tools: Mapping[str, Callable[[Mapping[str, Any]], Any]] = field(default_factory=dict)
    unsafe: frozenset[str] = frozenset()
    writing: frozenset[str] = frozenset()
    calls: list[tuple[str, str]] = field(default_factory=list)

    def tool(self, snapshot: ToolSnapshot) -> "Double | None":
        return Double(snapshot.name, self) if snapshot.name in self.tools else None


class Double:
    def __init__(self, name: str, drawer: Drawer) -> None:
        self.spec = ToolSpec(
            name, name, {"type": "object", "properties": {"x": {"type": "integer"}}}
        )
        self.safe = name not in drawer.unsafe
        self.reads = self.safe and name not in drawer.writing
        self._drawer = drawer

    async def fitted(self, arguments: Mapping[str, Any] | None) -> Mapping[str, Any] | str:
        return await fitted(self.spec.parameters, arguments)

    async def call(self, arguments: Mapping[str, Any], call: Call) -> str:
        self._drawer.calls.append((self.spec.name, call.key))
        made = self._drawer.tools[self.spec.name](arguments)
        if asyncio.iscoroutine(made):
            made = await made
        return made if isinstance(made, str) else str(made)


@dataclass
class Sink:
    entries: list[MemoryRemembered] = field(default_factory=list)
    fault: Exception | None = None

    async def remembered(self, entries: Sequence[MemoryRemembered]) -> None:
        if self.fault is not None:
            raise self.fault
        self.entries += entries


@dataclass
class Stage:
    """Everything a run needs, and what became of it."""

    script: Script = field(default_factory=lambda: Script(lambda *_: "done"))
    drawer: Drawer = field(default_factory=Drawer)
    sink: Sink = field(default_factory=Sink)
    now: datetime = START + timedelta(seconds=2)
    whole: bool = False
    """Whether the last worker handed its job over with no effect cut off half-way."""

    def job(self, crew: CrewSnapshot, history: Sequence[Event] = (), **inputs: Any) -> Job:
        attempt = 1 + sum(event.type == EventType.EXECUTION_RESUMED for event in history)
        kind = EventType.EXECUTION_RESUMED if history else EventType.EXECUTION_START
        attempt += bool(history)
        at = START + timedelta(seconds=len(history) + 1)
        private = {"whole": True} if history and self.whole else None
        claim = Event(len(history) + 1, kind, at, attempt, private=private)
        return Job("job_1", "ws_1", crew.id, attempt, inputs, crew, [*history, claim])

    async def run(
        self, crew: CrewSnapshot, history: Sequence[Event] = (), **inputs: Any
    ) -> list[Event]:
        return (await self.ledger(crew, history, **inputs)).events

    async def ledger(
        self, crew: CrewSnapshot, history: Sequence[Event] = (), **inputs: Any
    ) -> Ledger:
        job = self.job(crew, history, **inputs)
        ledger = self.ledger_of(job)
        await self.engine().run(job, ledger)
        return ledger

    def ledger_of(self, job: Job) -> Ledger:
        return Ledger(job.history, job.attempt)

    def engine(self, **given: Any) -> Engine:
        return Engine(self.script, self.drawer, self.sink, clock=lambda: self.now, **given)


def make_crew(tasks: int = 3, **given: Any) -> CrewSnapshot:
    """Return a crew of `tasks` tasks, one agent each."""
    extra = given.pop("task", {})
    crew: dict[str, Any] = {
        "id": "crew_1",
        "workspace_id": "ws_1",
        "name": "Crew",
        "process": "sequential",
        "status": "active",
        "agents": [
            {
                "id": f"agent_{n}",
                "name": f"Agent {n}",
                "role": f"Role {n}",
                "goal": f"Goal {n}",
                "model": "m",
                "tools": given.pop(f"tools_{n}", []),
            }
            for n in range(1, tasks + 1)
        ],
        "tasks": [
            {
                "id": f"task_{n}",
                "description": f"Work {n}",
                "expected_output": f"Output {n}",
                "agent_id": f"agent_{n}",
                **extra,
                **given.pop(f"task_{n}", {}),
            }
            for n in range(1, tasks + 1)
        ],
    }
    return CrewSnapshot.model_validate({**crew, **given})


def calls(*wanted: tuple[str, Mapping[str, Any] | None], text: str = "") -> Reply:
    requests = [ToolRequest(f"c{n}", name, args) for n, (name, args) in enumerate(wanted)]
    return Reply(text, tuple(requests), Tokens(10, 5, 0.001))


def types(events: Sequence[Event]) -> list[str]:
    return [event.type.value for event in events]


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture(scope="session")
def kit() -> SimpleNamespace:
    return SimpleNamespace(
        crew=make_crew,
        calls=calls,
        types=types,
        Script=Script,
        Drawer=Drawer,
        Stage=Stage,
        Ledger=Ledger,
        START=START,
    )
