"""What is counted, for `/metrics`, by OpenTelemetry."""

from collections.abc import Callable, Iterable

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from events.domain.ports import LIMITS


class OpenTelemetryRelayMeters:
    """The `RelayMeters` of a process. None is touched per frame."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._open = meter.create_up_down_counter(
            "kasal.events.connections", description="Open sockets and streams"
        )
        self._relayed = meter.create_counter(
            "kasal.events.relayed", description="Live events passed on, counted once per client"
        )
        self._slow = meter.create_counter(
            "kasal.events.slow_clients_closed", description="Clients closed for reading too slowly"
        )
        self._gaps = meter.create_counter(
            "kasal.events.gaps_healed",
            description="Times events had not come over the bus and were read from the store",
        )

        self._limits = meter.create_counter(
            "kasal.events.limit_hits",
            description="Connections and subscriptions refused because a limit is reached",
        )
        # There from the start: an alert would not see a first count appear.
        self._slow.add(0)
        self._gaps.add(0)
        for limit in LIMITS:
            self._limits.add(0, {"limit": limit})

    def count_opened(self, kind: str) -> None:
        self._open.add(1, {"kind": kind})

    def count_closed(self, kind: str) -> None:
        self._open.add(-1, {"kind": kind})

    def count_relayed(self, frames: int) -> None:
        self._relayed.add(frames)

    def count_slow_client(self) -> None:
        self._slow.add(1)

    def count_limit_hit(self, limit: str) -> None:
        """Count a refusal; `limit` is one of `LIMITS`."""
        self._limits.add(1, {"limit": limit})

    def count_healed_gap(self) -> None:
        self._gaps.add(1)

    def observe_job_count(self, count: Callable[[], int]) -> None:
        """Report `count()` as the number of watched jobs."""

        def observe(_: CallbackOptions) -> Iterable[Observation]:
            return [Observation(count())]

        self._meter.create_observable_gauge(
            "kasal.events.watched_jobs", [observe], description="Jobs that someone watches"
        )
