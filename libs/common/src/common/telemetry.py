"""Traces and metrics: one provider and one registry per service, also where five share a process.

Spans are recorded only where an exporter is configured; trace ids are made and carried on either
way, through HTTP and AMQP headers (W3C Trace Context).
"""

from collections.abc import Mapping, MutableMapping
from typing import Any

from opentelemetry.context import Context
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import Meter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, ParentBased, StaticSampler
from opentelemetry.trace import Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import CollectorRegistry

_PROPAGATOR = TraceContextTextMapPropagator()


class Telemetry:
    """A service's tracer, meter and Prometheus registry."""

    def __init__(
        self, service: str, otlp_endpoint: str | None = None, spans: SpanProcessor | None = None
    ) -> None:
        self.service = service
        self.registry = CollectorRegistry()
        resource = Resource.create({SERVICE_NAME: service})
        processors = [p for p in (spans, _otlp(otlp_endpoint)) if p is not None]
        sampler = (
            ParentBased(StaticSampler(Decision.RECORD_AND_SAMPLE)) if processors else ALWAYS_OFF
        )
        self._traces = TracerProvider(sampler=sampler, resource=resource, shutdown_on_exit=False)
        for processor in processors:
            self._traces.add_span_processor(processor)
        self._metrics = MeterProvider(
            metric_readers=[PrometheusMetricReader(registry=self.registry)],
            resource=resource,
            shutdown_on_exit=False,
        )
        self.tracer: Tracer = self._traces.get_tracer("kasal")
        self.meter: Meter = self._metrics.get_meter("kasal")

    def close(self) -> None:
        """Send what is still held back and stop."""
        self._traces.shutdown()
        self._metrics.shutdown()


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
