"""The claims of docs/how-to/scale.md that are arithmetic or simulations, held to the code and the figures."""

import json
import random
import sys
from collections import Counter
from pathlib import Path

import pytest

from common.contracts.topology import CREWS_EVENTS_QUEUE, TASK_STATE_EVENTS
from events.config import Settings as EventsSettings
from executor.config import Settings as ExecutorSettings
from executor.domain.worker import lookout
from gateway.config import Settings as GatewaySettings

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import scale  # noqa: E402
import scale_model  # noqa: E402


@pytest.fixture(scope="module")
def model():
    return scale_model.Model.read()


def setting(kind, name):
    return kind.model_fields[name].default


def test_the_document_is_made_of_the_figures(model):
    document = scale.TARGET.read_text()
    assert scale.with_tables(document, model) == document
    figures = json.loads(scale_model.COSTS.read_text())
    figures["measured"]["worker_ms_per_job"][0] *= 10
    assert scale.with_tables(document, scale_model.Model(figures)) != document


def test_the_figures_are_those_of_the_code(model):
    assert scale_model.LOOKERS == lookout.LOOKERS
    assert model["sockets_per_relay"] * 2 == setting(EventsSettings, "socket_limit")
    assert {level.slots for level in model.levels} >= {setting(ExecutorSettings, "worker_slots")}
    bound = {key.rpartition(".")[2] for key in CREWS_EVENTS_QUEUE.keys}
    assert bound == {str(kind) for kind in TASK_STATE_EVENTS}
    per_task = {"task_start", "task_complete"}
    assert per_task <= bound
    assert {"execution_start", "execution_complete"} <= bound
    assert model["crews_messages_per_job"] == 3 * len(per_task) + 2


def test_a_plan_leaves_in_every_cell_the_headroom_that_is_asked_for(model):
    for level in model.levels:
        plan, free = model.plan(level), model["headroom"]
        assert plan.cells * plan.rate == pytest.approx(level.rate)
        assert all(plan.rate <= limit * free * 1.001 for limit in model.limits.values())
        for processes, each in (
            (plan.crews, "crews_ms_per_job"),
            (plan.apis, "api_ms_per_job"),
            (plan.workers, "worker_ms_per_job"),
            (plan.relays, "events_ms_per_job"),
        ):
            assert plan.rate * model[each] / 1000 <= processes * free * 1.001, (level, each)
        assert plan.at_once <= 0.76 * plan.workers * level.slots
        assert plan.sockets <= plan.relays * setting(EventsSettings, "socket_limit")
        assert plan.workers < 300, "beats grow with the square"


def test_what_autoscaling_may_make_covers_a_thousand_jobs_a_minute(model):
    [level] = [one for one in model.levels if one.jobs_per_minute == 1_000 and one.sockets < 10_000]
    plan = model.plan(level)
    components = ROOT / "deploy/k8s/components"
    most = {
        name: int(path.read_text().split(f"{word}: ")[1].split()[0])
        for name, path, word in (
            ("gateway", components / "autoscaling/gateway.yaml", "maxReplicas"),
            ("events", components / "autoscaling/events.yaml", "maxReplicas"),
            ("worker", components / "keda/worker.yaml", "maxReplicaCount"),
        )
    }
    assert plan.cells == 1
    assert plan.gateways <= most["gateway"]
    assert plan.relays <= most["events"]
    assert plan.workers <= most["worker"]


def fanned_out(rng, relays, jobs, watchers):
    """Return messages that an event of each job makes, and bindings of each relay, by where sockets are."""
    bindings, messages = Counter(), 0
    for _ in range(jobs):
        reached = {rng.randrange(relays) for _ in range(watchers)}
        bindings.update(reached)
        messages += len(reached)
    return messages / jobs, bindings


@pytest.mark.parametrize(("watchers", "saved_at_most"), [(1, 0.0), (2, 0.5), (3, 2 / 3)])
def test_relays_get_only_what_their_own_sockets_watch(watchers, saved_at_most):
    rng, relays, jobs = random.Random(watchers), 40, 10_000
    messages, bindings = fanned_out(rng, relays, jobs, watchers)
    assert messages <= watchers
    assert 1 - 1 / messages <= saved_at_most, "what consistent hashing would save"
    even = jobs * watchers / relays
    assert max(bindings.values()) < 1.3 * even
    assert sum(bindings.values()) < relays * jobs * 0.1, "a stream would have each relay read all"


def test_streams_would_have_each_relay_read_everything(model):
    rate, relays = 100_000 / 60, 40
    events = rate * model["events_per_job"]
    assert events == pytest.approx(38_000, rel=0.02)
    assert events * relays == pytest.approx(1_500_000, rel=0.03)


def storm(rng, sockets, relays, jitter, service_ms):
    """Return handshakes a second at the busiest relay, and seconds until all are through.

    Each client comes back once, after up to `jitter` seconds, to any relay; a relay deals with them one
    after another.
    """
    arrivals: dict[int, list[float]] = {}
    for _ in range(sockets):
        arrivals.setdefault(rng.randrange(relays), []).append(rng.uniform(0, jitter))
    peak, through = 0, 0.0
    for moments in arrivals.values():
        peak = max(peak, *Counter(int(at / 1.0) for at in moments).values())
        free = 0.0
        for at in sorted(moments):
            free = max(free, at) + service_ms / 1000
        through = max(through, free)
    return peak, through


def test_the_sockets_of_a_lost_relay_come_back_to_the_others_within_their_jitter(model):
    lost, relays = int(model["sockets_per_relay"]), 39
    peak, through = storm(random.Random(1), lost, relays, 1.0, model["events_ms_per_socket"])
    assert peak < 110
    assert peak * model["events_ms_per_socket"] / 1000 < 0.12, "of one core"
    assert through < 1.2
    _, at_once = storm(random.Random(1), lost, relays, 0.001, model["events_ms_per_socket"])
    assert at_once < 0.2, "without jitter too"
    room = setting(EventsSettings, "socket_limit") - model["sockets_per_relay"]
    assert lost / relays < room / 10


def test_all_sockets_at_once_take_each_relay_some_seconds_and_the_bindings_a_minute(model):
    relays = 40
    _, through = storm(random.Random(2), 100_000, relays, 1.0, model["events_ms_per_socket"])
    assert 1.5 < through < 2.5
    assert 60 < 100_000 / model["bindings_per_s"] < 70
    assert lost_relay_binds(model) == pytest.approx(2, abs=0.6)


def lost_relay_binds(model):
    return model["sockets_per_relay"] / model["bindings_per_s"]


def test_one_address_may_bring_a_company_back_in_some_minutes():
    """At the gateway, that is; the ingress lets sockets past it."""
    a_minute = setting(GatewaySettings, "handshake_limit")
    assert a_minute == 3_000
    assert 100_000 / a_minute > 30, "so 100,000 behind one address are no case for it"
