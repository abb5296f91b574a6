"""The crews of running jobs: those that are the same are held once."""

from dataclasses import replace
from weakref import WeakValueDictionary

from common.contracts.crew import CrewSnapshot
from executor.domain.log.execution import Execution


class SharedSnapshots:
    """The latest snapshot of each crew, for as long as a job that has it runs.

    Each job comes with a copy of its own. Hundreds of jobs of one crew would hold as many, and for a job that
    waits for its model the copy is a fifth of what it takes.
    """

    def __init__(self) -> None:
        self._latest: WeakValueDictionary[str, CrewSnapshot] = WeakValueDictionary()

    def share(self, job: Execution) -> Execution:
        """Return `job` with the snapshot that other jobs of its crew have, if it is the same."""
        snapshot = job.snapshot
        if snapshot is None:
            return job
        latest = self._latest.get(job.crew_id)
        if latest is not None and _are_same(latest, snapshot):
            return replace(job, snapshot=latest)
        self._latest[job.crew_id] = snapshot
        return job


def _are_same(one: CrewSnapshot, other: CrewSnapshot) -> bool:
    # In settings and schemas 1, 1.0 and true are equal to Python, but not the same.
    return one == other and one.model_dump_json() == other.model_dump_json()
