"""Where the real backends of `make test` and `make stack` come from, and in which order."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from kasal_platform.local import docker, rabbitmq, secantus
from kasal_platform.local import redis as redis_program
from kasal_platform.local.program import LocalProgram, ProgramFailed, replies

_INSTALL_SECONDS = 600


@dataclass(frozen=True)
class _Kind:
    """One backend: its environment variable, image, first bytes, URL, program and Debian package."""

    variable: str
    image: str
    port: int
    question: bytes
    beginning: bytes
    url: str
    program: ModuleType
    package: str


_RABBITMQ = _Kind(
    variable="KASAL_TEST_AMQP_URL",
    image="rabbitmq:4-alpine",
    port=5672,
    question=b"AMQP\x00\x00\x09\x01",
    beginning=b"\x01",
    url="amqp://guest:guest@{}:{}/",
    program=rabbitmq,
    package="rabbitmq-server",
)
_REDIS = _Kind(
    variable="KASAL_TEST_REDIS_URL",
    image="redis:8-alpine",
    port=6379,
    question=b"PING\r\n",
    beginning=b"+PONG",
    url="redis://{}:{}/0",
    program=redis_program,
    package="redis-server",
)
GIVEN_BY = frozenset({_RABBITMQ.variable, _REDIS.variable})
"""Variables that name a running server to use."""


@dataclass(frozen=True)
class FoundBackend:
    """A backend that is up: its URL, and its program if it was started here."""

    url: str
    program: LocalProgram | None = None


@contextmanager
def amqp(folder: Path, *, program_only: bool = False) -> Iterator[FoundBackend]:
    """Yield a RabbitMQ; one that is started here keeps its data in `folder`.

    `program_only` starts it as a program of this machine, for callers that want to kill it.
    Raises `ProgramFailed`, saying what to install, if none is available.
    """
    with _provide(_RABBITMQ, folder, program_only) as found:
        yield found


@contextmanager
def redis(folder: Path, *, program_only: bool = False) -> Iterator[FoundBackend]:
    """Yield a Redis, as `amqp` yields a RabbitMQ."""
    with _provide(_REDIS, folder, program_only) as found:
        yield found


@contextmanager
def mongo(folder: Path, *, program_only: bool = False) -> Iterator[FoundBackend]:
    """Yield the MongoDB that `KASAL_TEST_MONGO_URL` names, or a SecantusDB over `folder`."""
    given = None if program_only else os.environ.get("KASAL_TEST_MONGO_URL")
    if given:
        yield FoundBackend(given)
        return
    with _run_program(secantus.program(folder)) as found:
        yield found


@contextmanager
def amqp_url(folder: Path) -> Iterator[str]:
    """Yield the URL of a RabbitMQ, found or started like `amqp`."""
    with amqp(folder) as found:
        yield found.url


@contextmanager
def redis_url(folder: Path) -> Iterator[str]:
    """Yield the URL of a Redis."""
    with redis(folder) as found:
        yield found.url


@contextmanager
def mongo_url(folder: Path) -> Iterator[str]:
    """Yield the URL of a MongoDB."""
    with mongo(folder) as found:
        yield found.url


@contextmanager
def _provide(kind: _Kind, folder: Path, program_only: bool) -> Iterator[FoundBackend]:
    given = None if program_only else os.environ.get(kind.variable)
    if given:
        yield FoundBackend(given)
    elif not program_only and docker.can_run(kind.image):
        with docker.running(kind.image, kind.port, _answers(kind)) as (host, port):
            yield FoundBackend(kind.url.format(host, port))
    else:
        install_unless(
            kind.program.installed,
            kind.package,
            f", or start Docker, or name a server in {kind.variable}",
        )
        with _run_program(kind.program.program(folder)) as found:
            yield found


def _answers(kind: _Kind) -> Callable[[str, int], bool]:
    return lambda host, port: replies(port, kind.question, kind.beginning, host)


@contextmanager
def _run_program(program: LocalProgram) -> Iterator[FoundBackend]:
    program.start()
    try:
        program.wait(60.0)
        yield FoundBackend(program.url, program)
    finally:
        program.stop()


def install_unless(installed: Callable[[], bool], package: str, otherwise: str = "") -> None:
    """Install a Debian package, as root on Debian, unless it is there; one process at a time.

    Raises `ProgramFailed`, saying what to install and what could be done `otherwise`.
    """
    with _hold_install_lock():
        if not installed():
            _install(package, otherwise)


@contextmanager
def _hold_install_lock() -> Iterator[None]:
    """Make other processes of this user wait: `apt-get` refuses to run concurrently."""
    with (Path(tempfile.gettempdir()) / f"kasal-installing-{os.getuid()}").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(package: str, otherwise: str) -> None:
    wanted = (
        f"{package} is missing. Install it (Debian, Ubuntu: apt-get install {package}){otherwise}."
    )
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise ProgramFailed(wanted)
    # With a run level of 1, Debian's packages do not start their servers on the standard ports.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    update = ["apt-get", "update", "-qq"]
    install = ["apt-get", "install", "-qq", "-y", "--no-install-recommends", package]
    try:
        for command in (update, install):
            subprocess.run(  # noqa: S603 - our own commands
                command, env=environment, check=True, timeout=_INSTALL_SECONDS, capture_output=True
            )
    except (OSError, subprocess.SubprocessError) as fault:
        raise ProgramFailed(f"{wanted} (Installing it failed: {fault})") from None
