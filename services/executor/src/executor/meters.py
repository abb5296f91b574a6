"""`Meters` over OpenTelemetry, read by Prometheus."""

from collections.abc import Iterable

from opentelemetry.metrics import CallbackOptions, Observation

from common.contracts.events import ExecutionStatus
from common.telemetry import Telemetry

WAITS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600)
"""Seconds that jobs wait and run, as buckets."""
REPLIES = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""Seconds of a model's reply: what OpenTelemetry's conventions for generative AI ask for."""
TOKENS = (1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576)
_MODELS = 100
"""Models told apart in metrics: users name them freely, and each name is a series of its own."""


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
        self._ended = meter.create_counter("kasal.jobs.ended", description="Jobs that ended")
        self._waited = meter.create_histogram(
            "kasal.jobs.queue.duration",
            unit="s",
            description="From submission to first claim",
            explicit_bucket_boundaries_advisory=WAITS,
        )
        self._ran = meter.create_histogram(
            "kasal.jobs.run.duration",
            unit="s",
            description="From first start to end",
            explicit_bucket_boundaries_advisory=WAITS,
        )
        self._replied = meter.create_histogram(
            "gen_ai.client.operation.duration",
            unit="s",
            description="Time a model took for a reply, tries included",
            explicit_bucket_boundaries_advisory=REPLIES,
        )
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            unit="{token}",
            description="Tokens that a request to a model used",
            explicit_bucket_boundaries_advisory=TOKENS,
        )
        self._models: set[str] = set()
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

    def ended(self, status: ExecutionStatus, seconds: float | None) -> None:
        self._ended.add(1, {"status": status.value})
        if seconds is not None:
            self._ran.record(seconds, {"status": status.value})

    def running(self, jobs: int) -> None:
        self._running = jobs

    def live(self, status: str, jobs: int) -> None:
        self._live[status] = jobs

    def asked(
        self, provider: str, model: str, seconds: float, tokens: tuple[int, int] | None
    ) -> None:
        if len(self._models) < _MODELS and tokens is not None:
            self._models.add(model)
        facts = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": model if model in self._models else "_OTHER",
        }
        if tokens is None:
            self._replied.record(seconds, {**facts, "error.type": "_OTHER"})
            return
        self._replied.record(seconds, facts)
        for kind, used in zip(("input", "output"), tokens, strict=True):
            self._tokens.record(used, {**facts, "gen_ai.token.type": kind})

    def _observe_running(self, _: CallbackOptions) -> Iterable[Observation]:
        return [Observation(self._running)]

    def _observe_live(self, _: CallbackOptions) -> Iterable[Observation]:
        return [Observation(jobs, {"status": status}) for status, jobs in self._live.items()]
