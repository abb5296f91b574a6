"""`Meters` over OpenTelemetry, read by Prometheus."""

from collections.abc import Iterable

from opentelemetry.metrics import CallbackOptions, Observation

from common.contracts.events import ExecutionStatus
from common.telemetry import Telemetry


class OpenTelemetryMeters:
    """Fulfils `Meters`."""

    def __init__(self, telemetry: Telemetry) -> None:
        meter = telemetry.meter
        self._running = 0
        self._live: dict[str, int] = {}
        self._events = meter.create_counter("kasal.events.appended", description="Events stored")
        self._writes = meter.create_counter(
            "kasal.journal.writes", description="Writes that appended events"
        )
        self._claims = meter.create_counter("kasal.jobs.claimed", description="Claims of jobs")
        self._lost = meter.create_counter(
            "kasal.claims.lost", description="Jobs taken over from dead workers"
        )
        self._ended = meter.create_counter("kasal.jobs.ended", description="Runs that ended a job")
        self._waited = meter.create_histogram(
            "kasal.jobs.queue.duration", unit="s", description="From submission to first claim"
        )
        self._ran = meter.create_histogram(
            "kasal.jobs.run.duration", unit="s", description="From first start to end"
        )
        meter.create_observable_gauge(
            "kasal.jobs.running", [self._observe_running], description="Jobs this process runs"
        )
        meter.create_observable_gauge(
            "kasal.jobs.live", [self._observe_live], description="Jobs by status, everywhere"
        )

    def appended(self, events: int) -> None:
        self._events.add(events)
        self._writes.add(1)

    def claimed(self, waited: float | None, *, lost: bool) -> None:
        self._claims.add(1)
        if lost:
            self._lost.add(1)
        if waited is not None:
            self._waited.record(waited)

    def ended(self, status: ExecutionStatus, seconds: float) -> None:
        self._ended.add(1, {"status": status.value})
        self._ran.record(seconds, {"status": status.value})

    def running(self, jobs: int) -> None:
        self._running = jobs

    def live(self, status: str, jobs: int) -> None:
        self._live[status] = jobs

    def _observe_running(self, _: CallbackOptions) -> Iterable[Observation]:
        return [Observation(self._running)]

    def _observe_live(self, _: CallbackOptions) -> Iterable[Observation]:
        return [Observation(jobs, {"status": status}) for status, jobs in self._live.items()]
