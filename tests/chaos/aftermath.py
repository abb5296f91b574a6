"""Looking at all that is left behind: logs, streams, states, counts, dead letters."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from chaos.client import PatientClient, Watcher
from chaos.forms import ChaosForm
from chaos.report import Report
from chaos.script import CrewScript, done_twice, left_out
from common.contracts.events import TERMINAL_EVENTS

_CAUGHT_UP_WITHIN = 300
"""Seconds within which what follows the jobs' events must have caught up with them."""
_STATUS = {
    "execution_complete": "completed",
    "execution_stopped": "stopped",
    "error": "failed",
}


@dataclass
class Crew:
    """A crew of the journey as it was made."""

    script: CrewScript
    crew_id: str
    task_ids: list[str]


@dataclass
class Sent:
    """A job of the journey, and in the end its stored events."""

    n: str
    crew: Crew
    job_id: str = ""
    watcher: Watcher | None = None
    stopped: bool = False
    log: list[dict[str, Any]] = field(default_factory=list)


class Aftermath:
    """Compares what was sent and shown with what is stored, and writes what is wrong into a report."""

    def __init__(
        self,
        client: PatientClient,
        platform: ChaosForm,
        crews: list[Crew],
        sent: list[Sent],
        report: Report,
    ) -> None:
        self._client = client
        self._platform = platform
        self._crews = crews
        self._sent = sent
        self._report = report

    async def check(self) -> None:
        report = self._report
        report.sent = len(self._sent)
        for job in self._sent:
            if job.watcher is not None:
                job.log = await self._stored(job.job_id)
                self._judge(job, job.watcher)
        ended = await self._listed()
        await self._caught_up("the usage counts", lambda: self._counted(ended))
        for crew in self._crews:
            told = f"the task states of {crew.crew_id} are"
            await self._caught_up(told, lambda crew=crew: self._states(crew))
        letters = await self._platform.dead_letters()
        report.problems += [f"a dead letter: {letter}" for letter in letters]

    async def _stored(self, job_id: str) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        while True:
            path = f"/executions/{job_id}/traces?after_seq={len(events)}&limit=100"
            page = await self._client.call("GET", path)
            events += page["traces"]
            if page["next_after_seq"] is None:
                return events

    def _judge(self, job: Sent, watcher: Watcher) -> None:
        """Check one job from its stored events, and what was shown of them."""
        report, name, log = self._report, f"job {job.n} {job.job_id}", job.log
        broken = list(watcher.problems)
        if [event["seq"] for event in log] != list(range(1, len(log) + 1)):
            broken.append(f"stored as {[event['seq'] for event in log]}")
        ends = [event for event in log if event["type"] in TERMINAL_EVENTS]
        if len(ends) != 1 or ends[0] is not log[-1]:
            broken.append(f"it has the ends {ends}")
        elif watcher.over:
            self._count(job, watcher.events[-1])
        shown = [(event["seq"], event["type"]) for event in watcher.events]
        if shown != [(event["seq"], event["type"]) for event in log][: len(shown)]:
            broken.append("shown otherwise than stored")
        report.broken_streams += [f"{name}: {line}" for line in broken]
        script, task_ids = job.crew.script, job.crew.task_ids
        report.tasks_twice += [f"{name}: {line}" for line in done_twice(script, task_ids, log)]
        if log and log[-1]["type"] == "execution_complete":
            report.problems += [f"{name}: {line}" for line in left_out(script, task_ids, log)]

    def _count(self, job: Sent, end: dict[str, Any]) -> None:
        how, report = _STATUS[end["type"]], self._report
        report.ended[f"failed: {end['code']}" if how == "failed" else how] += 1
        if job.stopped != (how == "stopped"):
            asked = "was" if job.stopped else "was not"
            report.problems.append(f"{job.job_id} {asked} stopped, and is {how}")
        if how == "failed" and end["code"] != "OUTCOME_UNKNOWN":
            report.problems.append(f"{job.job_id} failed: {end['code']}: {end['message']}")

    async def _listed(self) -> int:
        """Look for jobs that nobody has sent, and for some that have not ended; return how many."""
        known, page, found = {job.job_id for job in self._sent}, 1, 0
        while True:
            path = f"/executions?page={page}&page_size=100"
            rows = (await self._client.call("GET", path))["executions"]
            for row in rows:
                if row["job_id"] not in known:
                    self._report.problems.append(f"{row['job_id']} was run, and nobody sent it")
                if row["status"] not in _STATUS.values():
                    self._report.problems.append(f"{row['job_id']} is still {row['status']}")
            if not rows:
                return found
            found, page = found + len(rows), page + 1

    async def _counted(self, ended: int) -> str:
        counted = (await self._client.call("GET", "/analytics/usage"))["executions"]
        return "" if counted == ended else f"{counted} jobs, not {ended}"

    async def _states(self, crew: Crew) -> str:
        wanted: dict[str, str] = {}
        for job in sorted(self._sent, key=lambda job: job.job_id):
            if job.crew is not crew or not job.log:
                continue
            for event in job.log:
                if event["type"] == "task_start":
                    wanted[event["task_id"]] = _STATUS.get(job.log[-1]["type"], "running")
                elif event["type"] == "task_complete":
                    wanted[event["task_id"]] = "completed"
        told = await self._client.call("GET", f"/crews/{crew.crew_id}")
        states = {task["id"]: task["status"] for task in told["tasks"] if task["id"] in wanted}
        busy = [agent["status"] for agent in told["agents"] if agent["status"] != "ready"]
        return "" if (states, busy) == (wanted, []) else f"{states} {busy}, not {wanted}"

    async def _caught_up(self, what: str, lacking: Callable[[], Awaitable[str]]) -> None:
        """Wait until nothing is lacking; what still is in the end is a problem."""
        told = ""
        for _ in range(_CAUGHT_UP_WITHIN):
            told = await lacking()
            if not told:
                return
            await asyncio.sleep(1.0)
        self._report.problems.append(f"{what}: {told}")
