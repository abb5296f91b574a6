"""What is done to the platform while it works: crashes, restarts and pauses, in a seeded order."""

import asyncio
import random
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from kasal_platform.stack import Stack

KILL, STOP, PAUSE = "kill", "stop", "pause"
BACKENDS = ("amqp", "redis", "mongo")
PLATFORM = "platform"
"""The only process of the embedded form."""
_SUPERVISED = 0.25
"""Seconds between two looks for processes that have ended by themselves."""


@dataclass(frozen=True)
class Fault:
    """`kill` and `stop` (SIGKILL and SIGTERM) are followed by a start after `seconds`, `pause`
    (SIGSTOP) by going on. `target` is a service, `worker`, or a backend.

    The target `platform` is started at once; with `seconds`, it is killed again so long after that, and only
    then left alone."""

    how: str
    target: str
    seconds: float


@dataclass
class Happened:
    """A fault that was carried out on the process `name`; times are of the wall clock. It is over
    when the process, or backend, serves again."""

    how: str
    name: str
    began: float
    over: float = float("inf")
    down: float = float("inf")
    """Seconds that it took to end."""


def plan(seed: int, rounds: int) -> list[Fault]:
    """Return each fault of the long journey `rounds` times, in a random order.

    Workers and relays get the most.
    """
    chance = random.Random(seed)
    faults: list[Fault] = []
    for _ in range(rounds):
        faults += [Fault(KILL, "worker", chance.uniform(0, 3)) for _ in range(3)]
        faults += [Fault(PAUSE, "worker", chance.uniform(2.5, 6)) for _ in range(2)]
        faults += [Fault(STOP, "worker", chance.uniform(0, 2))]
        faults += [Fault(KILL, "events", chance.uniform(0, 3)) for _ in range(2)]
        for how, target in (
            (STOP, "events"),
            (PAUSE, "events"),
            (KILL, "executor"),
            (STOP, "executor"),
            (PAUSE, "executor"),
            (KILL, "gateway"),
            (KILL, "crews"),
            (KILL, "auth"),
            (STOP, chance.choice(["gateway", "crews", "auth"])),
        ):
            faults.append(Fault(how, target, chance.uniform(0.5, 3)))
        for backend in BACKENDS:
            faults.append(Fault(KILL, backend, chance.uniform(0, 3)))
            faults.append(Fault(STOP, backend, chance.uniform(0, 3)))
        faults.append(Fault(PAUSE, chance.choice(BACKENDS), 2.5))
    chance.shuffle(faults)
    return faults


def short_plan(seed: int) -> list[Fault]:
    """Return one of each kind, for a journey of seconds."""
    chance = random.Random(seed)
    faults = [
        Fault(KILL, "worker", 0.5),
        Fault(PAUSE, "worker", 3.5),
        Fault(STOP, "worker", 0.0),
        Fault(KILL, "events", 0.5),
        Fault(KILL, "executor", 0.5),
        Fault(KILL, "amqp", 0.5),
        Fault(STOP, "redis", 0.5),
        Fault(KILL, "mongo", 0.5),
    ]
    chance.shuffle(faults)
    return faults


def embedded_plan(seed: int, count: int) -> list[Fault]:
    """Return so many faults of the embedded form.

    Of six, four are kills, one of them followed by a second kill while it starts; one is a stop and one a pause.
    """
    chance = random.Random(seed)
    faults: list[Fault] = []
    while len(faults) < count:
        six = [Fault(KILL, PLATFORM, 0.0) for _ in range(3)]
        six.append(Fault(KILL, PLATFORM, chance.uniform(0.1, 1.5)))
        six.append(Fault(STOP, PLATFORM, 0.0))
        six.append(Fault(PAUSE, PLATFORM, chance.uniform(2.5, 5)))
        chance.shuffle(six)
        faults += six
    return faults[:count]


@dataclass
class Chaos:
    """Carries faults out on a stack. `died` names the processes that ended without being told to;
    they are started again, as a supervisor would."""

    stack: Stack
    chance: random.Random
    happened: list[Happened] = field(default_factory=list)
    died: list[str] = field(default_factory=list)
    _busy: set[str] = field(default_factory=set)
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)

    async def carry_out(self, faults: Sequence[Fault], seconds: float) -> None:
        """Spread the faults over about so many seconds; return when all of them are over."""
        gap = seconds / max(1, len(faults))
        supervising = asyncio.create_task(self._supervise())
        try:
            async with asyncio.TaskGroup() as group:
                for fault in faults:
                    await asyncio.sleep(self.chance.uniform(0.4, 1.6) * gap)
                    group.create_task(self._one(fault))
            await asyncio.gather(*(self.stack.ready(name) for name in self.stack.processes))
        finally:
            supervising.cancel()

    async def _one(self, fault: Fault) -> None:
        name = await self._free(fault.target)
        happened = Happened(fault.how, name, time.time())
        self.happened.append(happened)
        try:
            if fault.how == PAUSE:
                self.stack.pause(name)
                await asyncio.sleep(fault.seconds)
                self.stack.resume(name)
            else:
                await (self.stack.kill(name) if fault.how == KILL else self.stack.stop(name))
                happened.down = time.time() - happened.began
                self._look(fault, name)
                await asyncio.sleep(fault.seconds)
                await self.stack.start(name)
            if name in self.stack.backends:
                await self.stack.ready(name)
            happened.over = time.time()
        finally:
            self._busy.discard(name)

    def _look(self, fault: Fault, name: str) -> None:
        process = self.stack.processes.get(name)
        # One that is told to stop before it has begun to listen for that ends by the signal.
        fine = {0, -signal.SIGTERM}
        if fault.how == STOP and process is not None and process.code not in fine:
            self.died.append(f"{name}, told to stop, ended with {process.code}; see {process.log}")

    async def _free(self, target: str) -> str:
        """Return a process of the target that nothing is done to at the moment."""
        names = self.stack.names_of(target) or [target]
        while True:
            free = [name for name in names if name not in self._busy]
            if free:
                name = self.chance.choice(free)
                self._busy.add(name)
                return name
            await asyncio.sleep(0.05)

    async def _supervise(self) -> None:
        while True:
            await asyncio.sleep(_SUPERVISED)
            for name, process in self.stack.processes.items():
                if not process.running and name not in self._busy:
                    self.died.append(f"{name} ended with {process.code}; see {process.log}")
                    await self.stack.start(name)
