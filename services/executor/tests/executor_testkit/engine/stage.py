"""Everything a run of the engine needs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from executor_testkit.engine.ledger import START, Ledger
from executor_testkit.engine.models import Script
from executor_testkit.engine.tools import Drawer

from common.contracts.crew import CrewSnapshot
from common.contracts.events import EventType, ExecutionResumed, ExecutionStart
from common.contracts.messages import MemoryRemembered
from executor.domain.log.events import LogEntry, ResumeKept
from executor.domain.log.journal import Job
from executor.engine.runner import Engine


@dataclass
class Sink:
    entries: list[MemoryRemembered] = field(default_factory=list)
    fault: Exception | None = None

    async def remember(self, entries: Sequence[MemoryRemembered]) -> None:
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

    def job(self, crew: CrewSnapshot, history: Sequence[LogEntry] = (), **inputs: Any) -> Job:
        attempt = 1 + sum(event.type == EventType.EXECUTION_RESUMED for event in history)
        body = ExecutionResumed() if history else ExecutionStart()
        attempt += bool(history)
        at = START + timedelta(seconds=len(history) + 1)
        private = ResumeKept(whole=True) if history and self.whole else None
        claim = LogEntry(len(history) + 1, at, attempt, body, private)
        return Job("job_1", "ws_1", crew.id, attempt, inputs, crew, [*history, claim])

    async def run(
        self, crew: CrewSnapshot, history: Sequence[LogEntry] = (), **inputs: Any
    ) -> list[LogEntry]:
        return (await self.ledger(crew, history, **inputs)).events

    async def ledger(
        self, crew: CrewSnapshot, history: Sequence[LogEntry] = (), **inputs: Any
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


def types(events: Sequence[LogEntry]) -> list[str]:
    return [event.type for event in events]
