"""Backends as containers, if a Docker engine answers and has the image or can pull it."""

import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from common.logs import get_logger
from kasal_platform.local.program import ProgramFailed

log = get_logger(__name__)

_QUICKLY = 3
"""Seconds that an engine or a registry has to answer, so that a hanging one does not delay the tests."""
_PULL = 300


def can_run(image: str) -> bool:
    """Return whether an engine answers that has `image`, or could pull it now."""
    if not _engine_listens():
        return False
    try:
        import docker  # type: ignore[import-untyped]
    except ImportError:
        return False
    try:
        with contextlib.closing(docker.from_env(timeout=_QUICKLY)) as engine:
            engine.ping()
            return _has(engine, image) or _pull(engine, image)
    except (docker.errors.DockerException, OSError) as fault:  # a failed HTTP call is an OSError
        log.debug("no container can be used", image=image, reason=str(fault))
        return False


def _engine_listens() -> bool:
    # Checked first, since docker's client leaves its socket open if nobody answers.
    where = urlsplit(os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock")
    if where.scheme != "unix":
        return where.scheme in {"tcp", "http", "https", "ssh"}
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_QUICKLY)
        try:
            probe.connect(where.path)
        except OSError:
            return False
    return True


def _has(engine: Any, image: str) -> bool:
    return any(image in known.tags for known in engine.images.list())


def _pull(engine: Any, image: str) -> bool:
    import docker

    engine.images.get_registry_data(image)  # fails fast where there is no registry
    with contextlib.closing(docker.from_env(timeout=_PULL)) as patient:
        patient.images.pull(image)
    return True


@contextlib.contextmanager
def running(
    image: str, port: int, answers: Callable[[str, int], bool], seconds: float = 60.0
) -> Iterator[tuple[str, int]]:
    """Run `image` during the block; yield the host and port of its `port`.

    `answers` returns whether the server at that host and port serves clients.
    """
    # The clean-up container of testcontainers would be one more image to pull.
    os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
    from testcontainers.core.container import DockerContainer

    with DockerContainer(image).with_exposed_ports(port) as container:
        host, mapped = container.get_container_host_ip(), int(container.get_exposed_port(port))
        until = time.monotonic() + seconds
        while not answers(host, mapped):
            if time.monotonic() > until:
                raise ProgramFailed(f"the container of {image} did not get ready in {seconds:g} s")
            time.sleep(0.1)
        yield host, mapped
