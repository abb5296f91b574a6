"""`services.toml` names every service, all else fits it, and a service more is a few lines in few files."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from kasal_platform.local.program import free_port

ROOT = Path(__file__).parents[2]
ENTRY = """
[toy]
port = 8009
database = false
needs = ["redis"]
documented = false
processes = { serve = { compose = "toy", kubernetes = "toy" } }
"""
PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "kasal-toy"
version = "0.1.0"
dependencies = ["kasal-common"]

[tool.hatch.build.targets.wheel]
packages = ["src/toy"]
"""
CONFIG = '''
"""Settings of the toy service."""

from pydantic import Field

from common.settings import RedisSettings


class Settings(RedisSettings):
    port: int = Field(default=8009, ge=0, le=65_535)
'''
WIRING = '''
"""The one place where the toy service is put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from common.backends import Backends
from common.web.http import create_app
from common.telemetry import Telemetry
from toy.config import Settings


def build_app(settings: Settings, backends: Backends) -> FastAPI:
    telemetry = Telemetry("toy", settings.otlp_endpoint)
    redis = backends.redis(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await redis.aclose()
        telemetry.close()

    async def ask_redis() -> None:
        await redis.ping()

    app = create_app(
        "toy", telemetry=telemetry, routers=[], lifespan=lifespan, checks={"redis": ask_redis}
    )
    app.state.telemetry = telemetry
    return app
'''
MAIN = '''
"""`python -m toy serve`."""

from common.backends import Backends
from common.logs import configure_logging
from common.web.server import run, serve
from common.settings import load
from toy.config import Settings
from toy.wiring import build_app

if __name__ == "__main__":
    settings = load(Settings)
    configure_logging(settings.log_level, settings.log_format, "toy")
    app = build_app(settings, Backends())
    run(lambda: serve(app, settings, [app.state.telemetry]))
'''
CONTAINER = """
  toy:
    <<: *service
    command: [toy, serve]
    environment: *environment
    secrets: [kasal_service_secret, kasal_redis_url]

"""
RULES = re.compile(
    r"^((?:source_)?modules|containers|root_packages) = \[([^\]]*\"gateway\"[^\]]*)\]", re.MULTILINE
)


class Copy:
    """A copy of the repository's own files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
        for name in listed.stdout.decode().rstrip("\0").split("\0"):
            if not name.startswith(("docs/", "bench/", "tests/")) and (ROOT / name).is_file():
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes((ROOT / name).read_bytes())
        self.touched: set[str] = set()

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip())

    def change(self, name: str, *pairs: tuple[str, str]) -> None:
        """Put the second text of each pair for the first, in a file that is there."""
        path = self.folder / name
        text = path.read_text()
        for before, after in pairs:
            assert before in text, (name, before)
            text = text.replace(before, after)
        path.write_text(text)
        self.touched.add(name)

    @property
    def environment(self) -> dict[str, str]:
        sources = [*self.folder.glob("*/*/src")]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("KASAL_")}
        return {**kept, "PYTHONPATH": os.pathsep.join(str(path) for path in sources)}

    def run(self, *command: str, code: int = 0) -> list[str]:
        done = subprocess.run(
            command,
            check=False,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout.splitlines()

    def gaps(self, code: int = 0) -> list[str]:
        return self.run(sys.executable, "tools/services.py", code=code)


@pytest.fixture(scope="module")
def with_toy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """A copy to which the toy service is added, as CONTRIBUTING.md says."""
    copy = Copy(tmp_path_factory.mktemp("repository"))
    assert copy.gaps() == []
    _add_folder(copy)
    assert copy.gaps(code=1) == ["services.toml: no entry for services/toy"]
    copy.change("services.toml", ("\n[gateway]\n", ENTRY + "\n[gateway]\n"))
    named = {gap.partition(":")[0] for gap in copy.gaps(code=1)}
    _deploy(copy)
    assert named | {"services.toml"} == {
        name if name != "deploy/k8s/base/events.yaml" else "deploy/k8s/base/toy.yaml"
        for name in copy.touched
    } | {"deploy/k8s/base/toy.yaml"}
    return copy


def _add_folder(copy: Copy) -> None:
    copy.write("services/toy/README.md", "# toy\n")
    copy.write("services/toy/pyproject.toml", PROJECT)
    for name in ("__init__.py", "py.typed"):
        copy.write(f"services/toy/src/toy/{name}", "")
    for name, text in {"config": CONFIG, "wiring": WIRING, "__main__": MAIN}.items():
        copy.write(f"services/toy/src/toy/{name}.py", text)


def _deploy(copy: Copy) -> None:
    copy.change(
        "docker-compose.yml",
        ("\n  # Indexes and schema versions", CONTAINER + "  # Indexes and schema versions"),
        ("KASAL_EVENTS_URL:", "KASAL_TOY_URL: http://toy:8000\n  KASAL_EVENTS_URL:"),
    )
    events = (copy.folder / "deploy/k8s/base/events.yaml").read_text()
    used = '        kasal.dev/uses-rabbitmq: "true"\n'
    copy.write(
        "deploy/k8s/base/toy.yaml",
        re.sub(r"\bevents\b", "toy", events.replace(used, "")),
    )
    copy.change(
        "deploy/k8s/base/kustomization.yaml",
        ("  - events.yaml\n", "  - events.yaml\n  - toy.yaml\n"),
    )
    scraped = "  - job_name: toy\n    dns_sd_configs: [{names: [toy], type: A, port: 9100}]\n"
    copy.change(
        "deploy/observability/prometheus.yaml",
        ("  - job_name: events\n", scraped + "  - job_name: events\n"),
    )
    copy.change("deploy/k8s/components/observability/network.yaml", (", events]", ", events, toy]"))
    copy.change(
        "apps/kasal/pyproject.toml",
        ('    "kasal-gateway",\n', '    "kasal-gateway",\n    "kasal-toy",\n'),
    )
    copy.change(
        "pyproject.toml",
        ('    "kasal-gateway",\n', '    "kasal-gateway",\n    "kasal-toy",\n'),
        ("kasal-gateway = {", "kasal-toy = { workspace = true }\nkasal-gateway = {"),
        ('    "services/gateway/src",\n', '    "services/gateway/src",\n    "services/toy/src",\n'),
    )
    project = copy.folder / "pyproject.toml"
    text = RULES.sub(
        lambda m: f'{m[1]} = [{m[2].rstrip().rstrip(",")}, "toy"]', project.read_text()
    )
    project.write_text(text)


def test_everything_fits_the_manifest() -> None:
    called = subprocess.run(
        [sys.executable, "tools/services.py"], check=False, cwd=ROOT, capture_output=True, text=True
    )
    assert (called.returncode, called.stdout) == (0, ""), called.stderr


def test_a_service_more_is_a_folder_its_line_and_its_deployment(with_toy: Copy) -> None:
    assert with_toy.gaps() == []
    assert with_toy.touched == {
        "services.toml",
        "pyproject.toml",
        "apps/kasal/pyproject.toml",
        "docker-compose.yml",
        "deploy/k8s/base/kustomization.yaml",
        "deploy/k8s/components/observability/network.yaml",
        "deploy/observability/prometheus.yaml",
    }


def test_the_program_and_the_makefile_know_it(with_toy: Copy) -> None:
    known = "from kasal_platform.services import services; print(*services())"
    [line] = with_toy.run(sys.executable, "-c", known)
    assert line.split() == ["auth", "crews", "executor", "events", "toy", "gateway"]
    planned = with_toy.run("make", "-n", "-o", ".venv/installed-dev", "lint")
    assert any(" services/toy/src" in line for line in planned if "mypy" in line)


def test_the_import_rules_hold_for_it(with_toy: Copy) -> None:
    linter = str(Path(sys.executable).with_name("lint-imports"))
    lines = with_toy.run(linter, "--no-logo", "--no-cache")
    assert any(line.endswith(" 0 broken.") for line in lines)


async def test_it_starts_and_answers(with_toy: Copy, redis_url: str) -> None:
    port = free_port()
    given = {"KASAL_PORT": str(port), "KASAL_REDIS_URL": redis_url}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "toy", "serve"),
        env={**with_toy.environment, **given},
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        assert await _answer(f"http://127.0.0.1:{port}/readyz", process) == 200
        assert await _answer(f"http://127.0.0.1:{port}/healthz", process) == 200
    finally:
        if process.returncode is None:
            process.terminate()
        assert await asyncio.wait_for(process.wait(), 60) == 0


async def _answer(url: str, process: asyncio.subprocess.Process) -> int:
    """Return the status of the first answer that comes."""
    async with asyncio.timeout(120), aiohttp.ClientSession() as http:
        while process.returncode is None:
            try:
                async with http.get(url) as answer:
                    return answer.status
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.05)
    raise AssertionError("it has ended")
