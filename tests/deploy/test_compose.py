"""docker-compose.yml against the code, and what `make up` does before any container is there."""

import importlib
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from common.settings import CommonSettings
from executor.process import worker as process

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = {
    name: told for name, told in COMPOSE["services"].items() if "kasal" in told.get("image", "")
}
SERVERS = {name: told for name, told in SERVICES.items() if name != "migrate"}
SECRETS = {"service_secret", "secret_key", "mongo_url", "amqp_url", "redis_url"}


def settings_of(service: dict[str, Any]) -> type[CommonSettings]:
    module = importlib.import_module(f"{service['command'][0]}.config")
    kind: type[CommonSettings] = module.Settings
    return kind


def script(name: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script of deploy/compose with its data in `folder`."""
    given = {"PATH": os.environ["PATH"], "KASAL_DATA_DIR": str(folder), **environment}
    path = str(ROOT / "deploy" / "compose" / name)
    return subprocess.run(["/bin/sh", path], env=given, capture_output=True, text=True, check=False)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_services_are_the_platforms():
    assert set(SERVERS) == {"gateway", "auth", "crews", "executor", "worker", "events"}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_may_do_little(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "user" not in service, "the image's own"


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_every_container_gives_up_its_capabilities(name):
    service = COMPOSE["services"][name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", SERVERS)
def test_a_service_has_the_secrets_it_reads_and_no_others(name):
    service = SERVERS[name]
    needed = {f"kasal_{field}" for field in SECRETS & set(settings_of(service).model_fields)}
    assert set(service["secrets"]) == needed


@pytest.mark.parametrize("name", SERVERS)
def test_what_the_environment_sets_is_a_setting_of_some_service(name):
    known = {field for told in SERVERS.values() for field in settings_of(told).model_fields}
    named = {variable.removeprefix("KASAL_").lower() for variable in SERVERS[name]["environment"]}
    assert named <= known


@pytest.mark.parametrize("name", SERVERS)
def test_a_service_begins_when_the_databases_are_at_their_schema(name):
    needs = SERVERS[name]["depends_on"]
    assert needs["migrate"] == {"condition": "service_completed_successfully"}


def test_only_the_gateway_is_published_unless_one_asks_for_more():
    published = {n: t["ports"] for n, t in COMPOSE["services"].items() if "ports" in t}
    watching = {n for n, t in COMPOSE["services"].items() if t.get("profiles") == ["observability"]}
    assert set(published) - watching == {"gateway"}
    assert all(
        port.startswith("${KASAL_HOST:-127.0.0.1}:") for told in published.values() for port in told
    )


def test_the_network_of_the_backends_leads_nowhere():
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    outside = {n for n, t in COMPOSE["services"].items() if "outside" in t.get("networks", ())}
    assert outside & set(SERVICES) == {"gateway", "worker", "executor", "crews"}
    assert not outside & {"mongo", "rabbitmq", "redis", "mongo-init"}


def test_a_drain_ends_before_the_engine_kills():
    grace = COMPOSE["services"]["worker"]["stop_grace_period"]
    usual = re.fullmatch(r"\$\{KASAL_WORKER_GRACE:-(\d+)s\}", grace)
    assert usual is not None
    shutdown_grace = CommonSettings.model_fields["shutdown_grace"].default
    drain = settings_of(COMPOSE["services"]["worker"]).model_fields["drain_seconds"].default
    assert int(usual[1]) > drain + process._SHUT_DOWN + 2 * process._CLOSING + shutdown_grace


def test_what_is_mounted_is_in_the_repository():
    for service in COMPOSE["services"].values():
        for mount in service.get("volumes", ()):
            source = mount.split(":")[0]
            known = source in COMPOSE["volumes"] or (ROOT / source).exists()
            assert known, source


def test_images_are_pinned_and_the_same_as_in_kubernetes():
    manifests = (ROOT / "deploy" / "k8s").rglob("*.yaml")
    ours = {told["image"] for told in COMPOSE["services"].values()} - {
        "${KASAL_IMAGE:-kasal:local}"
    }
    theirs = {
        image
        for path in manifests
        for image in re.findall(r"\bimage: ([a-z/-]+:[\w.-]+)", path.read_text())
    }
    assert ours <= theirs, "one version of each is tried"
    base = re.search(r"^ARG PYTHON_IMAGE=(\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert base is not None
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", base[1])


def test_every_secret_is_made_for_this_installation_and_kept(tmp_path):
    assert script("prepare.sh", tmp_path).returncode == 0
    folder = tmp_path / "compose" / "secrets"
    made = {path.name: path.read_text() for path in folder.iterdir()}
    assert set(made) == set(COMPOSE["secrets"])
    for told in COMPOSE["secrets"].values():
        assert told["file"].startswith("${KASAL_DATA_DIR:-.kasal}/compose/secrets/")
    assert mode(folder) == mode(folder.parent) == 0o700, "nobody else opens the folder"
    assert {mode(path) for path in folder.iterdir()} == {0o444}, "the services can read the files"
    [password] = re.findall(r"amqp://kasal:(\w{64})@", made["kasal_amqp_url"])
    assert f"default_pass = {password}\n" in made["rabbitmq_conf"]
    [password] = re.findall(r"redis://:(\w{64})@", made["kasal_redis_url"])
    assert f"requirepass {password}\n" in made["redis_conf"]
    values = re.findall(r"[0-9a-f]{64}", " ".join(made.values()))
    assert len(set(values)) == 8, "none is another's"

    assert script("prepare.sh", tmp_path).returncode == 0
    assert {path.name: path.read_text() for path in folder.iterdir()} == made


@pytest.fixture
def engine(tmp_path):
    """A `docker` that writes down how it was called; what the scripts do with a real one, the trial shows."""
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/calls\n')
    program.chmod(0o755)
    return f"{program.parent}:{os.environ['PATH']}"


def test_settings_given_to_make_up_go_to_the_services_until_the_next(tmp_path, engine):
    told = script(
        "up.sh",
        tmp_path,
        PATH=engine,
        KASAL_LOG_LEVEL="DEBUG",
        OPENAI_API_KEY="sk-1 $x",
        KASAL_OPENAI_BASE_URL="",
        COMPOSE_PROFILES="observability",
    )
    assert told.returncode == 0, told.stderr
    given = tmp_path / "compose" / "given.env"
    lines = given.read_text().splitlines()
    assert "KASAL_LOG_LEVEL='DEBUG'" in lines
    assert "OPENAI_API_KEY='sk-1 $x'" in lines
    assert "OTEL_EXPORTER_OTLP_ENDPOINT='http://otel-collector:4318'" in lines
    assert not any(line.startswith(("KASAL_OPENAI_BASE_URL", "PATH")) for line in lines)
    assert mode(given) == 0o600
    assert "compose up --detach --wait --remove-orphans" in (tmp_path / "calls").read_text()
    assert "http://127.0.0.1:8000/api/v1" in told.stdout

    assert script("up.sh", tmp_path, PATH=engine).returncode == 0
    assert "DEBUG" not in given.read_text()
    assert "OTEL" not in given.read_text()


def test_a_value_that_cannot_be_given_is_refused(tmp_path, engine):
    told = script("up.sh", tmp_path, PATH=engine, KASAL_DEMO_PASSWORD="it's")
    assert told.returncode == 1
    assert told.stderr.count("\n") == 1
    assert "settings.env" in told.stderr


def test_without_docker_it_is_one_line(tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "dirname"):
        (tools / name).symlink_to(str(shutil.which(name)))
    told = script("up.sh", tmp_path, PATH=str(tools))
    assert told.returncode == 1
    assert told.stderr.count("\n") == 1
    assert "make run" in told.stderr
