"""Traces and metrics of a service, where the collector is away and where services share a process."""

import threading
import time
from importlib.metadata import version

from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families

from common.telemetry import LocalCounter, Telemetry, is_traced, untraced_context
from common.web.server import metrics_app


class Stuck(SpanProcessor):
    """Sends to a collector that does not answer."""

    def __init__(self):
        self.given_up = threading.Event()

    def shutdown(self):
        self.given_up.wait(600)


def test_a_collector_that_is_away_does_not_hold_up_the_end():
    stuck = Stuck()
    telemetry = Telemetry("tested", spans=stuck)
    with telemetry.tracer.start_as_current_span("work"):
        assert is_traced()
    began = time.monotonic()
    telemetry.close()
    assert time.monotonic() - began < 300
    stuck.given_up.set()


def test_without_a_collector_spans_have_ids_but_are_not_recorded():
    telemetry = Telemetry("tested")
    with telemetry.tracer.start_as_current_span("work") as span:
        assert span.get_span_context().is_valid
        assert not is_traced()
    telemetry.close()


def test_what_begins_untraced_stays_so():
    telemetry = Telemetry("tested", spans=SimpleSpanProcessor(InMemorySpanExporter()))
    with telemetry.tracer.start_as_current_span("poll", untraced_context()) as span:
        assert span.get_span_context().is_valid
        assert not span.is_recording()
    telemetry.close()


async def test_services_in_one_process_have_each_metric_once_with_their_names():
    telemetries = [Telemetry("a"), Telemetry("b"), Telemetry("b", process="worker")]
    for telemetry in telemetries:
        telemetry.meter.create_counter("kasal.told").add(1, {"kind": "x"})
    sent = []

    async def send(message):
        sent.append(message)

    app = metrics_app(telemetry.registry for telemetry in telemetries)
    await app({"type": "http", "path": "/metrics"}, None, send)
    families = list(text_string_to_metric_families(sent[1]["body"].decode()))
    (told,) = [family for family in families if family.name == "kasal_told"]
    assert [sample.labels for sample in told.samples if sample.name == "kasal_told_total"] == [
        {"kind": "x", "service_name": "a"},
        {"kind": "x", "service_name": "b"},
        {"kind": "x", "service_name": "b", "kasal_process": "worker"},
    ]
    for telemetry in telemetries:
        telemetry.close()


def test_a_local_counter_is_read_by_key_when_the_metrics_are():
    telemetry = Telemetry("tested")
    counter = LocalCounter(telemetry.meter, "parcels", "Sent", attributes=lambda key: {"to": key})
    assert telemetry.registry.get_sample_value("parcels_total", _labels("north")) is None
    counter.add(key="north")
    counter.add(2, key="south")
    counter.add(key="north")
    assert telemetry.registry.get_sample_value("parcels_total", _labels("north")) == 2
    assert telemetry.registry.get_sample_value("parcels_total", _labels("south")) == 2
    counter.add(key="north")
    assert telemetry.registry.get_sample_value("parcels_total", _labels("north")) == 3


def _labels(to: str) -> dict[str, str]:
    return {"service_name": "tested", "to": to}


def test_spans_say_which_release_made_them_and_which_conventions_name_them():
    exporter = InMemorySpanExporter()
    telemetry = Telemetry("tested", spans=SimpleSpanProcessor(exporter))
    telemetry.tracer.start_span("work").end()
    telemetry.close()
    (span,) = exporter.get_finished_spans()
    scope = span.instrumentation_scope
    assert (scope.name, scope.version) == ("kasal", version("kasal-common"))
    assert scope.schema_url.startswith("https://opentelemetry.io/schemas/")
