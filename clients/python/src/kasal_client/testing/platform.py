"""A platform of one's own, in a child process with its own data."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import httpx2

from kasal_client.aio.client import AsyncKasal
from kasal_client.sync.client import Kasal

from .model import ScriptedModel

_TRIES = 3
_GUARD = "import os, sys; sys.stdin.read(); os.killpg(int(sys.argv[1]), 9)"
"""Ends a process group when whoever started it is gone, however that went."""
_LOG_SHOWN = 4_000


class PlatformError(Exception):
    """The platform could not be started; the text ends with what it said."""


class Platform:
    """A platform that runs while the `with` block does, alone on its port and its data.

    `model` answers for all models of the OpenAI family, such as `gpt-4o`; `offline` is built in. `settings` are
    environment variables, such as `{"KASAL_TOOL_ALLOWED_HOSTS": "127.0.0.1:9000"}`.
    """

    def __init__(
        self,
        *,
        model: ScriptedModel | None = None,
        folder: str | Path | None = None,
        port: int = 0,
        timeout: float = 120.0,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._model = model
        self._given_folder = folder
        self._given_port = port
        self._timeout = timeout
        self._settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self.folder = Path()
        """Where its data and its log are."""
        self.url = ""
        self.email = "tester@example.com"
        self.password = secrets.token_urlsafe(12)

    def start(self) -> Self:
        """Start it, and wait until it answers. Raises `PlatformError`."""
        self._make_folder()
        for attempt in range(_TRIES):
            port = self._given_port or _free_port()
            self.url = f"http://127.0.0.1:{port}"
            self._launch(port)
            try:
                self._wait_until_ready()
                break
            except PlatformError:
                self.stop()
                if self._given_port or attempt + 1 == _TRIES or not self._is_port_taken():
                    raise
        return self

    def stop(self) -> None:
        """End it, with all processes that it has started; its data stay as long as the block runs."""
        process, self._process = self._process, None
        if process is None:
            return
        _signal_group(process, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._dismiss_guard()
            _signal_group(process, getattr(signal, "SIGKILL", signal.SIGTERM))
            process.wait()

    def restart(self) -> None:
        """Stop it, and start it again on the same port with the same data."""
        self.stop()
        self._given_port = int(self.url.rpartition(":")[2])
        self.start()

    def client(self, **options: Any) -> Kasal:
        """Return a client of the user that this platform was begun with. `options` are those of `Kasal`."""
        return Kasal(self.url, email=self.email, password=self.password, **options)

    def async_client(self, **options: Any) -> AsyncKasal:
        """Return a client for asyncio of the same user."""
        return AsyncKasal(self.url, email=self.email, password=self.password, **options)

    def new_user(self) -> tuple[str, str]:
        """Make a user with an empty workspace; return e-mail and password."""
        email, password = f"{secrets.token_hex(6)}@example.com", secrets.token_urlsafe(12)
        self._register(email, password)
        return email, password

    def log(self) -> str:
        """Return what it has printed."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _make_folder(self) -> None:
        if self.folder != Path():
            return
        if self._given_folder is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="kasal-")
            self.folder = Path(self._temporary.name)
        else:
            self.folder = Path(self._given_folder)
            self.folder.mkdir(parents=True, exist_ok=True)

    def _launch(self, port: int) -> None:
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("KASAL_")},
            "KASAL_DATA_DIR": str(self.folder / "data"),
            "KASAL_HOST": "127.0.0.1",
            "KASAL_PORT": str(port),
            "KASAL_DEMO": "false",
            "KASAL_PLAN_CHANGES": "true",
            "KASAL_OPEN_ROUTE_LIMIT": "100000",
            "OPENAI_API_KEY": "",
            **({} if self._model is None else {"KASAL_OPENAI_BASE_URL": self._model.url}),
            **self._settings,
        }
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the platform's own command
                [*_command(), "run"],
                env=environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if hasattr(os, "killpg"):
            self._guard = subprocess.Popen(  # noqa: S603 - this Python
                [sys.executable, "-S", "-c", _GUARD, str(self._process.pid)],
                stdin=subprocess.PIPE,
                start_new_session=True,
            )

    def _dismiss_guard(self) -> None:
        guard, self._guard = self._guard, None
        if guard is not None:
            guard.kill()
            guard.communicate()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + self._timeout
        with httpx2.Client(timeout=5, trust_env=False) as http:
            while True:
                if self._process is None or self._process.poll() is not None:
                    raise PlatformError(f"The platform has ended:\n{self.log()[-_LOG_SHOWN:]}")
                with contextlib.suppress(httpx2.TransportError):
                    if http.get(f"{self.url}/readyz").status_code == 200:
                        break
                if time.monotonic() > deadline:
                    raise PlatformError(
                        f"The platform is not ready after {self._timeout:g} s:\n{self.log()[-_LOG_SHOWN:]}"
                    )
                time.sleep(0.1)
        if not (self.folder / "user").exists():
            self._register(self.email, self.password)
            (self.folder / "user").write_text(f"{self.email}\n{self.password}\n")
        else:
            self.email, self.password = (self.folder / "user").read_text().split()

    def _register(self, email: str, password: str) -> None:
        with Kasal(self.url, email=email, password=password) as client:
            client.auth.register(email, password)
            client.workspace.update_plan("enterprise")

    def _is_port_taken(self) -> bool:
        return "in use" in self.log()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *exception: object) -> None:
        self.stop()
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None


def _command() -> list[str]:
    """Return the platform's command: of this Python, or of the PATH. Raises `PlatformError`."""
    if importlib.util.find_spec("kasal_platform") is not None:
        return [sys.executable, "-m", "kasal_platform"]
    found = shutil.which("kasal-platform")
    if found is None:
        raise PlatformError(
            "kasal-platform is not here: install it beside this package, or put it on the PATH."
        )
    return [found]


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, number)
        else:
            process.terminate()
