"""What a stack is made of: processes of the platform, and the backends it has started itself.

Each can be stopped, killed as by a crash, paused and started again, at the same address and with the
same data.
"""

import asyncio
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import aiohttp

from kasal_platform.local.program import LocalProgram

READY_WITHIN = 60.0
_GRACE = 20.0
"""Seconds that a process may take to end before it is killed; a worker gets as many in addition to the time
for calls that must not be made twice."""


class StackFailed(Exception):  # noqa: N818 - it says what happened
    """A process of the stack did not start; the text says which and where its log is."""


class StackPart(Protocol):
    """One process or backend of a stack."""

    async def start(self) -> None:
        """Start it (again) without waiting for it."""

    async def ready(self) -> None:
        """Wait until it serves. Raises `StackFailed` or `ProgramFailed` if it has ended."""

    async def stop(self) -> None:
        """Ask it to end, and wait for that."""

    async def kill(self) -> None:
        """End it at once, as a crash would."""

    def pause(self) -> None:
        """Stop its execution (SIGSTOP) until `resume`; its connections stay open."""

    def resume(self) -> None:
        """Continue it."""


@dataclass
class Process:
    """One process of the platform: its name (`worker-1`), its arguments, and what it listens on."""

    name: str
    arguments: tuple[str, ...]
    environment: dict[str, str]
    log: Path
    port: int
    metrics_port: int | None = None
    drain: float = 0.0
    child: asyncio.subprocess.Process | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        return self.child is not None and self.child.returncode is None

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self.child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                *self.arguments,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def ready(self) -> None:
        url = f"{self.url}/readyz"
        try:
            async with asyncio.timeout(READY_WITHIN), aiohttp.ClientSession() as http:
                while not await _is_ready(http, url):
                    if not self.running:
                        raise StackFailed(f"{self.name} ended while starting; see {self.log}")
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise StackFailed(f"{self.name} did not get ready in time; see {self.log}") from None

    async def wait_for_exit(self) -> str:
        """Wait until it has ended; return its exit status and where its log is."""
        assert self.child is not None  # noqa: S101 - it was started
        code = await self.child.wait()
        how = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
        return f"{how} (see {self.log})"

    def terminate(self) -> None:
        """Send it SIGTERM (again) without waiting."""
        self._signal(signal.SIGTERM)

    async def stop(self) -> None:
        await self.send(signal.SIGTERM, within=self.drain + _GRACE)

    @property
    def code(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs or if it was never started."""
        return None if self.child is None else self.child.returncode

    async def kill(self) -> None:
        await self.send(signal.SIGKILL)

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    async def send(self, number: int, within: float | None = None) -> None:
        """Send a signal; after SIGKILL and SIGTERM wait for its end, and kill it after `within` seconds."""
        child = self.child
        if child is None or child.returncode is not None:
            return
        child.send_signal(number)
        if number not in {signal.SIGKILL, signal.SIGTERM}:
            return
        try:
            await asyncio.wait_for(child.wait(), within)
        except TimeoutError:
            child.kill()
            await child.wait()

    def _signal(self, number: int) -> None:
        if self.child is not None and self.child.returncode is None:
            self.child.send_signal(number)


async def _is_ready(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


class Backend:
    """A backend that runs as a program of this machine."""

    def __init__(self, program: LocalProgram) -> None:
        self.program = program

    async def start(self) -> None:
        # On the main thread, since on Linux a child ends with the thread that started it.
        self.program.start()

    async def ready(self) -> None:
        await self.program.ready(READY_WITHIN)

    async def stop(self) -> None:
        await asyncio.to_thread(self.program.stop)

    async def kill(self) -> None:
        await asyncio.to_thread(self.program.kill)

    def pause(self) -> None:
        self.program.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.program.signal(signal.SIGCONT)
