"""Where a run writes its events: the boundary between running a crew and keeping its log."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from common.contracts.crew import CrewSnapshot
from executor.domain.log.events import EventDraft, LogEntry


class Superseded(Exception):  # noqa: N818 - it says what happened to the writer
    """The job has ended or belongs to another worker; this run must stop and write nothing more."""


class TooLarge(Exception):  # noqa: N818 - it names what the run made
    """A run made more than its job can keep; the text says what and how much."""


class Journal(Protocol):
    """The log of one job, for its one writer.

    The job's state (status, progress, current task, each task's status and output, usage, result,
    error) follows from the events alone; the journal derives it and stores both in one write.
    """

    def append(self, *drafts: EventDraft) -> None:
        """Put events in line.

        They are stored in order; those put in line with no await between them, and those that wait
        while a write is under way, go out in one write. Raises `TooLarge` for one that cannot be
        kept.
        """

    async def flush(self) -> None:
        """Return when everything in line is stored.

        Raises `Superseded`, or `Unavailable` when the store stays away for longer than the journal
        is willing to wait.
        """

    def effect(self) -> AbstractAsyncContextManager[None]:
        """Return a block to change something outside in that must not happen twice.

        Before it is entered, everything in line is stored and the job is known to be this writer's
        still; a worker that drains waits a while for its end. Raises as `flush`.
        """


@dataclass(frozen=True, slots=True)
class Job:
    """What a run works on.

    `history` is every event of the job so far, from `seq` 1, the claim's `execution_start` or
    `execution_resumed` last; folding it tells what is already done.
    """

    job_id: str
    workspace_id: str
    crew_id: str
    attempt: int
    inputs: Mapping[str, Any]
    snapshot: CrewSnapshot
    history: Sequence[LogEntry]


class CrewRunner(Protocol):
    """Runs crews. `executor.engine` fulfils it."""

    async def run(self, job: Job, journal: Journal) -> None:
        """Run `job` from the first thing its history does not have, to its end.

        The last event it appends is terminal (`execution_complete` or `error`) or
        `input_required`. It may be cancelled at any await and then appends nothing more. Every
        failure of a model, tool or task becomes an `error` event; what it raises (but `Superseded`
        and `Unavailable`) is a bug.
        """
