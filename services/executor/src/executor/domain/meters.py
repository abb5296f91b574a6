"""Metrics about jobs: plain calls here, OpenTelemetry behind them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from common.contracts.events import ExecutionStatus


@dataclass(frozen=True, slots=True)
class OutboxSize:
    """What a process has stored but not yet published: events of runs, and ended jobs.

    `since` is the `time.monotonic` since which the oldest of them has waited.
    """

    events: int = 0
    jobs: int = 0
    since: float | None = None


@dataclass(frozen=True, slots=True)
class Census:
    """Totals over all processes: jobs by status, messages and consumers by queue.

    `oldest_queued` is how many seconds the oldest queued job has waited, or 0 if none is queued. A
    figure is None if its backend did not answer.
    """

    jobs: Mapping[str, int] | None = None
    oldest_queued: float | None = None
    workers: int | None = None
    queues: Mapping[str, tuple[int, int]] | None = None


class Meters(Protocol):
    """Records counts and durations as they happen. Durations are in seconds."""

    def count_appended(self, events: int) -> None:
        """Count one write that appended `events` events."""

    def count_claim(self, waited: float | None, *, lost: bool) -> None:
        """Count a claim: the first one after `waited` seconds, or one that took a dead worker's job."""

    def count_ended(self, status: ExecutionStatus, seconds: float | None, error: str = "") -> None:
        """Count a job that ended `seconds` after its first start, or None if it never started.

        `error` is the error code of a failed job.
        """

    def count_superseded(self) -> None:
        """Count a run that stopped because its job had ended or belonged to another worker."""

    def set_running(self, jobs: int) -> None:
        """Set how many jobs run in this process."""

    def record_census(self, census: Census) -> None:
        """Replace the census that the gauges report."""

    def measure_task(self, seconds: float, *, failed: bool) -> None:
        """Record how long a task took, not counting the time it waited for a person."""

    def measure_agent(self, seconds: float, error: str = "") -> None:
        """Record how long an agent worked on a task, or on the part delegated to it."""

    def measure_reply(
        self, provider: str, model: str, seconds: float, tokens: tuple[int, int]
    ) -> None:
        """Record a model's reply and the `tokens` (in, out) it used."""

    def measure_refusal(self, provider: str, model: str, seconds: float, error: str) -> None:
        """Record a model call that failed after all its tries, with the error code."""

    def count_retry(self, provider: str, error: str) -> None:
        """Count a retry of a request to a model."""

    def measure_tool_call(self, tool: str, seconds: float, error: str = "") -> None:
        """Record a tool call; `error` is empty if it succeeded."""


class NoMeters:
    """Counts nothing."""

    def count_appended(self, events: int) -> None:
        pass

    def count_claim(self, waited: float | None, *, lost: bool) -> None:
        pass

    def count_ended(self, status: ExecutionStatus, seconds: float | None, error: str = "") -> None:
        pass

    def count_superseded(self) -> None:
        pass

    def set_running(self, jobs: int) -> None:
        pass

    def record_census(self, census: Census) -> None:
        pass

    def measure_task(self, seconds: float, *, failed: bool) -> None:
        pass

    def measure_agent(self, seconds: float, error: str = "") -> None:
        pass

    def measure_reply(
        self, provider: str, model: str, seconds: float, tokens: tuple[int, int]
    ) -> None:
        pass

    def measure_refusal(self, provider: str, model: str, seconds: float, error: str) -> None:
        pass

    def count_retry(self, provider: str, error: str) -> None:
        pass

    def measure_tool_call(self, tool: str, seconds: float, error: str = "") -> None:
        pass
