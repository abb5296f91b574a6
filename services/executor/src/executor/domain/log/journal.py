"""Where a run writes its events: the boundary between running a crew and keeping its log."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from common.contracts.crew import CrewSnapshot
from executor.domain.log.events import EventDraft, LogEntry

PlayMode = Literal["recorded", "live"]
OnMiss = Literal["fail", "live"]


class Superseded(Exception):  # noqa: N818 - it says what happened to the writer
    """The job has ended or belongs to another worker. This run must stop and write nothing more."""


class TooLarge(Exception):  # noqa: N818 - it names what the run made
    """A run produced more than its job can store. The message says what and how much."""


class Journal(Protocol):
    """The log of one job, for its one writer.

    The job's state (status, progress, current task, each task's status and output, usage, result,
    error) follows from the events alone; the journal derives it and stores both in one write.
    """

    def append(self, *drafts: EventDraft) -> None:
        """Queue events to be stored in order.

        Events queued with no await between them, or during a write, share the next write. Raises
        `TooLarge` for an event that cannot be stored.
        """

    async def flush(self) -> None:
        """Return when all pending events are stored.

        Raises `Superseded`, or `Unavailable` if the store stays down for longer than the journal
        waits.
        """

    def effect(self) -> AbstractAsyncContextManager[None]:
        """Return a context in which to change something outside that must not happen twice.

        Entering it stores all pending events and confirms that the job still belongs to this writer. A
        draining worker waits a while for the block to end. Raises as `flush` does.
        """


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay takes from the recorded job `job_id`, and what it does where nothing the same is recorded."""

    job_id: str
    models: PlayMode = "recorded"
    tools: PlayMode = "recorded"
    on_miss: OnMiss = "fail"

    @property
    def strict(self) -> bool:
        """Whether everything has to come from the recording."""
        return (self.models, self.tools, self.on_miss) == ("recorded", "recorded", "fail")

    @property
    def may_cost(self) -> bool:
        """Whether a model may be asked for real."""
        return "live" in (self.models, self.on_miss)


@dataclass(frozen=True, slots=True)
class RecordedJob:
    """The recorded job of a replay: its crew and its whole log."""

    modes: Replay
    snapshot: CrewSnapshot
    history: Sequence[LogEntry]


@dataclass(frozen=True, slots=True)
class Job:
    """What a run works on.

    `history` is every event of the job so far, from `seq` 1 to the claim's `execution_start` or
    `execution_resumed`. Folding it shows what is already done. `replayed` is set in a replay.
    """

    job_id: str
    workspace_id: str
    crew_id: str
    attempt: int
    inputs: Mapping[str, Any]
    snapshot: CrewSnapshot
    history: Sequence[LogEntry]
    replayed: RecordedJob | None = None


class CrewRunner(Protocol):
    """Runs crews. `executor.engine` fulfils it."""

    async def run(self, job: Job, journal: Journal) -> None:
        """Run `job` to its end, starting with the first thing that its history lacks.

        The last event it appends is terminal (`execution_complete` or `error`) or
        `input_required`. It may be cancelled at any await and then appends nothing more. Every
        failure of a model, tool or task becomes an `error` event. Any exception other than
        `Superseded` and `Unavailable` is a bug.
        """
