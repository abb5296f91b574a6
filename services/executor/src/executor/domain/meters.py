"""What is counted about jobs: plain calls here, OpenTelemetry behind them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from common.contracts.events import ExecutionStatus


@dataclass(frozen=True, slots=True)
class OutboxSize:
    """What a process has stored and the bus has not: events of runs, jobs that have ended.

    `since` is the `time.monotonic` at which the first of them began to wait.
    """

    events: int = 0
    jobs: int = 0
    since: float | None = None


@dataclass(frozen=True, slots=True)
class Census:
    """What was counted. `jobs` are by status, `queues` have messages and consumers by name.

    `oldest_queued` is how many seconds the oldest queued job has waited, 0 without any. What could
    not be asked is None.
    """

    jobs: Mapping[str, int] | None = None
    oldest_queued: float | None = None
    workers: int | None = None
    queues: Mapping[str, tuple[int, int]] | None = None


class Meters(Protocol):
    """Counts and times, told as they happen. Times are seconds."""

    def count_appended(self, events: int) -> None:
        """One write appended that many events."""

    def count_claim(self, waited: float | None, *, lost: bool) -> None:
        """A job was claimed: for the first time after `waited`, or again from a dead owner."""

    def count_ended(self, status: ExecutionStatus, seconds: float | None, error: str = "") -> None:
        """A job ended, that long after its first start; None if it never started.

        `error` is the code of the error that a failed one ended with.
        """

    def count_superseded(self) -> None:
        """A run stopped because its job had ended or belonged to another worker."""

    def set_running(self, jobs: int) -> None:
        """That many jobs run in this process now."""

    def record_census(self, census: Census) -> None:
        """That is how jobs, workers and queues stand over all processes."""

    def measure_task(self, seconds: float, *, failed: bool) -> None:
        """A task of a job ended after so long, waiting for a person left out."""

    def measure_agent(self, seconds: float, error: str = "") -> None:
        """An agent ended its work on a task, or on a part of it that it was handed."""

    def measure_reply(
        self, provider: str, model: str, seconds: float, tokens: tuple[int, int]
    ) -> None:
        """A model gave a reply that used `tokens` (in, out)."""

    def measure_refusal(self, provider: str, model: str, seconds: float, error: str) -> None:
        """A model gave no reply, tries included; `error` is the fault's code."""

    def count_retry(self, provider: str, error: str) -> None:
        """A request to a model is tried again."""

    def measure_tool_call(self, tool: str, seconds: float, error: str = "") -> None:
        """A tool gave a result, or an error."""


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
