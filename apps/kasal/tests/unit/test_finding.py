"""Where real backends come from, and in which order."""

from contextlib import contextmanager

import pytest

from kasal_platform.local import docker, finding, redis
from kasal_platform.local.program import ProgramFailed


@pytest.fixture(autouse=True)
def taken(monkeypatch):
    """What was tried, in order; nothing is there unless a test says so."""
    steps: list[str] = []
    monkeypatch.delenv("KASAL_TEST_REDIS_URL", raising=False)
    monkeypatch.setattr(docker, "can_run", lambda image: steps.append(f"docker {image}") or False)
    monkeypatch.setattr(redis, "installed", lambda: False)
    monkeypatch.setattr(finding.os, "geteuid", lambda: 1000)

    @contextmanager
    def started(program):
        steps.append("program")
        yield finding.FoundBackend(program)

    monkeypatch.setattr(finding, "_run_program", started)
    monkeypatch.setattr(redis, "program", lambda folder: f"redis over {folder}")
    return steps


def test_a_named_server_wins(monkeypatch, taken, tmp_path):
    monkeypatch.setenv("KASAL_TEST_REDIS_URL", "redis://named")
    with finding.redis_url(tmp_path) as url:
        assert url == "redis://named"
    assert taken == []


def test_then_a_container(monkeypatch, taken, tmp_path):
    @contextmanager
    def running(image, port, answers):
        yield "10.0.0.1", 32_000

    monkeypatch.setattr(docker, "can_run", lambda image: True)
    monkeypatch.setattr(docker, "running", running)
    with finding.redis_url(tmp_path) as url:
        assert url == "redis://10.0.0.1:32000/0"


def test_then_a_program(monkeypatch, taken, tmp_path):
    monkeypatch.setattr(redis, "installed", lambda: True)
    with finding.redis_url(tmp_path) as url:
        assert url == f"redis over {tmp_path}"
    assert taken == ["docker redis:8-alpine", "program"]


def test_who_wants_to_kill_it_gets_a_program_whatever_else_there_is(monkeypatch, taken, tmp_path):
    monkeypatch.setenv("KASAL_TEST_REDIS_URL", "redis://named")
    monkeypatch.setattr(redis, "installed", lambda: True)
    with finding.redis(tmp_path, program_only=True) as found:
        assert found.url == f"redis over {tmp_path}"
    assert taken == ["program"]


def test_then_root_on_debian_installs_it(monkeypatch, taken, tmp_path):
    ran = []
    monkeypatch.setattr(finding.os, "geteuid", lambda: 0)
    monkeypatch.setattr(finding.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(finding.subprocess, "run", lambda command, **_: ran.append(command))
    with finding.redis_url(tmp_path):
        pass
    assert [command[1] for command in ran] == ["update", "install"]
    assert ran[1][-1] == "redis-server"
    assert taken[-1] == "program"


def test_else_it_says_what_to_install(tmp_path):
    with (
        pytest.raises(ProgramFailed, match="apt-get install redis-server") as told,
        finding.redis_url(tmp_path),
    ):
        pass
    assert "KASAL_TEST_REDIS_URL" in str(told.value)


def test_an_installation_that_fails_says_so_too(monkeypatch, tmp_path):
    def fail(command, **_):
        raise finding.subprocess.CalledProcessError(100, command)

    monkeypatch.setattr(finding.os, "geteuid", lambda: 0)
    monkeypatch.setattr(finding.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(finding.subprocess, "run", fail)
    with pytest.raises(ProgramFailed, match="Installing it failed"), finding.redis_url(tmp_path):
        pass


def test_no_engine_is_no_container(monkeypatch, tmp_path):
    monkeypatch.undo()
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    assert docker.can_run("redis:8-alpine") is False
