"""The chaos journey: jobs run, everything around them is killed, and each of them must end once."""

import asyncio
import random
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from chaos.aftermath import Aftermath, Crew, Sent
from chaos.client import PatientClient, Watcher
from chaos.distributed import distributed
from chaos.embedded import embedded
from chaos.faults import Fault
from chaos.forms import ChaosForm, Publish
from chaos.report import Report, errors_in, resume_times
from chaos.script import APPEND, CHARGE, CREWS, LOOK_UP, CrewScript
from chaos.servers import Outside
from common.contracts.messages import JobSubmitted
from common.ids import new_id
from kasal_platform.api_client import ApiError

_STOPPED, _BY_BUS, _LATE = 0.1, 0.15, 0.3
"""Shares of the jobs that are stopped on the way, submitted over the bus, and watched late."""
_SETTLED_WITHIN = 90.0
"""Seconds after the last fault within which all jobs must have ended."""
_RESTARTED_WITHIN = 10.0
"""Seconds that a fault may last beyond that, on the average: on a busy machine a start takes as long."""


@dataclass(frozen=True)
class Options:
    """`seconds` is how long jobs are sent and faults carried out."""

    jobs: int
    seed: int
    seconds: float
    faults: Sequence[Fault]
    latency: float = 0.6
    embedded: bool = False
    patience: float = 90.0
    """Seconds for which a request is repeated while the platform does not answer it."""


async def run(options: Options, folder: Path) -> Report:
    """Run the journey on a platform of its own, with its data in `folder`."""
    began = time.monotonic()
    chance = random.Random(options.seed + 1)
    form = embedded if options.embedded else distributed
    async with (
        Outside(options.seed, options.latency) as outside,
        form(folder, _settings(outside), chance) as platform,
        aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(), connector=aiohttp.TCPConnector(limit=0)
        ) as http,
    ):
        client = PatientClient(platform.base, http, options.patience)
        journey = Journey(options, folder, platform, client, outside)
        await journey.prepare()
        await journey.travel()
        report = await journey.told()
    report.seconds = time.monotonic() - began
    return report


def _settings(outside: Outside) -> dict[str, str]:
    return {
        "KASAL_OPENAI_BASE_URL": outside.model_url,
        "KASAL_TOOL_ALLOWED_HOSTS": "127.0.0.1",
        "KASAL_PLAN_CHANGES": "true",
        "KASAL_OPEN_ROUTE_LIMIT": "100000",
        "KASAL_HANDSHAKE_LIMIT": "100000",
        "KASAL_MAX_LOST_CLAIMS": "100",
        "KASAL_LOG_FORMAT": "json",
        "OPENAI_API_KEY": "",
    }


class Journey:
    """One journey; see the module."""

    def __init__(
        self,
        options: Options,
        folder: Path,
        platform: ChaosForm,
        client: PatientClient,
        outside: Outside,
    ) -> None:
        self._options = options
        self._folder = folder
        self._platform = platform
        self._client = client
        self._outside = outside
        self._chance = random.Random(options.seed)
        self._crews: list[Crew] = []
        self._sent: list[Sent] = []
        self._report = Report(options.seed)
        self._workspace_id = self._user_id = ""

    async def prepare(self) -> None:
        """Make a user, the tools and the crews."""
        client = self._client
        credentials = {"email": f"{secrets.token_hex(6)}@example.com", "password": "a long one 17"}
        await client.call("POST", "/auth/register", credentials)
        await client.log_in(**credentials)
        await client.call("PUT", "/workspace/plan", {"tier": "enterprise"})
        me = await client.call("GET", "/auth/me")
        self._workspace_id, self._user_id = me["workspace"]["id"], me["id"]
        for name, method, idempotent in (
            (LOOK_UP, "GET", False),
            (APPEND, "POST", True),
            (CHARGE, "POST", False),
        ):
            await client.call("POST", "/tools/custom", self._tool(name, method, idempotent))
        self._crews = [await self._made(script) for script in CREWS]

    def _tool(self, name: str, method: str, idempotent: bool) -> dict[str, Any]:
        return {
            "name": name,
            "description": f"To {name}.",
            "endpoint": f"{self._outside.tools_url}/{name}",
            "auth_type": "none",
            "method": method,
            "idempotent": idempotent,
        }

    async def _made(self, script: CrewScript) -> Crew:
        client = self._client
        agent = {
            "role": "Clerk",
            "goal": "Keep the books",
            "model": "gpt-4",
            "tools": [LOOK_UP, APPEND, CHARGE],
        }
        tasks = [
            {
                "agent": "Clerk",
                "description": task.description(place),
                "expected_output": "A word",
                "async_execution": task.beside,
            }
            for place, task in enumerate(script.tasks, start=1)
        ]
        body = {"name": script.name, "process": "sequential", "agents": [agent], "tasks": tasks}
        crew_id = (await client.call("POST", "/crews", body))["id"]
        crew = await client.call("GET", f"/crews/{crew_id}")
        return Crew(script, crew_id, [task["id"] for task in crew["tasks"]])

    async def travel(self) -> None:
        """Send and watch the jobs while the faults happen; return when all have ended."""
        options = self._options
        within = options.seconds * 1.5 + _SETTLED_WITHIN + _RESTARTED_WITHIN * len(options.faults)
        within = max(within, options.patience)
        try:
            async with asyncio.timeout(within), asyncio.TaskGroup() as group:
                group.create_task(self._platform.carry_out(options.faults, options.seconds))
                # The last jobs are sent a little before the last fault.
                gap = options.seconds * 0.9 / options.jobs
                for place in range(options.jobs):
                    job = Sent(f"{options.seed}-{place}", self._chance.choice(self._crews))
                    self._sent.append(job)
                    group.create_task(self._one(job, random.Random(f"{job.n}")))
                    await asyncio.sleep(self._chance.uniform(0, 2) * gap)
        except TimeoutError:
            self._report.problems.append("the journey was not over in time")

    async def _one(self, job: Sent, chance: random.Random) -> None:
        by_bus, stop, late = (chance.random() < s for s in (_BY_BUS, _STOPPED, _LATE))
        try:
            publish = self._platform.publish if by_bus else None
            await (self._submit(job) if publish is None else self._publish(job, publish))
            if late:
                await asyncio.sleep(chance.uniform(0.5, 4))
            job.watcher = Watcher(self._client, job.job_id, chance)
            async with asyncio.TaskGroup() as group:
                group.create_task(job.watcher.to_end())
                if stop:
                    group.create_task(self._stop(job, chance.uniform(0.3, 4)))
        except* (ApiError, TimeoutError) as faults:
            self._report.problems += [f"job {job.n} {job.job_id}: {f!r}" for f in faults.exceptions]

    async def _submit(self, job: Sent) -> None:
        body = {"crew_id": job.crew.crew_id, "inputs": {"n": job.n}}
        told = await self._client.call("POST", "/executions", body, key=f"chaos-{job.n}")
        job.job_id = told["job_id"]

    async def _publish(self, job: Sent, publish: Publish) -> None:
        """Send a job over the bus, which may bring it twice."""
        job.job_id = new_id("job")
        message = JobSubmitted(
            job_id=job.job_id,
            workspace_id=self._workspace_id,
            crew_id=job.crew.crew_id,
            inputs={"n": job.n},
            requested_by=self._user_id,
        )
        await publish(message)

    async def _stop(self, job: Sent, after: float) -> None:
        await asyncio.sleep(after)
        try:
            await self._client.call("POST", f"/executions/{job.job_id}/stop")
            job.stopped = True
        except ApiError as refused:
            if refused.status == 404 and job.watcher is not None and not job.watcher.events:
                return await self._stop(job, 0.5)  # still on its way over the bus
            if refused.status != 409:
                raise

    async def told(self) -> Report:
        """Return the report of what was seen, and of what is left behind."""
        report = self._report
        report.faults = self._platform.happened
        lines = (f"{f.began:.2f} {f.over - f.began:.2f} s {f.how} {f.name}" for f in report.faults)
        (self._folder / "faults.txt").write_text("\n".join(lines))
        report.problems += [f"a process died: {line}" for line in self._platform.died]
        report.problems += [f"one key, two requests: {k}" for k in self._outside.keys_of_several()]
        report.effected_twice = self._outside.effected_twice()
        await Aftermath(self._client, self._platform, self._crews, self._sent, report).check()
        watchers = [job.watcher for job in self._sent if job.watcher is not None]
        streams = [watcher.events for watcher in watchers]
        report.resumed = resume_times(self._folder, streams, report.faults)
        calls, outside = (
            sum(map(len, self._outside.calls.values())) + self._outside.read.total(),
            self._outside,
        )
        report.notes |= {
            "requests repeated": self._client.repeated,
            "sockets opened": f"{sum(w.connections for w in watchers)} for {len(watchers)} streams",
            "model turns again": f"{outside.repeated_turns} of {outside.asked.total()}",
            "finished turns again": f"{outside.finished_again} of {outside.asked.total()}",
            "tool calls again": f"{outside.repeated_calls} of {calls}",
            "most attempts": max(
                (events[-1]["attempt"] for events in streams if events), default=0
            ),
            "logged as errors": dict(errors_in(self._folder)),
        }
        return report
