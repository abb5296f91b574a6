"""A backend that is started as a child of this process and stopped with it."""

import asyncio
import contextlib
import ctypes
import fcntl
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from kasal_platform.local import births

_POLL = 0.02
_LITTLE_ROOM = 1024 * 1024
_PR_SET_PDEATHSIG = 1


class ProgramFailed(Exception):  # noqa: N818 - it says what happened
    """A backend's program is missing, did not start or has ended; the text is one plain line."""


class LocalProgram:
    """One backend: `start` it, wait until it is `ready`, `wait_for_exit`, `stop` it.

    `url` is where clients find it once it is ready. It runs in its own session, so that Ctrl-C does not
    reach it. On Linux it ends with its parent even if that is killed; elsewhere the next start finds it by
    its pid file. `answers` returns whether it serves clients yet.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        command: Sequence[str],
        url: str,
        answers: Callable[[], bool],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.url = url
        self.folder = folder
        self._command = list(command)
        self._answers = answers
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> None:
        """Start the program without waiting for it. Raises `ProgramFailed`.

        Call it from the main thread: Linux ends the child with the thread that started it.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.pid is None:
            self._release()  # after it has ended by itself the lock is still held
        self._lock = self._take_lock()
        births.stop_recorded(self._pid_file)
        try:
            # Keep the log of this parent's earlier starts, not that of an earlier parent.
            with self._log_file.open("ab" if self._process else "wb") as log:
                self._process = subprocess.Popen(  # noqa: S603 - our own command
                    self._command,
                    cwd=self.folder,
                    env={**os.environ, **self._environment},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509 - two system calls, no lock
                )
        except OSError as fault:
            self._release()
            raise ProgramFailed(f"{self.name} cannot be started: {fault}") from None
        births.record(self._pid_file, self._process.pid)

    def wait(self, seconds: float = 30.0) -> None:
        """Return when it serves clients. On a failure, stop it and raise `ProgramFailed`."""
        until = time.monotonic() + seconds
        while not self._is_ready(until):
            time.sleep(_POLL)

    async def ready(self, seconds: float = 30.0) -> None:
        """Do the same on a running event loop."""
        until = time.monotonic() + seconds
        while not self._is_ready(until):  # noqa: ASYNC110 - another process has no event
            await asyncio.sleep(_POLL)

    async def wait_for_exit(self) -> str:
        """Return, once the program has ended without `stop`, one line that says so."""
        while self.pid is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
        return self._obituary()

    def stop(self, grace: float = 10.0) -> None:
        """End it; kill it after `grace` seconds. Does nothing if it does not run."""
        process = self._process
        if process is not None:
            process.terminate()
            try:
                process.wait(grace)
            except subprocess.TimeoutExpired:
                self.kill()
        self._pid_file.unlink(missing_ok=True)
        self._release()

    def kill(self) -> None:
        """End it and its children at once, as a crash would; `start` starts it again."""
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
        self._release()

    def signal(self, number: int) -> None:
        """Send a signal to it and its children."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    def _is_ready(self, until: float) -> bool:
        if self.pid is None:
            self.stop()
            raise ProgramFailed(self._obituary())
        if self._answers():
            return True
        if time.monotonic() > until:
            self.stop()
            raise ProgramFailed(f"{self.name} did not get ready in time; see {self._log_file}")
        return False

    def _obituary(self) -> str:
        code = self._process.returncode if self._process is not None else None
        lines = (
            self._log_file.read_text(errors="replace").split("\n")
            if self._log_file.exists()
            else []
        )
        last = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
        if shutil.disk_usage(self.folder).free < _LITTLE_ROOM:
            last = f"its disk is full; {last}"
        return f"{self.name} has ended with {code}: {last[:300]} (all of it: {self._log_file})"

    def _take_lock(self) -> IO[str]:
        held = (self.folder / "lock").open("a+")
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            held.close()
            raise ProgramFailed(
                f"{self.folder} is in use by another process that runs {self.name}"
            ) from None
        return held

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    @property
    def _pid_file(self) -> Path:
        return self.folder / "pid"

    @property
    def _log_file(self) -> Path:
        return self.folder / "log.txt"


def _die_with(parent: int) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # the parent died before the call
            os._exit(1)

    return ask


_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST_PORT = 10_000
_USUALLY_EPHEMERAL = 32_768
_share = (0, 1)
_returned: deque[int] = deque(maxlen=500)
"""Their servers may not listen yet."""
"""The usual start of the ports for outgoing connections, if the system does not say."""


def share_ports(place: int, sharers: int) -> None:
    """Take free ports from one of `sharers` parts only, so that processes side by side do not take the same."""
    global _share  # noqa: PLW0603 - a process has one
    _share = place, sharers


def free_port() -> int:
    """Return a free TCP port of the loopback address, and not one of those that were returned lately.

    It is not one that the system could assign to an outgoing connection while the server is being
    restarted.
    """
    below = _first_ephemeral()
    while True:
        port = _candidate(below) if below > 2 * _LOWEST_PORT else 0
        if port in _returned:
            continue
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            _returned.append(int(probe.getsockname()[1]))
            return _returned[-1]


def _candidate(below: int) -> int:
    place, sharers = _share
    size = (below - _LOWEST_PORT) // sharers
    return _LOWEST_PORT + place * size + random.randrange(size)  # noqa: S311


def _first_ephemeral() -> int:
    try:
        return int(_EPHEMERAL.read_text().split()[0])
    except (OSError, ValueError):
        return _USUALLY_EPHEMERAL


def replies(port: int, question: bytes, beginning: bytes, host: str = "127.0.0.1") -> bool:
    """Return whether the server on `port` answers `question` with text that starts with `beginning`."""
    try:
        with socket.create_connection((host, port), timeout=1.0) as link:
            if not question:
                return True
            link.sendall(question)
            return link.recv(len(beginning)) == beginning
    except OSError:
        return False
