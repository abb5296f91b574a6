"""The image holds the services and what they stand on: no stand-ins, nothing of tests or developers."""

import ast
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kasal_platform.services import services

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
IGNORED = (ROOT / ".dockerignore").read_text().split()
SERVICES = sorted(services())
CONSOLE = {"clients/typescript", "console", "tools/console.sh"}
STAND_INS = {"fakeredis", "lupa", "sortedcontainers"}
STAND_IN_FOR_MONGODB = {"secantusdb", "numpy", "shapely", "s2sphere"}
"""GPL, and large: only the stack and tests need them."""
DEVELOPERS = {"pytest", "pytest-xdist", "hypothesis", "testcontainers", "schemathesis", "mypy"}
NOT_SHIPPED = {"devkit", "fakeredis", "kasal_platform", "pytest", "secantusdb"}


def _locked(name: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / name).read_text(), re.MULTILINE))


def _members() -> list[str]:
    """What the Dockerfile installs of this repository, as its command names it."""
    command = next(line for line in DOCKERFILE.splitlines() if "--target /opt/services" in line)
    words = [word for word in shlex.split(command) if word.startswith("./")]
    found = [path for word in words for path in sorted(ROOT.glob(word.strip("./")))]
    return [f"./{path.relative_to(ROOT)}" for path in found if (path / "pyproject.toml").exists()]


def test_the_lock_of_the_image_has_no_stand_ins_and_nothing_of_developers() -> None:
    locked = _locked("requirements-services.lock")
    assert {"fastapi", "pymongo", "redis", "aio-pika"} <= locked
    assert locked & (STAND_INS | STAND_IN_FOR_MONGODB | DEVELOPERS) == set()
    assert _locked("requirements.lock") >= STAND_INS, "the names above are those of today"


def test_what_run_needs_is_free_of_the_stand_in_for_mongodb() -> None:
    assert _locked("requirements.lock") & (STAND_IN_FOR_MONGODB | DEVELOPERS) == set()
    assert _locked("requirements-dev.lock") >= STAND_IN_FOR_MONGODB, "the names above are of today"


def test_no_start_in_a_test_waits_for_a_grammar_that_does_not_ship() -> None:
    """Jsonschema imports it where it is installed, and it is made at each import: a second of CPU."""
    assert "rfc3987-syntax" not in _locked("requirements-dev.lock")
    assert "jsonschema" in _locked("requirements-dev.lock"), (
        "the names are spelt as the lock spells them"
    )


def test_the_image_is_built_from_the_services_and_their_library_alone() -> None:
    assert sorted(_members()) == ["./libs/common", *(f"./services/{name}" for name in SERVICES)]
    locks = set(re.findall(r"\S+\.lock\b", DOCKERFILE))
    assert locks == {f"requirements-{name}.lock" for name in ("services", "build", "node")}
    copied = re.findall(r"^COPY (?!--from)(\S+)", DOCKERFILE, re.MULTILINE)
    assert set(copied) == {*locks, "libs/common", "pyproject.toml", "services", *CONSOLE}
    let_in = {line[1:] for line in IGNORED if line.startswith("!")}
    assert let_in == set(copied)
    assert {"**/tests", "**/node_modules", "**/dist"} <= set(IGNORED)


def test_the_console_is_in_the_image_and_the_node_that_built_it_is_not() -> None:
    stages = DOCKERFILE.split("\nFROM ")[1:]
    [build] = [stage for stage in stages if " AS console\n" in stage]
    assert "sh tools/console.sh build" in build
    assert set(re.findall(r"^COPY (\S+)", build, re.MULTILINE)) == {
        "requirements-node.lock",
        *CONSOLE,
    }
    shipped = stages[-1]
    [folder] = re.findall(r"^COPY --from=console /build/console/dist (\S+)$", shipped, re.MULTILINE)
    assert re.search(rf"\sKASAL_CONSOLE_DIR={folder}\s", shipped)
    assert "node" not in shipped


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the Dockerfile's own command makes of the services."""
    folder = tmp_path_factory.mktemp("image")
    install = "pip install -q --no-index --no-deps --no-build-isolation --no-cache-dir"
    command = [sys.executable, "-m", *install.split(), "--target", str(folder), *_members()]
    quiet = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"}
    subprocess.run(command, cwd=ROOT, env=quiet, check=True)
    return folder


def test_nothing_that_is_installed_imports_what_does_not_ship(installed: Path) -> None:
    packages = {path.name for path in installed.iterdir() if (path / "__init__.py").exists()}
    assert packages == {"common", "kasal_tools", *SERVICES}
    sources = list(installed.rglob("*.py"))
    assert len(sources) > 100
    found = {(path.name, name) for path in sources for name in _imported(path)}
    assert {pair for pair in found if pair[1] in NOT_SHIPPED} == set()


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def test_what_is_installed_asks_for_nothing_that_is_not_locked(installed: Path) -> None:
    locked = _locked("requirements-services.lock")
    asked = {
        re.split(r"[^A-Za-z0-9._-]", line.partition(": ")[2])[0].lower()
        for metadata in installed.glob("*.dist-info/METADATA")
        for line in metadata.read_text().splitlines()
        if line.startswith("Requires-Dist: ") and "extra ==" not in line
    }
    assert "fastapi" in asked
    assert {name for name in asked if not name.startswith("kasal-")} <= locked
    assert {name for name in asked if name.startswith("kasal-")} <= {"kasal-common"}
