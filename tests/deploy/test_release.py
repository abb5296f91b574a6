"""`make release` builds what is released and changes nothing else; the version is in one place."""

import json
import re
import subprocess
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

from kasal_platform.services import services

ROOT = Path(__file__).parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def _status() -> str:
    command = ["git", "status", "--porcelain"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def dist() -> Path:
    """The folder that a release has filled."""
    before = _status()
    subprocess.run(["sh", "tools/release.sh"], cwd=ROOT, check=True, capture_output=True)
    assert _status() == before
    return ROOT / "dist"


def test_every_part_that_ships_is_a_wheel_of_this_version(dist: Path) -> None:
    parts = {
        "kasal_platform",
        "kasal_client",
        "kasal_common",
        *(f"kasal_{name}" for name in services()),
    }
    wheels = {path.name.split("-")[0]: path for path in dist.glob("*.whl")}
    assert set(wheels) == parts
    assert {path.name.split("-")[1] for path in wheels.values()} == {VERSION}
    with zipfile.ZipFile(wheels["kasal_platform"]) as wheel:
        assert "kasal_platform/services.toml" in wheel.namelist()
    with zipfile.ZipFile(wheels["kasal_client"]) as wheel:
        assert {"kasal/py.typed", "kasal_client/py.typed"} <= set(wheel.namelist())


def test_the_bill_of_materials_names_every_locked_package(dist: Path) -> None:
    bill = json.loads((dist / f"kasal-{VERSION}.cdx.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    lock = (ROOT / "requirements-services.lock").read_text()
    locked = dict(
        re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\\\\]+)", lock, re.MULTILINE)
    )
    listed = {part["name"]: part["version"] for part in bill["components"]}
    assert len(listed) > 50
    assert listed == locked


def test_nothing_else_says_what_the_version_is() -> None:
    members = [
        path
        for room in ("apps", "libs", "services")
        for path in (ROOT / room).glob("*/pyproject.toml")
    ]
    assert len(members) >= 8
    for path in members:
        assert tomllib.loads(path.read_text())["project"]["dynamic"] == ["version"], path
    production = (ROOT / "deploy/k8s/overlays/production/kustomization.yaml").read_text()
    assert [
        image["newTag"]
        for image in yaml.safe_load(production)["images"]
        if image["name"] == "kasal"
    ] == [VERSION]
    released = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert released[:2] == ["Unreleased", VERSION]
    assert (ROOT / "LICENSE").read_text().split()[:4] == ["Apache", "License", "Version", "2.0,"]
