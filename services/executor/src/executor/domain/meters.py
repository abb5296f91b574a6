"""What is counted about jobs: plain calls here, OpenTelemetry behind them."""

from typing import Protocol

from common.contracts.events import ExecutionStatus


class Meters(Protocol):
    """Counts and times, told as they happen. Times are seconds."""

    def appended(self, events: int) -> None:
        """One write appended that many events."""

    def claimed(self, waited: float | None, *, lost: bool) -> None:
        """A job was claimed: for the first time after `waited`, or again from a dead owner."""

    def ended(self, status: ExecutionStatus, seconds: float | None) -> None:
        """A job ended, that long after its first start; None if it never started."""

    def running(self, jobs: int) -> None:
        """That many jobs run in this process now."""

    def live(self, status: str, jobs: int) -> None:
        """That many jobs have this status, over all processes."""

    def asked(
        self, provider: str, model: str, seconds: float, tokens: tuple[int, int] | None
    ) -> None:
        """A model gave a reply that used `tokens` (in, out), or None: it gave none."""


class NoMeters:
    """Counts nothing."""

    def appended(self, events: int) -> None:
        pass

    def claimed(self, waited: float | None, *, lost: bool) -> None:
        pass

    def ended(self, status: ExecutionStatus, seconds: float | None) -> None:
        pass

    def running(self, jobs: int) -> None:
        pass

    def live(self, status: str, jobs: int) -> None:
        pass

    def asked(
        self, provider: str, model: str, seconds: float, tokens: tuple[int, int] | None
    ) -> None:
        pass
