"""The containers of docker-compose.yml, which `make journeys-compose` has brought up: killed, stopped, looked into.

`docker compose` finds them by the environment that brought them up (COMPOSE_FILE, DOCKER_HOST ...).
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="session")

SERVICES = ("gateway", "auth", "crews", "executor", "events", "worker")
DRAIN = 10.0
"""Seconds within which a process that is told to stop has handed its work on and ended."""

RESUME = 10.0
"""Seconds within which a killed worker's job has ended in another, on a machine that does other work too."""


async def docker(*arguments: str) -> str:
    """Run docker and return what it printed; it must end well."""
    process = await asyncio.create_subprocess_exec(
        "docker", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(90):
        printed, said = await process.communicate()
    assert process.returncode == 0, (arguments, said.decode())
    return printed.decode().strip()


async def containers(service: str) -> list[str]:
    return (await docker("compose", "ps", "--quiet", service)).split()


async def inspected(container: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(await docker("inspect", container))[0]
    return told


async def busy_worker(running: list[str]) -> str:
    """Return the worker that runs a job, as its own metrics say."""
    script = (
        "import urllib.request as r;"
        "print([l for l in r.urlopen('http://127.0.0.1:9100/metrics').read().decode().splitlines()"
        " if l.startswith('kasal_jobs_running{')][0].split()[-1])"
    )
    for container in running:
        if float(await docker("exec", container, "python", "-c", script)) > 0:
            return container
    raise AssertionError("no worker runs a job")


@pytest_asyncio.fixture(loop_scope="session")
async def whole() -> AsyncIterator[None]:
    """Whatever the test stops is up and ready again after it."""
    yield
    await docker("compose", "up", "--detach", "--wait", "--no-recreate")


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str, float], None]:
    """Shows a figure among the results: the note in docs/how-to/compose.md is made of them."""

    def shown(what: str, seconds: float) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n  {what}: {seconds:.2f} s\n")

    return shown


async def held_job(user: Any, name: str) -> asyncio.Task[list[dict[str, Any]]]:
    """Start a job whose second model call is held; return the task that watches it."""
    crew_id = await user.crew("First of all", f"Then hold:{name}", "At last", model="gpt-4")
    job_id = await user.start(crew_id)
    watching = asyncio.create_task(user.watch(job_id))
    await user.platform.model.held(name)
    return watching


def is_whole(events: list[dict[str, Any]], tasks: int) -> bool:
    """No hole, no repeat, each task begun and ended once, one end."""
    kinds = [event["type"] for event in events]
    return (
        [event["seq"] for event in events] == list(range(1, len(events) + 1))
        and kinds.count("task_start") == kinds.count("task_complete") == tasks
        and kinds[-1] == "execution_complete"
    )


@pytest.mark.usefixtures("whole")
async def test_a_killed_containers_job_goes_on_in_another(user: Any, tell: Any) -> None:
    watching = await held_job(user, "killed_container")
    running = await containers("worker")
    assert len(running) > 1, "one worker is to be left"
    killed = await busy_worker(running)
    await docker("kill", killed)
    since = time.monotonic()
    user.platform.model.release("killed_container")
    events = await watching
    took = time.monotonic() - since
    tell("from SIGKILL to the end of the job", took)
    assert is_whole(events, tasks=3), events
    assert [event["type"] for event in events].count("execution_resumed") == 1
    assert took < RESUME


@pytest.mark.usefixtures("whole")
async def test_a_stopped_container_hands_its_job_on(user: Any, tell: Any) -> None:
    watching = await held_job(user, "stopped_container")
    stopped = await busy_worker(await containers("worker"))
    since = time.monotonic()
    await docker("stop", "--time", "30", stopped)
    took = time.monotonic() - since
    state = (await inspected(stopped))["State"]
    user.platform.model.release("stopped_container")
    events = await watching
    tell("from SIGTERM to the end of a busy worker", took)
    assert state["ExitCode"] == 0, "the signal reached the process, which ended by itself"
    assert took < DRAIN
    assert is_whole(events, tasks=3)


@pytest.mark.usefixtures("whole")
@pytest.mark.parametrize("service", SERVICES)
async def test_every_service_ends_when_told(service: str, tell: Any) -> None:
    for container in await containers(service):
        since = time.monotonic()
        await docker("stop", "--time", "30", container)
        took = time.monotonic() - since
        tell(f"from SIGTERM to the end of {service}", took)
        assert (await inspected(container))["State"]["ExitCode"] == 0
        assert took < DRAIN


@pytest.mark.usefixtures("whole")
async def test_restarted_backends_are_found_again(user: Any) -> None:
    crew_id = await user.crew("Say hello")
    for backend in ("redis", "rabbitmq", "mongo"):
        await docker("compose", "restart", backend)
        await docker("compose", "up", "--detach", "--wait", "--no-recreate")
        events = await user.watch(await user.start(crew_id))
        assert is_whole(events, tasks=1), backend


@pytest.mark.parametrize("service", SERVICES)
async def test_a_container_can_do_little(service: str) -> None:
    [container, *_] = await containers(service)
    tried = (
        "import os, shutil, pathlib;"
        "print(os.getuid(), os.getgid(),"
        " [t for t in ('pip', 'pip3', 'gcc', 'cc', 'make', 'curl') if shutil.which(t)],"
        " [l.split()[1] for l in open('/proc/self/status') if l.startswith(('CapEff', 'NoNewPrivs'))]);"
        "pathlib.Path('/opt/kasal/x').touch()"
    )
    process = await asyncio.create_subprocess_exec(
        *("docker", "exec", container, "python", "-c", tried),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, said = await process.communicate()
    assert printed.decode().strip() == "10001 10001 [] ['0000000000000000', '1']"
    assert "Read-only file system" in said.decode()


async def test_only_the_gateway_is_published() -> None:
    listed = (await docker("compose", "ps", "--format", "json")).splitlines()
    published = {
        told["Service"]: [port["PublishedPort"] for port in told["Publishers"] or ()]
        for told in map(json.loads, listed)
    }
    assert {service for service, ports in published.items() if any(ports)} == {"gateway"}


async def test_no_secret_is_in_an_image_or_an_environment() -> None:
    """They are files that only the services that need them have."""
    mongo_url = await docker("compose", "exec", "-T", "auth", "cat", "/run/secrets/kasal_mongo_url")
    password = mongo_url.split(":")[2].split("@")[0]
    for service in SERVICES:
        [container, *_] = await containers(service)
        assert password not in json.dumps(await inspected(container))
    for service in ("gateway", "events"):
        assert "mongo" not in await docker("compose", "exec", "-T", service, "ls", "/run/secrets")
