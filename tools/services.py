"""Check the repository against `services.toml`: `python tools/services.py [--root FOLDER]`.

Each line that it prints names a file and what is missing or out of date there.
"""

import argparse
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from kasal_platform.services import FRONT_DOOR, ServiceEntry, read_services

_ROOMS = ("__init__.py", "__main__.py", "config.py", "wiring.py", "py.typed")
_SECRETS = {"mongo": "kasal_mongo_url", "rabbitmq": "kasal_amqp_url", "redis": "kasal_redis_url"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    gaps = list(find_gaps(parser.parse_args().root))
    for gap in gaps:
        print(gap)
    sys.exit(1 if gaps else 0)


def find_gaps(root: Path) -> Iterator[str]:
    """Yield a line for each place that does not fit the manifest of the repository at `root`."""
    listed = read_services(root / "services.toml")
    folders = {path.parent.name for path in root.glob("services/*/pyproject.toml")}
    yield from (f"services.toml: no entry for services/{name}" for name in folders - set(listed))
    for service in listed.values():
        yield from _folder_gaps(root, service)
        yield from _packaging_gaps(root, service)
        yield from _compose_gaps(root, service)
        yield from _kubernetes_gaps(root, service)
        yield from _prometheus_gaps(root, service)


def _folder_gaps(root: Path, service: ServiceEntry) -> Iterator[str]:
    folder = root / "services" / service.name
    source = folder / "src" / service.name
    files = [folder / "README.md", folder / "pyproject.toml", *(source / name for name in _ROOMS)]
    if service.database:
        files.append(source / "store" / "migrations.py")
    missing = [path for path in files if not path.exists()]
    yield from (f"{path.relative_to(root)}: there is no such file" for path in missing)
    config = source / "config.py"
    if config.exists() and f"port: int = Field(default={service.port}," not in config.read_text():
        yield f"{config.relative_to(root)}: its port is not {service.port}"


def _packaging_gaps(root: Path, service: ServiceEntry) -> Iterator[str]:
    name, package = service.name, f"kasal-{service.name}"
    project = tomllib.loads((root / "pyproject.toml").read_text())
    tool = project["tool"]
    places = {
        "project.dependencies": (package, project["project"]["dependencies"]),
        "tool.uv.sources": (package, tool["uv"]["sources"]),
        "tool.mypy.mypy_path": (f"services/{name}/src", tool["mypy"]["mypy_path"]),
        "tool.importlinter.root_packages": (name, tool["importlinter"]["root_packages"]),
    }
    for contract in tool["importlinter"]["contracts"]:
        if contract["name"] in {
            "Services know nothing of each other",
            "Services know neither the program that runs them nor its stand-ins",
            "What ships knows nothing of what tests and developers need",
        }:
            modules = contract.get("modules") or contract["source_modules"]
            places[f"the import rule {contract['name']!r}"] = (name, modules)
        elif contract["name"] == "Imports go one way in every service":
            places[f"the import rule {contract['name']!r}"] = (name, contract["containers"])
    yield from (
        f"pyproject.toml: {word} is not in {place}"
        for place, (word, held) in places.items()
        if word not in held
    )
    program = tomllib.loads((root / "apps/kasal/pyproject.toml").read_text())
    if package not in program["project"]["dependencies"]:
        yield f"apps/kasal/pyproject.toml: {package} is not in project.dependencies"


def _compose_gaps(root: Path, service: ServiceEntry) -> Iterator[str]:
    composed = yaml.safe_load((root / "docker-compose.yml").read_text())
    wanted = {_SECRETS[need] for need in service.needs}
    for verb, names in service.processes.items():
        container = composed["services"].get(names.compose)
        if container is None or container["command"] != [service.name, verb]:
            yield f"docker-compose.yml: {names.compose} does not run `{service.name} {verb}`"
        elif wanted != set(container["secrets"]) & set(_SECRETS.values()):
            yield f"docker-compose.yml: {names.compose} must have {', '.join(sorted(wanted))}"
    variable = f"KASAL_{service.name.upper()}_URL"
    if service.name != FRONT_DOOR and variable not in composed["x-environment"]:
        yield f"docker-compose.yml: {variable} is not in x-environment"
    script = composed["services"]["migrate"]["command"][0]
    if service.database and not re.search(rf"\b{service.name}\b", script):
        yield f"docker-compose.yml: migrate leaves {service.name} out"


def _kubernetes_gaps(root: Path, service: ServiceEntry) -> Iterator[str]:
    base = root / "deploy/k8s/base"
    objects = [one for path in base.glob("*.yaml") for one in _documents(path)]
    included = yaml.safe_load((base / "kustomization.yaml").read_text())["resources"]
    for verb, names in service.processes.items():
        file = f"{names.kubernetes}.yaml"
        if file not in included:
            yield f"deploy/k8s/base/kustomization.yaml: {file} is not in resources"
        template = _find(objects, "Deployment", names.kubernetes)
        where = f"deploy/k8s/base/{file}: the Deployment {names.kubernetes}"
        if template is None:
            yield f"{where} is not there"
            continue
        if template["spec"]["containers"][0]["args"] != [service.name, verb]:
            yield f"{where} does not run `{service.name} {verb}`"
        labels = template["metadata"]["labels"]
        used = {label.partition("uses-")[2] for label in labels if "uses-" in label}
        if used != set(service.needs):
            yield f"{where} must be labelled as using {', '.join(service.needs)}"
    if service.database and _find(objects, "Job", f"migrate-{service.name}") is None:
        yield f"deploy/k8s/base/migrate.yaml: there is no Job migrate-{service.name}"


def _documents(path: Path) -> list[Any]:
    return [one for one in yaml.safe_load_all(path.read_text()) if one]


def _find(objects: list[Any], kind: str, name: str) -> Any:
    """Return the pod template of the object of that kind and name, if there is one."""
    for one in objects:
        if one.get("kind") == kind and one["metadata"]["name"] == name:
            return one["spec"]["template"]
    return None


def _prometheus_gaps(root: Path, service: ServiceEntry) -> Iterator[str]:
    path = root / "deploy/observability/prometheus.yaml"
    jobs = {job["job_name"] for job in yaml.safe_load(path.read_text())["scrape_configs"]}
    scraped = (root / "deploy/k8s/components/observability/network.yaml").read_text()
    for names in service.processes.values():
        if names.kubernetes not in jobs:
            yield f"deploy/observability/prometheus.yaml: no job {names.kubernetes}"
        if not re.search(rf"[\[ ]{re.escape(names.kubernetes)}[,\]]", scraped):
            yield (
                "deploy/k8s/components/observability/network.yaml: Prometheus may not reach "
                f"{names.kubernetes}"
            )


if __name__ == "__main__":
    main()
