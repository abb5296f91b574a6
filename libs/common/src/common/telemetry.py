"""Traces and metrics: one provider and one registry per service, even if several share a process.

Spans are recorded only if an exporter is configured. Trace ids are created and passed on in any case,
through HTTP and AMQP headers (W3C Trace Context).
"""

import platform
import threading
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from importlib.metadata import version
from typing import Any

from opentelemetry.context import Context
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.resources import (
    PROCESS_RUNTIME_VERSION,
    SERVICE_NAME,
    SERVICE_VERSION,
    Resource,
)
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, ParentBased, StaticSampler
from opentelemetry.semconv.schemas import Schemas
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    TraceFlags,
    Tracer,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import CollectorRegistry

_PROPAGATOR = TraceContextTextMapPropagator()
_IDS = RandomIdGenerator()
_PROCESS = "kasal.process"
_CONVENTIONS = Schemas.V1_44_0.value
"""The version of OpenTelemetry's semantic conventions that names follow."""
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""Buckets of durations, as OpenTelemetry's semantic conventions have them; the SDK's own are made for
milliseconds."""
_FLUSH_WITHIN = 1.0
"""Seconds for which a process that ends waits for its last spans to be exported."""


class Telemetry:
    """A service's tracer, meter and Prometheus registry.

    `process` distinguishes the kinds of processes of a service.
    """

    def __init__(
        self,
        service: str,
        otlp_endpoint: str | None = None,
        spans: SpanProcessor | None = None,
        process: str = "",
    ) -> None:
        self.service = service
        self.registry = CollectorRegistry()
        resource = Resource.create(_resource_attributes(service, process))
        processors = [p for p in (spans, _otlp(otlp_endpoint)) if p is not None]
        self.recording = bool(processors)
        sampler = (
            ParentBased(StaticSampler(Decision.RECORD_AND_SAMPLE)) if processors else ALWAYS_OFF
        )
        self._traces = TracerProvider(sampler=sampler, resource=resource, shutdown_on_exit=False)
        for processor in processors:
            self._traces.add_span_processor(processor)
        self._metrics = MeterProvider(
            metric_readers=[_reader(self.registry)],
            resource=resource,
            exemplar_filter=AlwaysOffExemplarFilter(),  # the Prometheus exporter serves none
            shutdown_on_exit=False,
        )
        scope = ("kasal", version("kasal-common"))
        self.tracer: Tracer = self._traces.get_tracer(*scope, schema_url=_CONVENTIONS)
        self.meter: Meter = self._metrics.get_meter(*scope, schema_url=_CONVENTIONS)

    def close(self) -> None:
        """Export the remaining spans and stop; a collector that is down does not delay this."""
        if self.recording:
            sending = threading.Thread(target=self._traces.shutdown, daemon=True)
            sending.start()
            sending.join(_FLUSH_WITHIN)
        self._metrics.shutdown()


def _no_attributes(_: str) -> Mapping[str, str]:
    return {}


class LocalCounter:
    """A counter for hot paths: `add` only adds, and the meter reads the sums when it is scraped.

    There is a sum for each key, with the attributes that `attributes` returns for it. A meter takes
    one such counter of each name.
    """

    def __init__(
        self,
        meter: Meter,
        name: str,
        description: str,
        *,
        unit: str = "",
        attributes: Callable[[str], Mapping[str, str]] = _no_attributes,
    ) -> None:
        self._sums: dict[str, int] = {}
        self._attributes = attributes
        meter.create_observable_counter(name, [self._observe], unit, description)

    def add(self, amount: int = 1, key: str = "") -> None:
        """Add `amount` to the sum of `key`; only the thread of the event loop may."""
        self._sums[key] = self._sums.get(key, 0) + amount

    def _observe(self, _: CallbackOptions) -> Iterable[Observation]:
        sums = list(self._sums.items())  # at once: scrapes have threads of their own
        return [Observation(total, self._attributes(key)) for key, total in sums]


def _resource_attributes(service: str, process: str) -> dict[str, str]:
    """Return the attributes of this process in spans and `target_info`."""
    named = {
        SERVICE_NAME: service,
        SERVICE_VERSION: version("kasal-common"),
        PROCESS_RUNTIME_VERSION: platform.python_version(),
    }
    return {**named, _PROCESS: process} if process else named


def _reader(registry: CollectorRegistry) -> PrometheusMetricReader:
    # On every sample, to distinguish services that share a process.
    return PrometheusMetricReader(
        registry=registry,
        scope_info_enabled=False,
        resource_attribute_filter=lambda name: name in {SERVICE_NAME, _PROCESS},
    )


def _otlp(endpoint: str | None) -> SpanProcessor | None:
    if endpoint is None:
        return None
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    return BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces"))


def inject(headers: MutableMapping[str, str], context: Context | None = None) -> None:
    """Write the current span into `headers` as `traceparent`."""
    _PROPAGATOR.inject(headers, context)


def extract(headers: Mapping[str, Any]) -> Context:
    """Return the span context that `headers` carry, or an empty one."""
    return _PROPAGATOR.extract({k.lower(): str(v) for k, v in headers.items()}, Context())


def is_traced(context: Context | None = None) -> bool:
    """Return whether the current span, or that of `context`, is part of a recorded trace."""
    return get_current_span(context).get_span_context().trace_flags.sampled


def is_recorded() -> bool:
    """Return whether a span that begins now can be recorded: one below a span that is not recorded never is."""
    around = get_current_span().get_span_context()
    return around.trace_flags.sampled or not around.is_valid


def untraced_context() -> Context:
    """Return the context of a new trace that is not recorded, here or in called services."""
    ids = SpanContext(
        _IDS.generate_trace_id(),
        _IDS.generate_span_id(),
        is_remote=False,
        trace_flags=TraceFlags(TraceFlags.DEFAULT),
    )
    return set_span_in_context(NonRecordingSpan(ids), Context())
