"""What operators are given fits the platform: rules, dashboards and runbooks ask for what exists."""

import asyncio
import json
import re
from itertools import combinations
from pathlib import Path

import pytest
import yaml
from opentelemetry.sdk.metrics import MeterProvider

import auth.config
import auth.wiring
import common.telemetry
import crews.config
import crews.wiring
import events.config
import events.wiring
import executor.config
import executor.wiring
import gateway.config
import gateway.wiring
from common.telemetry import Telemetry
from common.web.server import metrics_app
from devkit.promql import selection_of
from kasal_platform.embedded.backends import InProcessBackends

ROOT = Path(__file__).parents[2]
HERE = ROOT / "deploy/observability"
RUNBOOKS = ROOT / "docs/runbooks"
DASHBOARDS = sorted((HERE / "grafana/dashboards").glob("*.json"))
RULES = [
    rule
    for group in yaml.safe_load((HERE / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]
ALERTS = [rule for rule in RULES if "alert" in rule]
RECORDED = {rule["record"] for rule in RULES if "record" in rule}
MADE_BY_PROMETHEUS = {"up", "ALERTS"}
PARTS = (
    "## What it means",
    "## How to see it",
    "## Likely causes",
    "## What to do",
    "## Over when",
)

SETTINGS = {
    "mongo_url": "mongodb://127.0.0.1:1/",
    "amqp_url": "memory://",
    "redis_url": "memory://",
    "service_secret": "s" * 32,
    "secret_key": "k" * 32,
}


class Listed(MeterProvider):
    """Keeps a note of every instrument that is asked for, and uses each of them once."""

    made: list[object]

    def get_meter(self, *given, **named):
        meter = super().get_meter(*given, **named)
        for kind in ("counter", "histogram", "gauge", "up_down_counter"):
            self._noting(meter, kind)
        for kind in ("gauge", "counter"):
            self._measure_observable(meter, kind)
        return meter

    def _measure_observable(self, meter, kind):
        observable = getattr(meter, f"create_observable_{kind}")

        def create(name, callbacks, unit="", description=""):
            created = getattr(meter, f"create_{kind}")(name, unit=unit, description=description)
            return created, observable(f"unread.{name}", callbacks)

        setattr(meter, f"create_observable_{kind}", create)

    def _noting(self, meter, kind):
        create = getattr(meter, f"create_{kind}")

        def noted(*given, **named):
            instrument = create(*given, **named)
            use = next(
                getattr(instrument, n) for n in ("add", "record", "set") if hasattr(instrument, n)
            )
            use(1)
            return instrument

        setattr(meter, f"create_{kind}", noted)


@pytest.fixture(scope="module")
def exported() -> set[str]:
    """The names of all series that the processes of the platform can have at `/metrics`."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(common.telemetry, "MeterProvider", Listed)
        telemetries = _telemetries()
    sent = []

    async def send(message):
        sent.append(message)

    app = metrics_app(telemetry.registry for telemetry in telemetries)
    asyncio.run(app({"type": "http", "path": "/metrics"}, None, send))
    for telemetry in telemetries:
        telemetry.close()
    lines = sent[1]["body"].decode().splitlines()
    return {re.match(r"[\w:]+", line)[0] for line in lines if line and line[0] != "#"}


def _telemetries() -> list[Telemetry]:
    backends, built = InProcessBackends(), []
    for service in (auth, crews, events, executor, gateway):
        fields = service.config.Settings.model_fields
        given = {name: value for name, value in SETTINGS.items() if name in fields}
        settings = service.config.Settings(**given)
        built.append(service.wiring.build_app(settings, backends).state.telemetry)
        if service is executor:
            built.append(executor.wiring.build_worker(settings, backends).telemetry)
    return built


def _expressions() -> list[tuple[str, str]]:
    found = [(rule.get("alert") or rule["record"], rule["expr"]) for rule in RULES]
    for path in DASHBOARDS:
        board = json.loads(path.read_text())
        for panel in board["panels"]:
            where = f"{path.stem}: {panel['title']}"
            found += [(where, target["expr"]) for target in panel.get("targets", ())]
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                found.append((f"{path.stem}: ${variable['name']}", variable["definition"]))
    return found


def test_what_rules_and_dashboards_ask_for_is_exported(exported):
    known = exported | RECORDED | MADE_BY_PROMETHEUS
    expressions = _expressions()
    missing = {where: selection_of(expression).metrics - known for where, expression in expressions}
    assert {where: names for where, names in missing.items() if names} == {}
    assert (
        len(frozenset().union(*(selection_of(expression).metrics for _, expression in expressions)))
        > 40
    )


def test_every_metric_is_documented_and_every_documented_one_exists(exported):
    text = (ROOT / "docs/reference/observing.md").read_text()
    table = text[text.index("## Metrics") :]
    documented = set(re.findall(r"`((?:kasal|http|gen_ai|messaging)_\w+)`", table))
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exported}
    ours = {
        name for name in families if name.startswith(("kasal_", "http_", "gen_ai_", "messaging_"))
    }
    labels = {
        "http_route",
        "gen_ai_tool_name",
        "gen_ai_provider_name",
        "gen_ai_request_model",
        "gen_ai_token_type",
        "messaging_destination_name",
        "kasal_process",
    }
    assert ours - documented == set()
    assert documented - families - labels == set()


def test_every_alert_has_a_runbook_and_every_runbook_an_alert():
    named = {alert["alert"]: alert["annotations"]["runbook"] for alert in ALERTS}
    for alert, runbook in named.items():
        words = re.sub(r"(?<!^)(?=[A-Z])", "-", alert.removeprefix("Kasal")).lower()
        assert runbook == f"docs/runbooks/{words}.md"
        assert (ROOT / runbook).read_text().startswith(f"# {alert}\n")
    pages = {str(page.relative_to(ROOT)) for page in RUNBOOKS.glob("*.md")}
    assert pages - {"docs/runbooks/README.md"} == set(named.values())


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_says_how_bad_it_is_and_what_is_wrong(alert):
    assert alert["alert"].startswith("Kasal")
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert alert["annotations"].keys() == {"summary", "description", "runbook"}
    assert "for" in alert


def test_every_alert_is_tried_out():
    told = yaml.safe_load((HERE / "alerts_test.yaml").read_text())["tests"]
    cases = [case for test in told for case in test.get("alert_rule_test", ())]
    fired = {case["alertname"] for case in cases if case["exp_alerts"]}
    assert fired == {alert["alert"] for alert in ALERTS}


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("[a-z]*.md")), ids=lambda page: page.stem)
def test_a_runbook_has_its_parts_and_its_commands_exist(page, exported):
    text = page.read_text()
    assert [text.count(part) for part in PARTS] == [1] * len(PARTS)
    assert sorted(map(text.index, PARTS)) == list(map(text.index, PARTS))
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z0-9-]+)", text)) <= targets
    settings = set(re.findall(r"`(KASAL_\w+)", (ROOT / "docs/reference/settings.md").read_text()))
    assert set(re.findall(r"\bKASAL_[A-Z_]+\b", text)) <= settings
    metrics = set(re.findall(r"`((?:kasal|http|gen_ai|messaging)_\w+)", text))
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exported}
    assert metrics - exported - families == set()
    for linked in re.findall(r"\]\(([^)#]+?\.\w+)(?:#[\w-]+)?\)", text):
        assert linked.startswith("http") or (page.parent / linked).exists(), linked


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_is_whole(path):
    board = json.loads(path.read_text())
    assert board["uid"] == path.stem
    variables = {variable["name"] for variable in board["templating"]["list"]}
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["title"]
        place = panel["gridPos"]
        assert place["x"] >= 0
        assert place["x"] + place["w"] <= 24
        if panel["type"] == "row":
            continue
        assert panel["description"].endswith(".")
        assert panel["datasource"]["uid"] == "${datasource}"
        assert panel["type"] == "heatmap" or panel["type"] == "state-timeline" or _unit(panel)
        for target in panel["targets"]:
            used = set(re.findall(r"\$(\w+)", target["expr"])) - {"__rate_interval"}
            assert used <= variables
    for one, other in combinations((panel["gridPos"] for panel in panels), 2):
        assert not _overlap(one, other)


def _unit(panel) -> str:
    return panel["fieldConfig"]["defaults"]["unit"]


def _overlap(one, other) -> bool:
    return all(
        one[at] < other[at] + other[size] and other[at] < one[at] + one[size]
        for at, size in (("x", "w"), ("y", "h"))
    )


def test_the_dashboards_of_the_kustomization_are_all_there_are():
    made = yaml.safe_load((HERE / "kustomization.yaml").read_text())["configMapGenerator"]
    named = [entry.rpartition("=")[2] for config in made for entry in config["files"]]
    assert all((HERE / name).is_file() for name in named)
    boards = {path.name for path in DASHBOARDS}
    assert {Path(name).name for name in named if name.endswith(".json")} == boards


def test_both_forms_of_prometheus_know_the_jobs_that_rules_ask_for():
    compose = yaml.safe_load((HERE / "prometheus.yaml").read_text())
    jobs = {scrape["job_name"] for scrape in compose["scrape_configs"]}
    named = set()
    for _, expression in _expressions():
        for matched in re.findall(r'job=~?"([^"]+)"', expression):
            named |= set(matched.split("|"))
    assert named
    assert named <= jobs
