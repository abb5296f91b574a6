"""The manifests of deploy/k8s against the code: what would rot unseen. `make k8s-check` does the rest."""

import importlib
import inspect
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import AliasChoices

import auth.config
import crews.config
import events.config
import executor.config
import executor.process.meters
import gateway.config
from common.bus.rabbitmq_link import ANSWER_WITHIN
from common.settings import CommonSettings
from events.routes.socket import PATHS
from executor.process import worker as process

K8S = Path(__file__).parents[2] / "deploy" / "k8s"

SETTINGS: dict[str, type[CommonSettings]] = {
    "gateway": gateway.config.Settings,
    "auth": auth.config.Settings,
    "crews": crews.config.Settings,
    "executor-api": executor.config.Settings,
    "executor-worker": executor.config.Settings,
    "events": events.config.Settings,
}
SERVICES = sorted(SETTINGS)
SERVERS = [name for name in SERVICES if name != "executor-worker"]
BACKENDS = {"mongo": "mongo_url", "rabbitmq": "amqp_url", "redis": "redis_url"}
PEERS = {
    "auth_url": "auth",
    "crews_url": "crews",
    "executor_url": "executor-api",
    "events_url": "events",
}

Manifest = dict[str, Any]


def manifests_in(folder: str) -> list[Manifest]:
    """What is below a folder, without patches."""
    patches = set()
    for path in (K8S / folder).rglob("kustomization.yaml"):
        listed = yaml.safe_load(path.read_text()).get("patches", [])
        patches |= {path, *(path.parent / one["path"] for one in listed if "path" in one)}
    files = sorted(set((K8S / folder).rglob("*.yaml")) - patches)
    return [one for path in files for one in yaml.safe_load_all(path.read_text())]


BASE = manifests_in("base")
COMPONENTS = manifests_in("components")
KUSTOMIZATION = yaml.safe_load((K8S / "base" / "kustomization.yaml").read_text())
EVERY = yaml.safe_load((K8S / "base" / "deployment.yaml").read_text())["spec"]["template"]["spec"]
SERVER = yaml.safe_load((K8S / "base" / "server.yaml").read_text())["spec"]["template"]["spec"]


def named(kind: str, name: str, among: list[Manifest] = BASE) -> Manifest:
    (found,) = [one for one in among if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    return found


def pod(manifest: Manifest) -> Manifest:
    return manifest["spec"]["template"]


def configmap(name: str) -> dict[str, str]:
    """What a generated ConfigMap of the base holds."""
    (made,) = [one for one in KUSTOMIZATION["configMapGenerator"] if one["name"] == name]
    return dict(line.split("=", 1) for line in made["literals"])


def variables(kind: type[CommonSettings]) -> dict[str, str]:
    """The environment variables that `kind` reads, and the fields they set."""
    found = {}
    for name, info in kind.model_fields.items():
        alias = info.validation_alias
        choices = alias.choices if isinstance(alias, AliasChoices) else [f"KASAL_{name.upper()}"]
        found |= {str(choice): name for choice in choices if str(choice).isupper()}
    return found


def verbs(module: str, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> str:
    """What `python -m <module> --help` says of its verbs."""
    monkeypatch.setattr(sys, "argv", [module, "--help"])
    with pytest.raises(SystemExit):
        importlib.import_module(f"{module}.__main__").main()
    return capsys.readouterr().out


def workloads(among: list[Manifest]) -> list[Manifest]:
    return [one for one in among if one["kind"] in {"Deployment", "StatefulSet", "Job"}]


@pytest.mark.parametrize("workload", workloads(BASE), ids=lambda one: one["metadata"]["name"])
def test_every_process_is_started_by_a_verb_that_there_is(workload, monkeypatch, capsys):
    (container,) = pod(workload)["spec"]["containers"]
    module, verb = container["args"]
    assert re.search(rf"\b{verb}\b", verbs(module, monkeypatch, capsys))


def test_every_service_has_its_deployment_account_budget_and_settings():
    deployed = [one["metadata"]["name"] for one in BASE if one["kind"] == "Deployment"]
    assert sorted(deployed) == SERVICES
    for name in SERVICES:
        spec = pod(named("Deployment", name))["spec"]
        assert spec["serviceAccountName"] == name
        assert named("ServiceAccount", name)["automountServiceAccountToken"] is False
        budget = named("PodDisruptionBudget", name)["spec"]["selector"]["matchLabels"]
        assert budget.items() <= pod(named("Deployment", name))["metadata"]["labels"].items()
        told = [one["configMapRef"]["name"] for one in spec["containers"][0]["envFrom"]]
        assert told == ["kasal", name]
        assert set(spec["containers"][0]["resources"]) == {"requests", "limits"}


def test_ports_and_addresses_are_those_that_processes_listen_on():
    shared = configmap("kasal")
    ports = {one["name"]: str(one["containerPort"]) for one in EVERY["containers"][0]["ports"]}
    assert ports == {"http": shared["KASAL_PORT"], "metrics": shared["KASAL_METRICS_PORT"]}
    for setting, service in PEERS.items():
        (port,) = named("Service", service)["spec"]["ports"]
        assert port["targetPort"] == "http"
        assert shared[f"KASAL_{setting.upper()}"] == f"http://{service}:{port['port']}"
    services = [one["metadata"]["name"] for one in BASE if one["kind"] == "Service"]
    assert sorted(services) == SERVERS


def generated() -> list[tuple[str, str, dict[str, str]]]:
    """Every ConfigMap that a kustomization makes or changes: whose, its name, what it says."""
    return [
        (path.parent.name, made["name"], dict(line.split("=", 1) for line in made["literals"]))
        for path in sorted(K8S.rglob("kustomization.yaml"))
        for made in yaml.safe_load(path.read_text()).get("configMapGenerator", [])
    ]


@pytest.mark.parametrize(
    ("folder", "name", "told"), generated(), ids=lambda one: one if isinstance(one, str) else ""
)
def test_every_setting_is_one_that_its_reader_knows(folder, name, told):
    readers = list(SETTINGS.values()) if name == "kasal" else [SETTINGS[name]]
    assert set(told) <= {known for kind in readers for known in variables(kind)}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_takes_what_its_pod_is_given(name):
    given = {**configmap("kasal"), **configmap(name), **secrets(name)}
    fields = variables(SETTINGS[name])
    SETTINGS[name](**{fields[known]: given[known] for known in given if known in fields})


def secrets(name: str) -> dict[str, str]:
    """The variables whose files the pod gets, with values of their kind."""
    volumes = {one["name"]: one for one in pod(named("Deployment", name))["spec"]["volumes"]}
    files = [
        item["path"].upper()
        for source in volumes["secrets"]["projected"]["sources"]
        for item in source["secret"].get("items", [])
    ]
    schemes = {"KASAL_MONGO_URL": "mongodb://", "KASAL_AMQP_URL": "amqp://"}
    schemes["KASAL_REDIS_URL"] = "redis://"
    return {known: schemes.get(known, "s" * 32) for known in files}


@pytest.mark.parametrize("name", SERVICES)
def test_a_pod_gets_the_secrets_that_its_service_asks_for_and_no_other(name):
    given = set(secrets(name))
    asked = {
        variable
        for variable, field in variables(SETTINGS[name]).items()
        if SETTINGS[name].model_fields[field].is_required()
    }
    assert given - {"KASAL_SANDBOX_TOKEN"} == asked
    (env,) = [one for one in EVERY["containers"][0]["env"] if one["name"] == "KASAL_SECRETS_DIR"]
    assert env["name"] in variables(CommonSettings)
    mounted = [one["mountPath"] for one in EVERY["containers"][0]["volumeMounts"]]
    assert env["value"] in mounted


@pytest.mark.parametrize("name", SERVICES)
def test_the_network_lets_a_service_reach_what_it_calls_and_nobody_else(name):
    assert reached(named("NetworkPolicy", name)) == peers_of(name)
    for other in SERVERS:
        callers = allowed(named("NetworkPolicy", other))
        assert (name in callers) == (other in peers_of(name))
    fields = SETTINGS[name].model_fields
    labels = pod(named("Deployment", name))["metadata"]["labels"]
    used = {backend for backend, setting in BACKENDS.items() if setting in fields}
    assert {label for label in labels if "/uses-" in label} == {
        f"kasal.dev/uses-{backend}" for backend in used
    }


def peers_of(name: str) -> set[str]:
    fields = SETTINGS[name].model_fields
    return {peer for setting, peer in PEERS.items() if setting in fields} - {name}


def reached(policy: Manifest) -> set[str]:
    rules = policy["spec"].get("egress", [])
    return _names(peer for rule in rules for peer in rule["to"] if "podSelector" in peer)


def allowed(policy: Manifest) -> set[str]:
    rules = policy["spec"].get("ingress", [])
    return _names(peer for rule in rules for peer in rule["from"])


def _names(peers: Any) -> set[str]:
    return {peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"] for peer in peers}


def test_nothing_is_open_that_no_policy_opens():
    closed = named("NetworkPolicy", "default-deny")["spec"]
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    everywhere = BASE + COMPONENTS
    selectors = [one["spec"]["podSelector"] for one in everywhere if one["kind"] == "NetworkPolicy"]
    for one in workloads(everywhere):
        labels = dict(pod(one)["metadata"]["labels"])
        labels.pop("app.kubernetes.io/part-of", None)  # what all are lets nobody in particular in
        chosen = [s for s in selectors if s and _selects(s, labels)]
        assert chosen, f"{one['kind']} {one['metadata']['name']} has no policy of its own"


def _selects(selector: Manifest, labels: dict[str, str]) -> bool:
    expressions = selector.get("matchExpressions", [])
    assert all(one["operator"] == "In" for one in expressions)
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        labels.get(one["key"]) in one["values"] for one in expressions
    )


def test_what_calls_models_and_tools_reaches_the_internet_but_nothing_private():
    spec = named("NetworkPolicy", "internet")["spec"]
    (expression,) = spec["podSelector"]["matchExpressions"]
    assert expression["values"] == ["crews", "executor-api", "executor-worker"]
    (outside,) = spec["egress"]
    blocks = {
        one["ipBlock"]["cidr"]: set(one["ipBlock"].get("except", [])) for one in outside["to"]
    }
    assert blocks["0.0.0.0/0"] >= {
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8",
        "100.64.0.0/10",
    }  # fmt: skip
    assert set(blocks) == {"0.0.0.0/0", "2000::/3"}
    others = [one for one in BASE if one["kind"] == "NetworkPolicy" and "ipBlock" in str(one)]
    assert [one["metadata"]["name"] for one in others] == ["internet"]


def test_the_ingress_leads_to_the_door_and_sockets_to_events():
    ingresses = [
        *[one for one in COMPONENTS if one["kind"] == "Ingress"],
        yaml.safe_load((K8S / "overlays" / "production" / "ingress.yaml").read_text()),
    ]
    for ingress in ingresses:
        (rule,) = ingress["spec"]["rules"]
        routes = {
            (one["path"], one["pathType"]): one["backend"]["service"]["name"]
            for one in rule["http"]["paths"]
        }
        assert routes.pop(("/", "Prefix")) == "gateway"
        assert routes == dict.fromkeys([("/api/v1/ws", "Exact"), ("/v1/ws", "Exact")], "events")
        assert {path for path, _ in routes} <= set(PATHS)


def test_a_pod_has_the_time_that_its_process_takes_to_stop():
    worker = pod(named("Deployment", "executor-worker"))["spec"]
    handing_over = process._SHUT_DOWN + 1.0 + float(configmap("kasal")["KASAL_SHUTDOWN_GRACE"])
    handing_over += float(configmap("executor-worker")["KASAL_DRAIN_SECONDS"])
    assert worker["terminationGracePeriodSeconds"] >= handing_over + 5
    assert "lifecycle" not in worker["containers"][0]
    waits = SERVER["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    grace = float(configmap("kasal")["KASAL_SHUTDOWN_GRACE"])
    assert SERVER["terminationGracePeriodSeconds"] >= waits + grace + 2 * ANSWER_WITHIN
    for name in SERVICES:
        labels = named("Deployment", name)["metadata"]["labels"]
        assert (labels.get("kasal.dev/serves") == "http") == (name in SERVERS)


def test_probes_ask_the_process_to_live_and_what_it_needs_to_be_ready():
    (container,) = EVERY["containers"]
    paths = {
        kind: container[kind]["httpGet"]["path"] for kind in container if kind.endswith("Probe")
    }
    assert paths == {
        "startupProbe": "/healthz",
        "readinessProbe": "/readyz?for=traffic",
        "livenessProbe": "/healthz",
    }
    assert container["readinessProbe"]["timeoutSeconds"] > 2, "the checks take two seconds at most"


def test_scaling_goes_by_a_metric_that_workers_tell():
    (trigger,) = named("ScaledObject", "executor-worker", COMPONENTS)["spec"]["triggers"]
    (metric,) = re.findall(r"kasal_\w+", trigger["metadata"]["query"])
    assert f'"{metric.replace("_", ".")}"' in inspect.getsource(executor.process.meters)
    assert int(trigger["metadata"]["threshold"]) < int(
        configmap("executor-worker")["KASAL_WORKER_SLOTS"]
    )


def test_a_busy_fleet_is_left_as_it_is_when_nobody_tells_how_busy_it_is():
    spec = named("ScaledObject", "executor-worker", COMPONENTS)["spec"]
    fallback, (trigger,) = spec["fallback"], spec["triggers"]
    assert fallback["behavior"] == "currentReplicasIfHigher"
    assert spec["minReplicaCount"] <= fallback["replicas"] <= spec["maxReplicaCount"]
    assert trigger["metricType"] == "AverageValue", "KEDA falls back for no other kind"
    assert trigger["metadata"]["ignoreNullValues"] == "false", "no number is no zero"


@pytest.mark.parametrize(
    "scaler",
    [one for one in COMPONENTS if one["kind"] in {"HorizontalPodAutoscaler", "ScaledObject"}],
    ids=lambda one: f"{one['kind']}-{one['metadata']['name']}",
)
def test_scalers_scale_deployments_that_there_are(scaler):
    assert named("Deployment", scaler["spec"]["scaleTargetRef"]["name"])
