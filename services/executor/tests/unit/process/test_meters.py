"""What the executor counts, as Prometheus reads it."""

import time

import pytest

from common.contracts.events import ExecutionStatus
from executor.domain.meters import Census, Meters, NoMeters, OutboxSize
from executor.process.meters import OpenTelemetryMeters


@pytest.fixture
def meters(telemetry):
    return OpenTelemetryMeters(telemetry)


@pytest.fixture
def value(telemetry):
    def read(name, **labels):
        return telemetry.registry.get_sample_value(name, {"service_name": "test", **labels})

    return read


def test_both_fulfil_the_protocol(meters):
    told: list[Meters] = [meters, NoMeters()]
    wanted = {name for name in vars(Meters) if not name.startswith("_")}
    assert all(wanted <= {n for n in dir(one) if not n.startswith("_")} for one in told)


def test_how_jobs_ended_is_there_from_the_start_and_says_why_they_failed(meters, value):
    assert value("kasal_jobs_ended_total", status="completed") == 0
    assert value("kasal_claims_lost_total") == 0
    meters.count_ended(ExecutionStatus.FAILED, 2.0, "TIMEOUT")
    assert value("kasal_jobs_ended_total", status="failed", error_type="TIMEOUT") == 1
    assert value("kasal_jobs_run_duration_seconds_sum", status="failed") == 2.0


def test_a_census_is_told_until_it_is_not_known(meters, value):
    meters.record_census(Census({"queued": 3}, 12.5, 2, {"jobs": (7, 1), "dead-letters": (4, 0)}))
    assert value("kasal_jobs_live", status="queued") == 3
    assert value("kasal_jobs_queue_age_seconds") == 12.5
    assert value("kasal_workers_live") == 2
    assert value("kasal_queue_messages", messaging_destination_name="dead-letters") == 4
    assert value("kasal_queue_consumers", messaging_destination_name="jobs") == 1
    meters.record_census(Census())
    assert value("kasal_jobs_live", status="queued") is None
    assert value("kasal_jobs_queue_age_seconds") is None


def test_tasks_agents_and_tools_are_timed(meters, value):
    meters.measure_task(3.0, failed=False)
    meters.measure_task(1.0, failed=True)
    meters.measure_agent(2.0, "MODEL_ERROR")
    meters.measure_tool_call("calculator", 0.5)
    meters.measure_tool_call("calculator", 0.5, "tool_error")
    assert value("kasal_tasks_duration_seconds_sum", status="completed") == 3.0
    assert value("kasal_tasks_duration_seconds_count", status="failed") == 1
    agent = {"gen_ai_operation_name": "invoke_agent", "error_type": "MODEL_ERROR"}
    assert value("gen_ai_invoke_agent_duration_seconds_sum", **agent) == 2.0
    tool = {"gen_ai_operation_name": "execute_tool", "gen_ai_tool_name": "calculator"}
    name = "gen_ai_execute_tool_duration_seconds_count"
    assert value(name, **tool, error_type="") == value(name, **tool, error_type="tool_error") == 1


def test_a_model_is_named_only_once_it_has_replied(meters, value):
    def calls(model, **more):
        labels = {"gen_ai_provider_name": "openai", "gen_ai_request_model": model, **more}
        name = "gen_ai_client_operation_duration_seconds_count"
        return value(name, gen_ai_operation_name="chat", **labels)

    meters.measure_refusal("openai", "typed-by-a-user", 0.1, "MODEL_UNAVAILABLE")
    assert calls("_OTHER", error_type="MODEL_UNAVAILABLE") == 1
    meters.measure_reply("openai", "gpt-4", 0.1, (10, 5))
    meters.measure_refusal("openai", "gpt-4", 0.1, "RATE_LIMIT")
    assert calls("gpt-4", error_type="") == calls("gpt-4", error_type="RATE_LIMIT") == 1


def test_names_that_users_choose_are_told_apart_up_to_a_hundred(meters, telemetry):
    for number in range(150):
        meters.measure_tool_call(f"tool_{number}", 0.1)
    name = "gen_ai_execute_tool_duration_seconds_count"
    samples = [s for f in telemetry.registry.collect() for s in f.samples if s.name == name]
    assert len(samples) == 101
    assert {s.labels["gen_ai_tool_name"]: s.value for s in samples}["_OTHER"] == 50


def test_the_outbox_is_as_old_as_what_waits_longest(meters, value):
    now, parts = time.monotonic(), {}
    parts["runs"] = OutboxSize(events=5, since=now - 20)
    parts["ended"] = OutboxSize(jobs=2, since=now - 50)
    meters.observe_outbox(lambda: parts["runs"], lambda: parts["ended"])
    assert (value("kasal_outbox_events"), value("kasal_outbox_jobs")) == (5, 2)
    assert value("kasal_outbox_age_seconds") == pytest.approx(50, abs=5)
    parts.update(runs=OutboxSize(), ended=OutboxSize())
    assert value("kasal_outbox_age_seconds") == 0


def test_slots_are_told_before_the_first_job(meters, value):
    meters.observe_slots(200)
    assert (value("kasal_worker_slots"), value("kasal_jobs_running")) == (200, 0)
