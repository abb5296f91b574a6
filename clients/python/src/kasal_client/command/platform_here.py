"""The platform that `kasal dev` works with: one that answers, or else one that it starts and ends."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from .exits import ExitCode
from .faults import CommandError
from .link import Link
from .output import Output

UP = "Kasal is up"
"""What `kasal-platform run` prints when it answers."""
DEMO = ("user@example.com", "secure_password")
"""The user that a platform on a laptop has from its first start."""
_LOCAL = ("localhost", "127.0.0.1", "::1")
_PATIENCE = 120.0
_SHOWN = 5


@contextmanager
def platform_for(link: Link, output: Output, settings: Mapping[str, str]) -> Iterator[Link]:
    """Give the way to a platform at the link's address. One that was started here ends afterwards.

    Raises `CommandError` if there is none and none can be started.
    """
    url = link.address()
    if is_answering(url):
        yield with_identity(replace(link, url=url))
        return
    if urlsplit(url).hostname not in _LOCAL:
        advice = "Start it there, or name another: --url, KASAL_URL."
        raise CommandError(f"Nobody answers at {url}.", advice, ExitCode.UNREACHABLE)
    output.note(f"Starting the platform at {url} …")
    with tempfile.TemporaryFile("w+", prefix="kasal-dev-") as log:
        process = _start(url, settings, log.fileno())
        try:
            with _raise_at_signals():
                _await(process, url, log.fileno())
            yield with_identity(replace(link, url=url))
        finally:
            end(process)


@contextmanager
def _raise_at_signals() -> Iterator[None]:
    """Have the signals that would end this process at once raise, so that what it has started ends too."""
    names = ("SIGTERM", "SIGHUP")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = [(number, signal.signal(number, signal.default_int_handler)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def with_identity(link: Link) -> Link:
    """Return the link with somebody to speak as: who is logged in, or else a laptop's demo user."""
    from kasal_client.errors import ProfileError

    try:
        with link.session():
            return link
    except ProfileError:
        if urlsplit(link.address()).hostname not in _LOCAL:
            raise
        email, password = DEMO
        return replace(link, email=email, password=password)


def is_answering(url: str) -> bool:
    """Say whether somebody listens at `url`."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname or "localhost", port), timeout=2):
            return True
    except OSError:
        return False


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process as Ctrl-C would, and kill it if it does not end."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _start(url: str, settings: Mapping[str, str], log: int) -> subprocess.Popen[bytes]:
    beside = Path(sys.executable).with_name("kasal-platform")
    program = str(beside) if beside.is_file() else shutil.which("kasal-platform")
    if program is None:
        advice = (
            "Install it beside this command, or start it elsewhere (make run) and name it by --url."
        )
        raise CommandError("The program kasal-platform is not here.", advice, ExitCode.UNREACHABLE)
    port = str(urlsplit(url).port or 80)
    environment = {**os.environ, "KASAL_PORT": port, **settings}
    return subprocess.Popen(  # noqa: S603 - the platform's own program
        [program, "run"], env=environment, stdout=log, stderr=log, start_new_session=True
    )


def _await(process: subprocess.Popen[bytes], url: str, log: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        told = os.pread(log, 1_000_000, 0).decode(errors="replace")
        if UP in told:
            return
        if process.poll() is not None:
            last = (
                " ".join(told.strip().splitlines()[-_SHOWN:]) or f"exit code {process.returncode}"
            )
            advice = "Mend that, or start it yourself: make run"
            raise CommandError(f"The platform did not start: {last}", advice, ExitCode.UNREACHABLE)
        time.sleep(0.05)
    advice = "Start it yourself, and see what it says: make run"
    raise CommandError(f"The platform at {url} is not up yet.", advice, ExitCode.UNREACHABLE)
