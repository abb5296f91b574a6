"""The jobs that this worker runs: one asyncio task each."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from executor.domain.log.execution import Execution
from executor.domain.meters import OutboxSize
from executor.domain.worker.drain import Drain
from executor.domain.worker.job_run import JobRun, RunServices
from executor.domain.worker.occupancy import Occupancy
from executor.domain.worker.snapshots import SharedSnapshots
from executor.domain.worker.turns import Places


class Runs:
    """Runs claimed jobs, each in a place.

    `reserve` takes the place before the claim, so that a claimed job always has one. `on_free` is
    called when a place becomes free, `on_wait` with the jobs that a drain waits for.
    """

    def __init__(self, services: RunServices, slots: int = 200, reserve: int = 0) -> None:
        self.places = Occupancy(Places(slots, reserve))
        self.on_free: Callable[[], None] = lambda: None
        self.on_wait: Callable[[Sequence[str]], None] = lambda _: None
        self._services = services
        self._reserved: set[str] = set()
        self._running: dict[str, JobRun] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._drain = Drain(self._running, self.cancel)
        self._snapshots = SharedSnapshots()

    def running(self) -> Mapping[str, int]:
        """Return the running jobs, each with the attempt of its claim."""
        return {job_id: run.claimed.attempt for job_id, run in self._running.items()}

    def outbox_size(self) -> OutboxSize:
        """Return how many events of running jobs are stored but not confirmed by the bus."""
        journals = [run.journal for run in self._running.values()]
        announcers = [journal.announcer for journal in journals if journal is not None]
        since = [one.waits_since for one in announcers if one.waits_since is not None]
        events = sum(announcer.waiting for announcer in announcers)
        return OutboxSize(events=events, since=min(since, default=None))

    def lost_claims(self) -> Sequence[int]:
        """Return, for each running job, how many workers it has lost since it last made progress."""
        return [run.job.lost_claims for run in self._running.values()]

    def reserve(self, job_id: str, workspace_id: str) -> bool:
        """Take a place for a job that is about to be claimed; return False if there is none for it."""
        taken = self.places.take(job_id, workspace_id)
        if taken:
            self._reserved.add(job_id)
        return taken

    def release(self, job_id: str) -> None:
        """Release a reserved place."""
        self._reserved.discard(job_id)
        self._free(job_id)

    def start(self, job: Execution) -> None:
        """Run a claimed job in the place reserved for it."""
        self._reserved.discard(job.job_id)
        job = self._snapshots.share(job)
        run = JobRun(job, self._services, lambda: self._drain.begun)
        task = asyncio.create_task(run.run(), name=f"run {job.job_id}")
        self._tasks[job.job_id] = task
        self._running[job.job_id] = run
        task.add_done_callback(lambda _: self._remove(job.job_id))
        self._drain.look()
        self._services.meters.set_running(len(self._tasks))

    def _remove(self, job_id: str) -> None:
        self._tasks.pop(job_id, None)
        self._running.pop(job_id, None)
        self._free(job_id)

    def _free(self, job_id: str) -> None:
        self.places.leave(job_id)
        self._drain.look()
        self._services.meters.set_running(len(self._tasks))
        self.on_free()

    def cancel(self, job_id: str) -> bool:
        """Cut off a run at once: its job has ended or belongs to another worker."""
        task = self._tasks.get(job_id)
        return task is not None and task.cancel()

    async def drain(self, timeout: float, patience: float = 0.0) -> None:
        """Cut off all runs and hand their jobs back, within `timeout` seconds.

        This includes jobs whose claim is in progress, since it may already be stored. A run in a call
        that must not be made twice is cut off when the call has ended, after `patience` seconds, or
        when `hasten` is called. `timeout` counts from the last of these.
        """
        self.places.close()
        await self._drain.run(
            lambda: bool(self._running or self._reserved), timeout, patience, self.on_wait
        )

    def hasten(self) -> None:
        """Make a drain stop waiting for calls."""
        self._drain.hasten()
