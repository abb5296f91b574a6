"""What is counted about jobs: plain calls here, OpenTelemetry behind them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from common.contracts.events import ExecutionStatus


@dataclass(frozen=True, slots=True)
class Unpublished:
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

    def appended(self, events: int) -> None:
        """One write appended that many events."""

    def claimed(self, waited: float | None, *, lost: bool) -> None:
        """A job was claimed: for the first time after `waited`, or again from a dead owner."""

    def ended(self, status: ExecutionStatus, seconds: float | None, error: str = "") -> None:
        """A job ended, that long after its first start; None if it never started.

        `error` is the code of the error that a failed one ended with.
        """

    def superseded(self) -> None:
        """A run stopped because its job had ended or belonged to another worker."""

    def running(self, jobs: int) -> None:
        """That many jobs run in this process now."""

    def counted(self, census: Census) -> None:
        """That is how jobs, workers and queues stand over all processes."""

    def task_done(self, seconds: float, *, failed: bool) -> None:
        """A task of a job ended after so long, waiting for a person left out."""

    def agent_done(self, seconds: float, error: str = "") -> None:
        """An agent ended its work on a task, or on a part of it that it was handed."""

    def asked(self, provider: str, model: str, seconds: float, tokens: tuple[int, int]) -> None:
        """A model gave a reply that used `tokens` (in, out)."""

    def refused(self, provider: str, model: str, seconds: float, error: str) -> None:
        """A model gave no reply, tries included; `error` is the fault's code."""

    def asked_again(self, provider: str, error: str) -> None:
        """A request to a model is tried again."""

    def called(self, tool: str, seconds: float, error: str = "") -> None:
        """A tool gave a result, or an error."""


class NoMeters:
    """Counts nothing."""

    def appended(self, events: int) -> None:
        pass

    def claimed(self, waited: float | None, *, lost: bool) -> None:
        pass

    def ended(self, status: ExecutionStatus, seconds: float | None, error: str = "") -> None:
        pass

    def superseded(self) -> None:
        pass

    def running(self, jobs: int) -> None:
        pass

    def counted(self, census: Census) -> None:
        pass

    def task_done(self, seconds: float, *, failed: bool) -> None:
        pass

    def agent_done(self, seconds: float, error: str = "") -> None:
        pass

    def asked(self, provider: str, model: str, seconds: float, tokens: tuple[int, int]) -> None:
        pass

    def refused(self, provider: str, model: str, seconds: float, error: str) -> None:
        pass

    def asked_again(self, provider: str, error: str) -> None:
        pass

    def called(self, tool: str, seconds: float, error: str = "") -> None:
        pass
