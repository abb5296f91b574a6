"""The embedded form of a chaos journey: one process, killed and started again on the same folder."""

import asyncio
import contextlib
import os
import random
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from chaos.faults import KILL, PAUSE, PLATFORM, Fault, Happened
from executor.config import Settings as ExecutorSettings
from kasal_platform.local.program import free_port
from kasal_platform.parts import Process

_DRAIN = ExecutorSettings.model_fields["drain_seconds"].default


class Embedded:
    """Fulfils `ChaosForm` with `kasal-platform run`."""

    publish = None

    def __init__(self, process: Process, chance: random.Random) -> None:
        self._process = process
        self._chance = chance
        self.base = f"{process.url}/api/v1"
        self.happened: list[Happened] = []
        self.died: list[str] = []

    async def carry_out(self, faults: Sequence[Fault], seconds: float) -> None:
        """Carry out one fault after another, each some time after the platform serves again.

        So jobs get on between two faults, however slow the machine is.
        """
        gap = seconds / max(1, len(faults))
        for fault in faults:
            await asyncio.sleep(self._chance.uniform(0.4, 1.6) * gap)
            await self._keep_running()
            await self._one(fault)

    async def _keep_running(self) -> None:
        """Start it, as a supervisor would, if it has ended by itself."""
        if not self._process.running:
            self.died.append(f"it ended with {self._process.code}; see {self._process.log}")
            await self._process.start()
            await self._process.ready()

    async def _one(self, fault: Fault) -> None:
        happened = Happened(fault.how, PLATFORM, time.time())
        self.happened.append(happened)
        if fault.how == PAUSE:
            self._process.pause()
            await asyncio.sleep(fault.seconds)
            self._process.resume()
        else:
            await self._end(fault, happened)
            await self._start(fault.seconds)
        await self._process.ready()
        happened.over = time.time()

    async def _end(self, fault: Fault, happened: Happened) -> None:
        if fault.how == KILL:
            await self._process.kill()
        else:
            await self._process.stop()
            if self._process.code != 0:
                told = f"it ended with {self._process.code} when it was told to stop"
                self.died.append(f"{told}; see {self._process.log}")
        happened.down = time.time() - happened.began

    async def _start(self, seconds: float) -> None:
        """Start it; with `seconds`, kill it so long after, in the midst of its start, and start it again."""
        await self._process.start()
        if seconds:
            await asyncio.sleep(seconds)
            await self._process.kill()
            await self._process.start()

    async def dead_letters(self) -> list[str]:
        """Return the log lines that say so, since the bus itself keeps them in its process."""
        lines = self._process.log.read_text(errors="replace").splitlines()
        return [line for line in lines if "a message is a dead letter" in line]


@contextlib.asynccontextmanager
async def embedded(
    folder: Path, settings: Mapping[str, str], chance: random.Random
) -> AsyncIterator[Embedded]:
    """Run the platform with its data and its log in `folder`."""
    environment = {name: value for name, value in os.environ.items() if name[:6] != "KASAL_"}
    port = free_port()
    environment |= {
        "KASAL_DATA_DIR": str(folder / "data"),
        "KASAL_PORT": str(port),
        "KASAL_DEMO": "false",
        "KASAL_LOG_LEVEL": "INFO",
        **settings,
    }
    log = folder / f"{PLATFORM}.log"
    process = Process(PLATFORM, ("kasal_platform", "run"), environment, log, port, drain=_DRAIN)
    await process.start()
    try:
        await process.ready()
        yield Embedded(process, chance)
    finally:
        await process.stop()
