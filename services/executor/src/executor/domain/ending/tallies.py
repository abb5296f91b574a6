"""Totals of a workspace's runs: counters per crew and month."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from common.contracts.events import ExecutionStatus, ModelUsage
from executor.domain.budgets.amounts import amount_of
from executor.domain.log.execution import Execution
from executor.domain.log.records import json_bytes

UNKNOWN_MODEL = "unknown"
"""Stands for the models of jobs that ended before that was counted."""
DEFAULT_ESTIMATE = 300
"""Estimated seconds of a run whose crew has never completed one."""


@dataclass(frozen=True, slots=True)
class Ending:
    """One ended job, as counted. `month` is `YYYY-MM` of its end, in UTC; `day` is `YYYY-MM-DD`.

    `stored` is roughly how many bytes it takes in the store, `models` what it used by the model.
    """

    job_id: str
    month: str
    status: ExecutionStatus
    tokens: int
    seconds: float
    stored: int = 0
    day: str = ""
    models: Mapping[str, ModelUsage] = field(default_factory=dict)
    replay: bool = False


@dataclass(frozen=True, slots=True)
class Tally:
    """Sums over ended jobs. `timed` counts those that had started and so have a duration.

    Of the ended and of the completed, `replays` and `completed_replays` are replays. Those say nothing of how well and
    how fast a crew works, so no rate and no time includes them.
    """

    completed: int = 0
    failed: int = 0
    stopped: int = 0
    tokens: int = 0
    timed: int = 0
    seconds: float = 0.0
    completed_seconds: float = 0.0
    replays: int = 0
    completed_replays: int = 0

    @property
    def executions(self) -> int:
        """How many have ended, with replays."""
        return self.completed + self.failed + self.stopped

    @property
    def runs(self) -> int:
        """How many have ended that were no replays."""
        return self.executions - self.replays

    @property
    def completed_runs(self) -> int:
        return self.completed - self.completed_replays

    @property
    def success_rate(self) -> float:
        return round(self.completed_runs / self.runs, 4) if self.runs else 0.0

    @property
    def avg_duration(self) -> float:
        return round(self.seconds / self.timed, 3) if self.timed else 0.0

    def plus(self, other: "Tally") -> "Tally":
        return Tally(
            self.completed + other.completed,
            self.failed + other.failed,
            self.stopped + other.stopped,
            self.tokens + other.tokens,
            self.timed + other.timed,
            self.seconds + other.seconds,
            self.completed_seconds + other.completed_seconds,
            self.replays + other.replays,
            self.completed_replays + other.completed_replays,
        )

    def of_status(self, status: ExecutionStatus) -> int:
        """Return how many jobs ended as `status`; 0 for a status that is not final."""
        return {
            ExecutionStatus.COMPLETED: self.completed,
            ExecutionStatus.FAILED: self.failed,
            ExecutionStatus.STOPPED: self.stopped,
        }.get(status, 0)


@dataclass(frozen=True, slots=True)
class ModelUse:
    """What requests to models used, summed up. `nano` is in billionths of a US dollar.

    `unpriced` are those of the tokens whose cost is not known; it is in no sum of `nano`.
    """

    requests: int = 0
    input: int = 0
    output: int = 0
    nano: int = 0
    unpriced: int = 0

    def plus(self, other: "ModelUse") -> "ModelUse":
        return ModelUse(
            self.requests + other.requests,
            self.input + other.input,
            self.output + other.output,
            self.nano + other.nano,
            self.unpriced + other.unpriced,
        )


def use_of(usage: ModelUsage) -> ModelUse:
    """Return `usage` as it is summed up. A cost that is not known counts as none."""
    amount = amount_of(usage)
    unpriced = amount.tokens if usage.cost_usd is None else 0
    return ModelUse(usage.requests, usage.input_tokens, usage.output_tokens, amount.nano, unpriced)


@dataclass(frozen=True, slots=True)
class DayUse:
    """What a crew's jobs that ended on one day have used, by the model."""

    crew_id: str
    day: str
    tally: Tally
    models: Mapping[str, ModelUse]


@dataclass(frozen=True, slots=True)
class CrewStats:
    """One crew's tallies by month.

    `recent` are the counted jobs that may not be closed yet; empty unless requested.
    """

    crew_id: str
    months: Mapping[str, Tally] = field(default_factory=dict)
    recent: frozenset[str] = frozenset()
    uses: Mapping[str, ModelUse] = field(default_factory=dict)
    """What its jobs used, by month."""

    @property
    def total(self) -> Tally:
        return sum_tallies(self.months.values())


def sum_tallies(tallies: Iterable[Tally]) -> Tally:
    """Return the sum of `tallies`."""
    total = Tally()
    for tally in tallies:
        total = total.plus(tally)
    return total


def tally(endings: Iterable[Ending]) -> Tally:
    """Return the totals of `endings`."""
    return sum_tallies(_tally_of(ending) for ending in endings)


def _tally_of(ending: Ending) -> Tally:
    completed = ending.status == ExecutionStatus.COMPLETED
    seconds = 0.0 if ending.replay else ending.seconds
    return Tally(
        completed=completed,
        failed=ending.status == ExecutionStatus.FAILED,
        stopped=ending.status == ExecutionStatus.STOPPED,
        tokens=ending.tokens,
        timed=seconds > 0,
        seconds=seconds,
        completed_seconds=seconds if completed else 0.0,
        replays=ending.replay,
        completed_replays=ending.replay and completed,
    )


def ending_of(job: Execution) -> Ending:
    """Return how the ended `job` is counted."""
    state = job.state
    ended = state.finished_at or job.created_at
    seconds = (ended - state.started_at).total_seconds() if state.started_at else 0.0
    return Ending(
        job.job_id,
        ended.strftime("%Y-%m"),
        job.status,
        state.usage.input_tokens + state.usage.output_tokens,
        max(seconds, 0.001) if state.started_at else 0.0,
        stored_bytes(job),
        ended.strftime("%Y-%m-%d"),
        job.state.models or ({UNKNOWN_MODEL: state.usage} if state.usage.requests else {}),
        replay=job.replay is not None,
    )


_DOCUMENT, _EVENT = 2_000, 150
"""Bytes that a job and an event take besides the text of users, models and tools."""


def stored_bytes(job: Execution) -> int:
    """Return roughly how many bytes a job takes, taking its newest events as typical of all."""
    newest = sum(len(record.frame) + len(record.private or b"") for record in job.tail)
    events = newest * job.seq // len(job.tail) if job.tail else 0
    crew = 0 if job.snapshot is None else len(job.snapshot.model_dump_json())
    inputs = len(json_bytes(job.inputs))
    outputs = sum(len(json_bytes(task.output)) for task in job.state.tasks if task.output)
    return _DOCUMENT + crew + inputs + outputs + events + _EVENT * job.seq


def estimate(stats: CrewStats | None) -> int:
    """Return how many seconds a crew's next run is likely to take."""
    total = stats.total if stats is not None else Tally()
    if not total.completed_runs:
        return DEFAULT_ESTIMATE
    return max(1, round(total.completed_seconds / total.completed_runs))
