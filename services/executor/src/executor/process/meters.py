"""`Meters` over OpenTelemetry, read by Prometheus.

Names follow OpenTelemetry's semantic conventions where they exist; all others are `kasal.*`.
"""

import time
from collections.abc import Callable, Iterable, Mapping

from opentelemetry.metrics import CallbackOptions, Counter, Histogram, Meter, Observation

from common.contracts.events import FINAL_STATUSES, ExecutionStatus
from common.telemetry import LocalCounter, Telemetry
from executor.domain.meters import Census, OutboxSize

WAITS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600)
"""Buckets for the seconds that jobs wait and run."""
REPLIES = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""Buckets for the seconds of a model's reply, from OpenTelemetry's conventions for generative AI."""
TOKENS = (1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576)
_NAMES = 100
"""Names of models, and of tools, that get a series of their own: users can choose any name."""
OTHER = "_OTHER"

Labels = dict[str, str]


class OpenTelemetryMeters:
    """Fulfils `Meters`."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._meter = telemetry.meter
        self._jobs = _JobMeters(telemetry.meter)
        self._agents = _AgentMeters(telemetry.meter)
        self._everywhere = _CensusMeters(telemetry.meter)

    def count_appended(self, events: int) -> None:
        self._jobs.events.add(events)
        self._jobs.writes.add()

    def count_claim(self, waited: float | None, *, lost: bool) -> None:
        self._jobs.claims.add(1)
        if lost:
            self._jobs.lost.add(1)
        if waited is not None:
            self._jobs.waited.record(waited)

    def count_ended(self, status: ExecutionStatus, seconds: float | None, error: str = "") -> None:
        labels = {"status": status.value}
        self._jobs.ended.add(1, _with_error(labels, error))
        if seconds is not None:
            self._jobs.ran.record(seconds, labels)

    def count_superseded(self) -> None:
        self._jobs.superseded.add(1)

    def set_running(self, jobs: int) -> None:
        self._jobs.running.set(jobs)

    def record_census(self, census: Census) -> None:
        self._everywhere.census = census

    def measure_task(self, seconds: float, *, failed: bool) -> None:
        self._jobs.task.record(seconds, {"status": "failed" if failed else "completed"})

    def measure_agent(self, seconds: float, error: str = "") -> None:
        self._agents.agent.record(seconds, _with_error(_operation("invoke_agent"), error))

    def measure_reply(
        self, provider: str, model: str, seconds: float, tokens: tuple[int, int]
    ) -> None:
        labels = self._agents.of_model(provider, self._agents.models.admit(model))
        self._agents.replied.record(seconds, labels)
        for kind, used in zip(("input", "output"), tokens, strict=True):
            self._agents.tokens.record(used, {**labels, "gen_ai.token.type": kind})

    def measure_refusal(self, provider: str, model: str, seconds: float, error: str) -> None:
        # Only a model that has replied is known to exist: any other name may be a typo.
        labels = self._agents.of_model(provider, self._agents.models.label(model))
        self._agents.replied.record(seconds, _with_error(labels, error))

    def count_retry(self, provider: str, error: str) -> None:
        self._agents.again.add(1, _with_error({"gen_ai.provider.name": provider}, error))

    def measure_tool_call(self, tool: str, seconds: float, error: str = "") -> None:
        name = self._agents.tools.admit(tool)
        labels = {**_operation("execute_tool"), "gen_ai.tool.name": name}
        self._agents.tool.record(seconds, _with_error(labels, error))

    def observe_slots(self, slots: int) -> None:
        """Report how many jobs this process may run at once."""
        self._jobs.running.set(0)
        self._meter.create_gauge(
            "kasal.worker.slots", description="Jobs that this process may run at once"
        ).set(slots)

    def observe_outbox(self, *parts: Callable[[], OutboxSize]) -> None:
        """Report the sum of the outbox sizes that `parts` return."""

        def observe(what: Callable[[OutboxSize], float]) -> Callable[[CallbackOptions], _Seen]:
            return lambda _: [Observation(sum(what(part()) for part in parts))]

        def age(_: CallbackOptions) -> Iterable[Observation]:
            since = [found for part in parts if (found := part().since) is not None]
            return [Observation(time.monotonic() - min(since) if since else 0.0)]

        self._meter.create_observable_gauge(
            "kasal.outbox.events",
            [observe(lambda part: part.events)],
            description="Events of running jobs that are stored and not published",
        )
        self._meter.create_observable_gauge(
            "kasal.outbox.jobs",
            [observe(lambda part: part.jobs)],
            description="Jobs that have ended and are not settled: published, counted, closed",
        )
        self._meter.create_observable_gauge(
            "kasal.outbox.age",
            [age],
            unit="s",
            description="How long the bus has confirmed nothing of what waits longest",
        )


_Seen = Iterable[Observation]


class _Names:
    """The names that get their own series: the first hundred."""

    def __init__(self) -> None:
        self._names: set[str] = set()

    def admit(self, name: str) -> str:
        """Return the label for `name`, which is added if there is room for it."""
        if len(self._names) < _NAMES:
            self._names.add(name)
        return self.label(name)

    def label(self, name: str) -> str:
        return name if name in self._names else OTHER


class _JobMeters:
    """The instruments for jobs in this process."""

    def __init__(self, meter: Meter) -> None:
        self.events = LocalCounter(meter, "kasal.events.appended", "Events stored")
        self.writes = LocalCounter(meter, "kasal.journal.writes", "Writes that appended events")
        self.claims = meter.create_counter("kasal.jobs.claimed", description="Claims of jobs")
        self.lost = _from_zero(
            meter.create_counter("kasal.claims.lost", description="Jobs taken from dead workers")
        )
        self.superseded = _from_zero(
            meter.create_counter(
                "kasal.runs.superseded",
                description="Runs stopped because their job had ended or was another worker's",
            )
        )
        self.ended = meter.create_counter("kasal.jobs.ended", description="Jobs that ended")
        for status in FINAL_STATUSES:
            self.ended.add(0, {"status": status.value})
        self.running = meter.create_gauge(
            "kasal.jobs.running", description="Jobs this process runs"
        )
        self.waited = _seconds(
            meter, "kasal.jobs.queue.duration", "From submission to first claim", WAITS
        )
        self.ran = _seconds(meter, "kasal.jobs.run.duration", "From first start to end", WAITS)
        self.task = _seconds(
            meter, "kasal.tasks.duration", "From a task's start to its output or failure", WAITS
        )


class _AgentMeters:
    """The instruments for agents, models and tools."""

    def __init__(self, meter: Meter) -> None:
        self.models, self.tools = _Names(), _Names()
        self.agent = _seconds(
            meter, "gen_ai.invoke_agent.duration", "Time an agent worked on a task", REPLIES
        )
        self.replied = _seconds(
            meter,
            "gen_ai.client.operation.duration",
            "Time a model took for a reply, tries included",
            REPLIES,
        )
        self.tool = _seconds(
            meter, "gen_ai.execute_tool.duration", "Time a tool call took", REPLIES
        )
        self.tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            unit="{token}",
            description="Tokens that a request to a model used",
            explicit_bucket_boundaries_advisory=TOKENS,
        )
        self.again = meter.create_counter(
            "kasal.model.retries", description="Requests to models that were tried again"
        )

    def of_model(self, provider: str, model: str) -> Labels:
        named = {"gen_ai.provider.name": provider, "gen_ai.request.model": model}
        return {**_operation("chat"), **named}


class _CensusMeters:
    """Gauges over the newest census, the same in whichever process reports them."""

    def __init__(self, meter: Meter) -> None:
        self.census = Census()
        for name, observe, unit, described in (
            ("kasal.jobs.live", self._jobs, "", "Jobs by status, over all processes"),
            ("kasal.jobs.queue.age", self._oldest, "s", "How long the oldest queued job waits"),
            ("kasal.workers.live", self._workers, "", "Workers whose lease is alive"),
            ("kasal.queue.messages", self._messages, "", "Messages that wait in a queue"),
            ("kasal.queue.consumers", self._consumers, "", "Consumers of a queue"),
        ):
            meter.create_observable_gauge(name, [observe], unit=unit, description=described)

    def _jobs(self, _: CallbackOptions) -> _Seen:
        return _observations("status", self.census.jobs or {})

    def _oldest(self, _: CallbackOptions) -> _Seen:
        oldest = self.census.oldest_queued
        return [] if oldest is None else [Observation(oldest)]

    def _workers(self, _: CallbackOptions) -> _Seen:
        workers = self.census.workers
        return [] if workers is None else [Observation(workers)]

    def _messages(self, _: CallbackOptions) -> _Seen:
        depths = {name: depth[0] for name, depth in (self.census.queues or {}).items()}
        return _observations("messaging.destination.name", depths)

    def _consumers(self, _: CallbackOptions) -> _Seen:
        depths = {name: depth[1] for name, depth in (self.census.queues or {}).items()}
        return _observations("messaging.destination.name", depths)


def _from_zero(counter: Counter) -> Counter:
    """Create the series at 0: an alert cannot see the increase to a first value."""
    counter.add(0)
    return counter


def _observations(label: str, values: Mapping[str, int]) -> _Seen:
    return [Observation(value, {label: name}) for name, value in values.items()]


def _operation(name: str) -> Labels:
    return {"gen_ai.operation.name": name}


def _with_error(labels: Labels, error: str) -> Labels:
    return {**labels, "error.type": error} if error else labels


def _seconds(meter: Meter, name: str, described: str, buckets: tuple[float, ...]) -> Histogram:
    return meter.create_histogram(
        name, unit="s", description=described, explicit_bucket_boundaries_advisory=buckets
    )
