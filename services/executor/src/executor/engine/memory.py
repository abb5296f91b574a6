"""What a run leaves its crew to remember: short-term entries, and insights by category."""

import re
from collections.abc import Sequence
from datetime import datetime

from common.contracts.crew import TaskSnapshot
from common.contracts.messages import MemoryRemembered
from common.errors import KasalError
from common.logs import get_logger
from common.process.background import Background
from executor.domain.inputs.placeholders import fill_placeholders
from executor.domain.log.journal import Job
from executor.engine.history import Output
from executor.engine.ports import MemorySink
from executor.engine.trace import shorten

log = get_logger(__name__)

_SHORT = 1_000
_INSIGHT = 300
_PATIENCE = 5.0
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


class Remembrance:
    """Sends what one run wants remembered, in the background; its faults never fail the run.

    Ids derive from task and the job that did it, and times from the history. A resumed run, or a fork, may
    therefore send everything again: each entry still counts once.
    """

    def __init__(self, job: Job, sink: MemorySink) -> None:
        self._job = job
        self._sink = sink
        self._switches = job.snapshot.configuration.memory
        self._under_way = Background()
        self._done_by: dict[str, str] = {}

    def remember_task(
        self, task: TaskSnapshot, output: Output, moment: datetime, *, done_by: str | None = None
    ) -> None:
        """Send a task's output as a short-term entry. `done_by` is the job that made it, if it was another."""
        if done_by is not None:
            self._done_by[task.id] = done_by
        if self._switches.short_term:
            described = shorten(fill_placeholders(task.description, self._job.inputs), 120)
            content = shorten(f"{described}: {_flat(output.text[: _SHORT * 4])}", _SHORT)
            self._send([self._entry(task, "short", "short_term", "general", content, moment)])

    async def remember_run(
        self, found: Sequence[tuple[TaskSnapshot, Output]], moment: datetime
    ) -> None:
        """Send an insight per task, under its agent's role; wait until everything is sent."""
        if self._switches.long_term:
            self._send([self._insight(task, output, moment) for task, output in found])
        await self._under_way.finish(_PATIENCE)

    def give_up(self) -> None:
        """Stop sending."""
        self._under_way.cancel()

    def _insight(self, task: TaskSnapshot, output: Output, moment: datetime) -> MemoryRemembered:
        roles = [agent.role for agent in self._job.snapshot.agents if agent.id == task.agent_id]
        category = fill_placeholders(roles[0], self._job.inputs) if roles else "general"
        return self._entry(
            task, "long", "long_term", shorten(category, 100), _gist(output.text), moment
        )

    def _entry(
        self,
        task: TaskSnapshot,
        part: str,
        kind: str,
        category: str,
        content: str,
        moment: datetime,
    ) -> MemoryRemembered:
        done_by = self._done_by.get(task.id, self._job.job_id)
        return MemoryRemembered.model_validate(
            {
                "memory_id": f"{done_by}:{task.id}:{part}",
                "workspace_id": self._job.workspace_id,
                "crew_id": self._job.crew_id,
                "shelf": self._job.snapshot.memory.shelf,
                "job_id": self._job.job_id,
                "kind": kind,
                "category": _valid(category),
                "content": _valid(content),
                "timestamp": moment,
            }
        )

    def _send(self, entries: Sequence[MemoryRemembered]) -> None:
        if entries:
            sending = self._deliver(entries)
            self._under_way.start(sending, name="send memory", job_id=self._job.job_id)

    async def _deliver(self, entries: Sequence[MemoryRemembered]) -> None:
        try:
            await self._sink.remember(entries)
        except (KasalError, OSError) as fault:
            log.warning("memory was not sent", job_id=self._job.job_id, reason=str(fault))


def _valid(text: str) -> str:
    """Return `text` as a message can hold it: unpaired surrogates, which JSON allows, become `?`."""
    return text.encode("utf-8", "replace").decode()


def _flat(text: str) -> str:
    return " ".join(text.split())


def _gist(text: str) -> str:
    """Return as many of the first sentences of `text` as fit, or its beginning."""
    kept = ""
    for sentence in _SENTENCE.split(_flat(text[: _INSIGHT * 4])):
        if kept and len(kept) + 1 + len(sentence) > _INSIGHT:
            break
        kept = f"{kept} {sentence}".strip()
    return shorten(kept, _INSIGHT)
